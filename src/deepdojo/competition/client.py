"""A competition server from the other side: one class over the API, with the standard library's HTTP alone.

Nothing here trusts the server: answers have a largest size, a time limit, and their JSON is looked at before it is
used. A 503 and a connection that breaks are tried again; a submission always with the same key, so that the server
takes it once however often it arrives.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

from deepdojo import __version__
from deepdojo.competition.address import Address, parse_address
from deepdojo.competition.proxy_faults import PROXY_FAULTS
from deepdojo.competition.refusal import STATUSES, Refusal
from deepdojo.competition.tokens import token_for
from deepdojo.errors import DojoError

__all__ = ["Client", "client_of"]

PREFIX = "/api/v1"
_JSON_BYTES = 256 << 20
_TRIES = 5
_LONGEST_WAIT_S = 10.0
_CHUNK = 1 << 20
_SILENCE_S = 40.0  # the server gives a sign of life every 15 s
_LINE = 1 << 12
_BROKEN = (http.client.HTTPException, OSError)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """One server, as one person or as nobody.

    Args:
        server: "http://room:8000".
        token: as `dojo join` keeps it.
        timeout_s: for a connection, and for each silence in an answer.
        tries: of each request, where waiting may help.
    """

    def __init__(self, server: str, token: str | None = None, *, timeout_s: float = 30.0, tries: int = _TRIES) -> None:
        self.server, self.token, self.timeout_s, self.tries = server.rstrip("/"), token, timeout_s, tries

    # ---- looking ----

    def events(self) -> list[dict[str, Any]]:
        """All events."""
        return _list(self._json("GET", "/events"), "the events")

    def event(self, name: str) -> dict[str, Any]:
        """Rules, state, announcements."""
        return _object(self._json("GET", f"/events/{_part(name)}"), "the event")

    def board(self, name: str, part: str = "public") -> dict[str, Any]:
        """The board with its head; see `Service.board`."""
        more = "" if part == "public" else f"?{urlencode({'part': part})}"
        told = _object(self._json("GET", f"/events/{_part(name)}/board{more}"), "the board")
        if not isinstance(told.get("rows"), list):
            raise self._strange("the board has no rows")
        return told

    def board_if_new(
        self, name: str, etag: str | None, part: str = "public"
    ) -> tuple[dict[str, Any] | None, str | None]:
        """The board where it is another than that of `etag`, else None; and the new etag."""
        headers = {} if etag is None else {"if-none-match": etag}
        more = "" if part == "public" else f"?{urlencode({'part': part})}"
        answer = self._ask("GET", f"/events/{_part(name)}/board{more}", headers=headers)
        if answer.status == 304:
            return None, etag
        return _object(self._parsed(answer), "the board"), answer.headers.get("etag")

    def versions(self, name: str) -> Iterator[int]:
        """The board's version, now and after each change, as the server tells it; ends when the server ends it.

        Raises:
            Refusal: what the server refuses. DojoError: no connection, no sign of life, or no stream of events.
        """
        connection = self._connection(_SILENCE_S)
        try:
            connection.request("GET", self._path(f"/events/{_part(name)}/stream"), headers=self._headers({}))
            response = connection.getresponse()
            told = {key.lower(): value for key, value in response.getheaders()}
            if response.status != 200:
                self._good(_Answer(response.status, told, self._limited(response)))
            if not told.get("content-type", "").startswith("text/event-stream"):
                raise self._strange("it tells no events")
            while line := response.readline(_LINE):
                if line.startswith(b"data:") and line[5:].strip().isdigit():
                    yield int(line[5:])
        except _BROKEN as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()

    # ---- taking part ----

    def join(self, name: str, code: str, who: str) -> dict[str, Any]:
        """A new person; gives event, name, token. Tried again only while it cannot have arrived: the second of two
        would find its own name taken."""
        body = {"code": code, "name": who}
        return _object(self._json("POST", f"/events/{_part(name)}/join", body, again=False), "the answer")

    def enter(self, name: str, code: str) -> dict[str, Any]:
        """Join with the token that is there already."""
        return _object(self._json("POST", f"/events/{_part(name)}/join", {"code": code}), "the answer")

    def team(self, name: str) -> dict[str, Any]:
        """One's team: name, invitation, members, finals (how many it may choose), chosen."""
        return _object(self._json("GET", f"/events/{_part(name)}/team"), "the team")

    def join_team(self, name: str, invite: str) -> dict[str, Any]:
        """Move into the team of the invitation."""
        return _object(self._json("POST", f"/events/{_part(name)}/team", {"invite": invite}), "the team")

    def data(
        self, name: str, target: Path, *, code: str | None = None, most_bytes: int = 200 << 30,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:  # fmt: skip
        """The public folder as a zip, written to `target`; its size.

        Args:
            progress: called with bytes so far and in all (0 where the server does not say).
        """
        more = "" if code is None else f"?{urlencode({'code': code})}"
        path = f"/events/{_part(name)}/data{more}"

        def save(response: http.client.HTTPResponse) -> bytes:
            size, said = 0, response.getheader("content-length") or ""
            total = int(said) if said.isdecimal() else 0
            with target.open("wb") as file:
                while chunk := response.read(_CHUNK):
                    size += len(chunk)
                    if size > most_bytes:
                        raise self._strange(f"the data are larger than {most_bytes >> 30:,} GiB")
                    file.write(chunk)
                    if progress is not None:
                        progress(size, total)
            if total and size != total:
                raise http.client.IncompleteRead(b"", total - size)
            return b""

        self._ask("GET", path, read=save)
        return target.stat().st_size

    # ---- submissions ----

    def submit(
        self, name: str, file: Path, *, file_name: str | None = None, note: str = "", key: str | None = None,
        cost: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Send a file, streamed from the disk; gives id, event, state, before.

        Args:
            key: the idempotency key. Default: a new one, used for each try of this call.
            cost: what you state of `cost.COSTS`.
        """
        asked = urlencode({"file_name": file_name or file.name, "note": note, **(cost or {})}, quote_via=quote)
        headers = {"content-type": "application/octet-stream", "idempotency-key": key or secrets.token_urlsafe(18)}
        answer = self._ask("POST", f"/events/{_part(name)}/submissions?{asked}", file, headers)
        return _object(self._parsed(answer), "the answer")

    def submission(self, public_id: str) -> dict[str, Any]:
        """State, place in the queue, result or fault."""
        return _object(self._json("GET", f"/submissions/{_part(public_id)}"), "the submission")

    def submissions(self, name: str) -> list[dict[str, Any]]:
        """Those of one's team, the newest first."""
        return _list(self._json("GET", f"/events/{_part(name)}/submissions"), "the submissions")

    def file(self, public_id: str) -> bytes:
        """What was sent, again."""
        return self._ask("GET", f"/submissions/{_part(public_id)}/file").body

    def choose(self, name: str, chosen: list[str]) -> list[dict[str, Any]]:
        """Name one's submissions for the final ranking; the team's list."""
        found = self._json("POST", f"/events/{_part(name)}/finals", {"chosen": chosen})
        return _list(found, "the submissions")

    def wait(
        self, public_id: str, *, most_s: float = math.inf, told: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """The submission once it no longer waits, or as it stands after `most_s`.

        Args:
            told: called with each state that was seen.
        """
        end, pause = time.monotonic() + most_s, 0.1
        while True:
            found = self.submission(public_id)
            if told is not None:
                told(found)
            if found.get("state") != "queued" or time.monotonic() >= end:
                return found
            time.sleep(pause)
            pause = min(2.0, pause * 1.4)

    # ---- the host ----

    def host(self, name: str, action: str, **values: Any) -> dict[str, Any]:
        """freeze, unfreeze, extend (ends), announce (text)."""
        return _object(self._json("POST", f"/events/{_part(name)}/host/{_part(action)}", values), "the event")

    def me(self) -> dict[str, Any]:
        """Who one is: name, role, events."""
        return _object(self._json("GET", "/me"), "the answer")

    def look(self, name: str, what: str) -> Any:
        """people, queue, ladders, copies or anew, as the host's desk has them."""
        return self._json("GET", f"/events/{_part(name)}/host/{_part(what)}")

    def hand_out(self, name: str, who: str, role: str | None = None) -> dict[str, Any]:
        """A token for somebody, shown this once: name, role, token."""
        body = {"name": who, **({} if role is None else {"role": role})}
        return _object(self._json("POST", f"/events/{_part(name)}/host/token", body, again=False), "the answer")

    def revoke(self, name: str, who: str) -> dict[str, Any]:
        """End somebody's token and sessions."""
        return _object(self._json("POST", f"/events/{_part(name)}/host/revoke", {"name": who}), "the answer")

    def audit(self, name: str) -> list[dict[str, Any]]:
        """What hosts did."""
        return _list(self._json("GET", f"/events/{_part(name)}/host/audit"), "the log")

    # ---- within ----

    def _json(self, method: str, path: str, body: dict[str, Any] | None = None, *, again: bool = True) -> Any:
        headers = {} if body is None else {"content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        return self._parsed(self._ask(method, path, data, headers, again=again))

    def _ask(
        self, method: str, path: str, body: bytes | Path | None = None, headers: Mapping[str, str] | None = None, *,
        again: bool = True, read: Callable[[http.client.HTTPResponse], bytes] | None = None,
    ) -> _Answer:  # fmt: skip
        """One request, tried up to five times."""
        wait = 0.2
        for left in range(self.tries)[::-1]:
            connection = self._connection()
            arrived = False
            try:
                connection.connect()
                arrived = True
                answer = self._once(connection, method, path, body, headers or {}, read)
            except ssl.SSLCertVerificationError as error:
                raise DojoError(
                    f"the server's certificate is not trusted ({error.verify_message})", where=self.server,
                    todo="ask the host; SSL_CERT_FILE may name the room's own authority",
                ) from None  # fmt: skip
            except _BROKEN as error:
                if not left or (arrived and not again):
                    raise self._unreachable(error) from None
            else:
                if answer.status != 503 or not left:
                    return self._good(answer)
                said = answer.headers.get("retry-after", "")
                wait = float(said) if said.isdecimal() else wait
            finally:
                connection.close()
            time.sleep(min(wait, _LONGEST_WAIT_S))
            wait *= 2
        raise AssertionError("the last try returns or raises")

    def _connection(self, timeout_s: float | None = None) -> http.client.HTTPConnection:
        wait = self.timeout_s if timeout_s is None else timeout_s
        parts = urlsplit(self.server)
        assert parts.hostname is not None
        if parts.scheme == "https":
            return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=wait)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=wait)

    def _path(self, path: str) -> str:
        return urlsplit(self.server).path + PREFIX + path

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        sent = {"accept": "application/json", "user-agent": f"deepdojo/{__version__}", **more}
        return sent if self.token is None else {**sent, "authorization": f"Bearer {self.token}"}

    def _once(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | Path | None,
        headers: Mapping[str, str], read: Callable[[http.client.HTTPResponse], bytes] | None,
    ) -> _Answer:  # fmt: skip
        sent, whole = self._headers(headers), self._path(path)
        try:
            if isinstance(body, Path):
                sent["content-length"] = str(body.stat().st_size)
                with body.open("rb") as file:
                    connection.request(method, whole, file, sent)
            else:
                connection.request(method, whole, body, sent)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server answered before it had read all: what it said is still there to be read
        response = connection.getresponse()
        told = {name.lower(): value for name, value in response.getheaders()}
        if read is not None and response.status == 200:
            return _Answer(200, told, read(response))
        return _Answer(response.status, told, self._limited(response))

    def _limited(self, response: IO[bytes]) -> bytes:
        data = response.read(_JSON_BYTES + 1)
        if len(data) > _JSON_BYTES:
            raise self._strange(f"the answer is larger than {_JSON_BYTES >> 20} MiB")
        return data

    def _good(self, answer: _Answer) -> _Answer:
        """The answer, if it is none of a fault. Raises Refusal with what the server said."""
        if answer.status < 300 or answer.status == 304:
            return answer
        if answer.status < 400:
            raise DojoError(
                f"the server sends us to another address ({answer.headers.get('location', '')[:80]!r})",
                where=self.server, todo="use that address, if it is the host's",
            )  # fmt: skip
        told = None
        with contextlib.suppress(ValueError, RecursionError):
            told = json.loads(answer.body)
        if not isinstance(told, dict) or not isinstance(told.get("error"), str):
            if answer.status in PROXY_FAULTS:
                raise DojoError(PROXY_FAULTS[answer.status][0], where=self.server, todo=PROXY_FAULTS[answer.status][1])
            raise self._strange(f"it answers {answer.status} without saying why")
        code = told.get("code") if told.get("code") in STATUSES else "bad_request"
        where, todo = (_clean(told[name]) if isinstance(told.get(name), str) else None for name in ("where", "todo"))
        raise Refusal(str(code), _clean(told["error"]), where=where, todo=todo)

    def _parsed(self, answer: _Answer) -> Any:
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise self._strange("the answer is no JSON") from None

    def _strange(self, what: str) -> DojoError:
        return DojoError(f"this is no competition server, or one of another version: {what}", where=self.server,
                         todo="look at the address")  # fmt: skip

    def _unreachable(self, error: BaseException) -> DojoError:
        if isinstance(error, socket.gaierror):
            why = "there is no machine of this name"
        elif isinstance(error, TimeoutError):
            why = f"no answer came in {self.timeout_s:g} s"
        elif isinstance(error, ConnectionRefusedError):
            why = "nothing listens there"
        elif isinstance(error, OSError) and error.filename is not None:
            return DojoError(f"cannot be read ({error.strerror})", where=os.fspath(error.filename))
        else:
            why = f"the connection broke ({type(error).__name__})"
        return DojoError(f"the server cannot be reached: {why}", where=self.server,
                         todo="look at the address, and whether dojo serve runs there")  # fmt: skip


def client_of(address: str | Address, *, signed_in: bool = True, timeout_s: float = 30.0) -> tuple[Client, str]:
    """A client for the event of an address, and the event's name.

    Raises:
        UsageError: no address; `signed_in` and nobody has joined from here.
    """
    place = parse_address(address) if isinstance(address, str) else address
    token = token_for(place.server, place.event)["token"] if signed_in else None
    return Client(place.server, token, timeout_s=timeout_s), place.event


def _part(text: str) -> str:
    return quote(text, safe="")


def _clean(text: str) -> str:
    """Without signs that would act on a terminal, and not endless."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:2000]


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DojoError(f"{what} came in a form that is not known", todo="update DeepDojo here or at the host's")
    return value


def _list(value: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise DojoError(f"{what} came in a form that is not known", todo="update DeepDojo here or at the host's")
    return value
