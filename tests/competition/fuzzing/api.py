"""Requests made from the OpenAPI description, sent to a real server process, and what every answer must be."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from deepdojo.competition.database import people
from deepdojo.competition.refusal import STATUSES
from tests.competition.faults.processes import Site, site

LONGEST_S = 5.0
CHANCE = random.SystemRandom()  # hypothesis sets the seed of all others anew for each example
MOST_MB = 250.0
_ANY = st.text(st.characters(), max_size=60) | st.sampled_from(
    ["\0", "a\0b", "\ud800", "x\udfff", "\x85", "\u202e", "."]
)
_LATIN = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=40)


@dataclass
class Asked:
    """One request; header values are Latin-1, as HTTP has them."""

    operation: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None


@dataclass
class Room:
    """A served event with people in it, and what came back so far.

    Attributes:
        who: authorizations by name; "nobody" has none.
        statuses: (operation, status) -> how often.
    """

    site: Site
    who: dict[str, str | None]
    known: dict[str, list[str]]
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    slowest_s: float = 0.0

    def send(self, asked: Asked) -> str | None:
        """Send it from an address of its own (else one stranger's wrong tokens would shut all others out); what is
        wrong with the answer, or None."""
        begun = time.perf_counter()
        headers = {**asked.headers, "x-forwarded-for": ".".join(str(CHANCE.randrange(1, 255)) for _ in range(4))}
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=30)
        try:
            connection.putrequest(asked.method, asked.target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", "127.0.0.1")
            for name, value in headers.items():
                connection.putheader(name, value.encode("latin-1", "replace"))
            if asked.body is not None:
                connection.putheader("Content-Length", str(len(asked.body)))
            connection.endheaders(asked.body)
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            body = b"" if told.get("content-type", "").startswith("text/event-stream") else answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"no answer: {type(error).__name__}: {error}"
        finally:
            connection.close()
        took = time.perf_counter() - begun
        self.slowest_s = max(self.slowest_s, took)
        self.statuses[asked.operation, answer.status] += 1
        if took > LONGEST_S:
            return f"took {took:.1f} s"
        return fault_of(asked, answer.status, told, body)

    def memory_mb(self) -> float:
        text = Path(f"/proc/{self.site.running['web'].pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024

    def whole(self) -> list[str]:
        """What is wrong with the server after all this: ended, grown, a mistake in its log, no longer scoring."""
        found = []
        if self.site.running["web"].poll() is not None:
            return [f"the web process ended: {self.site.log('web')[-2000:]}"]
        if self.memory_mb() > MOST_MB:
            found.append(f"the web process has {self.memory_mb():.0f} MB")
        log = self.site.log("web")
        if "Traceback" in log:
            found.append("its log has a mistake: " + log[log.rindex("Traceback") :][-3000:])
        answer = self.site.post("last", self.site.arena.table(0.5, CHANCE.randrange(1 << 30)), f"last-{time.time()}")
        if answer.status != 202:
            found.append(f"it takes nothing any more: {answer.status} {answer.body!r}")
        self.site.drained()
        if answer.status == 202 and self.site.told("last", answer.json["id"])["state"] != "scored":
            found.append("it scores no longer")
        return found


def fault_of(asked: Asked, status: int, headers: dict[str, str], body: bytes) -> str | None:
    """What no request may bring about."""
    if status >= 500 and not (status == 503 and "retry-after" in headers):
        return f"{status}: {body[:300]!r}"
    if status == 304 or status < 300:
        return None
    if status == 307 and headers.get("location", "").startswith("http://127.0.0.1/"):
        return None  # a slash at the end too many
    if status < 400:
        return f"it sends elsewhere: {status} {headers.get('location')}"
    if headers.get("content-type", "").startswith("text/plain") and status == 400:
        return None  # by the HTTP parser, before any application sees it
    try:
        told = json.loads(body)
    except ValueError:
        return f"{status} without JSON: {body[:200]!r}"
    if STATUSES.get(told.get("code")) != status or not str(told.get("error") or "").strip():
        return f"{status} and the fault {told}"
    return "a traceback" if "Traceback" in str(told) else None


@contextlib.contextmanager
def room(folder: Path, db: str | None = None) -> Iterator[Room]:
    """Serve one event on SQLite or the PostgreSQL of an address, with two teams, a host and some submissions."""
    with site(db or str(folder / "server.sqlite"), folder, n=30) as served:
        served.arena.per_day = 100_000
        with served.arena.database.write() as connection:
            _, host = people.make_person(connection, "grace", "host", 0.0)
        who: dict[str, str | None] = {"nobody": None, "host": f"Bearer {host}", "wrong": "Bearer dd_wrong", "odd": "x"}
        who |= {name: f"Bearer {served.token(name)}" for name in ("ada", "bob", "last")}
        served.web()
        served.worker()
        ids = [served.post("ada", served.arena.table(0.5, k), f"k{k}").json["id"] for k in range(3)]
        served.drained()
        code = served.arena.event.code
        known = {"event": [served.arena.name], "id": ids, "code": [code], "part": ["public", "private"],
                 "action": ["extend", "announce", "freeze", "unfreeze"], "ends": ["2031-01-01T00:00"]}  # fmt: skip
        yield Room(served, who, known)


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of all that the description names."""
    return [
        (method.upper(), path, told) for path, each in description["paths"].items() for method, told in each.items()
    ]


def requests_of(made: Room, method: str, path: str, told: dict[str, Any]) -> st.SearchStrategy[Asked]:
    """Requests of one operation: each of its parameters left out, known, or anything; bodies likewise."""
    names = {
        place: [p["name"] for p in told["parameters"] if p["in"] == place] for place in ("path", "query", "header")
    }
    contents = (told.get("requestBody") or {}).get("content", {})
    fields = {name for content in contents.values() for name in content["schema"].get("properties", {})}

    @st.composite
    def one(draw: st.DrawFn) -> Asked:
        def value(name: str) -> str:
            return draw(st.one_of(st.sampled_from(made.known.get(name, ["x"])), _ANY))

        target = path
        for name in names["path"]:
            target = target.replace(f"{{{name}}}", quote(value(name) or "%", safe="", errors="surrogatepass"))
        query = {name: value(name) for name in names["query"] if draw(st.booleans())}
        if query:
            target += "?" + urlencode(query, errors="surrogatepass")
        headers = {name: draw(_LATIN) for name in names["header"] if draw(st.booleans())}
        signed = made.who[draw(st.sampled_from(sorted(made.who)))]
        if signed is not None:
            headers["authorization"] = signed
        body = None
        if contents:
            kind = draw(st.sampled_from([*contents, "text/plain", "application/octet-stream"]))
            headers["content-type"] = kind
            body = draw(st.one_of(st.binary(max_size=200), _bodies(fields, value)))
        return Asked(told["operationId"], method, target, headers, body)

    return one()


def _bodies(fields: set[str], value: Any) -> st.SearchStrategy[bytes]:
    plain = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _ANY),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )  # fmt: skip
    objects = st.fixed_dictionaries({}, optional={name: plain | st.just(value(name)) for name in sorted(fields)})
    return st.one_of(objects, plain).map(lambda told: json.dumps(told).encode())
