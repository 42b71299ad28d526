"""The API: one table of routes, of which routing, the check of roles, and the OpenAPI description are made."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deepdojo.competition.cost import COSTS, stated_cost
from deepdojo.competition.database.people import Person
from deepdojo.competition.desk import Desk
from deepdojo.competition.event import moment
from deepdojo.competition.packing import pack
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.server.board_bytes import BoardBytes
from deepdojo.competition.server.bodies import file_kind, read_json, text_of, whole_body
from deepdojo.competition.server.handed_out import zip_of
from deepdojo.competition.server.page_words import language_of
from deepdojo.competition.server.refusal_words import fault_in
from deepdojo.competition.server.security import Rates, address_of
from deepdojo.competition.service import Service

__all__ = ["ENDPOINTS", "PREFIX", "Endpoint", "api_routes"]

PREFIX = "/api/v1"
_YEAR_10000_S = 253_402_300_800
_STREAM_S, _ALIVE_S, _STREAMS = 0.5, 15.0, 1000
Handler = Callable[["Api", Request], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """One row of the API.

    Attributes:
        role: anyone, signed_in (any token), entrant (who takes part), host.
        body: JSON fields of the body -> what they are; "raw" for a file.
        query: parameter -> what it is.
        does: the function of `Api`, where it is not called as the endpoint.
    """

    method: str
    path: str
    role: str
    name: str
    about: str
    body: dict[str, str] | str | None = None
    query: dict[str, str] = field(default_factory=dict)
    status: int = 200
    does: str | None = None


@dataclass
class Api:
    """What the handlers share."""

    service: Service
    boards: BoardBytes
    rates: Rates
    streams: int = 0

    @property
    def desk(self) -> Desk:
        return self.service.desk

    # ---- events ----

    async def events(self, _request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.service.events))

    async def event(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.service.event, _event(request), _viewer(request)))

    async def board(self, request: Request) -> Response:
        part = request.query_params.get("part", "public")
        return await self.boards.answer(_event(request), _viewer(request), part, request.headers.get("if-none-match"))

    async def stream(self, request: Request) -> Response:
        if self.streams >= _STREAMS:
            raise Refusal("too_many_requests", "too many pages listen already", todo="reload by hand", retry_after_s=60)
        name, viewer = _event(request), _viewer(request)
        first = await self.boards.version(name, viewer)
        return StreamingResponse(
            self._versions(request, name, viewer, first), media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )  # fmt: skip

    async def _versions(self, request: Request, name: str, viewer: Person | None, version: int) -> AsyncIterator[bytes]:
        self.streams += 1
        quiet = 0.0
        try:
            yield f"retry: 3000\nevent: version\ndata: {version}\n\n".encode()
            while not await request.is_disconnected():
                await asyncio.sleep(_STREAM_S)
                quiet += _STREAM_S
                now = await self.boards.version(name, viewer)
                if now != version:
                    version, quiet = now, 0.0
                    yield f"event: version\ndata: {version}\n\n".encode()
                elif quiet >= _ALIVE_S:
                    quiet = 0.0
                    yield b": still there\n\n"
        finally:
            self.streams -= 1

    async def data(self, request: Request) -> Response:
        name, code = _event(request), request.query_params.get("code")
        self.rates.check("join", address_of(request))
        try:
            await run_in_threadpool(self.service.may_fetch, name, _viewer(request), code)
        except Refusal:
            if code is not None:
                self.rates.count("join", address_of(request))
            raise
        path = await run_in_threadpool(zip_of, self.service.public_folder(name), self.service.folder / "cache")
        return FileResponse(path, media_type="application/zip", filename=f"{name}.zip")

    # ---- taking part ----

    async def join(self, request: Request) -> Response:
        address = address_of(request)
        self.rates.check("join", address)
        value, viewer = await read_json(request), _viewer(request)
        code = text_of(value, "code")
        try:
            if viewer is not None:
                told = await run_in_threadpool(self.service.enter, _event(request), code, viewer)
            else:
                told = await run_in_threadpool(self.service.join, _event(request), code, text_of(value, "name"))
        except Refusal as refusal:
            if refusal.code in ("wrong_code", "name_taken"):
                self.rates.count("join", address)
            raise
        return JSONResponse(told, 201)

    async def team(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.service.team, _event(request), _known(request)))

    async def join_team(self, request: Request) -> Response:
        self.rates.check("invite", address_of(request))
        invite = text_of(await read_json(request), "invite")
        try:
            told = await run_in_threadpool(self.service.join_team, _event(request), invite, _known(request))
        except Refusal as refusal:
            if refusal.code == "wrong_code":
                self.rates.count("invite", address_of(request))
            raise
        return JSONResponse(told)

    # ---- submissions ----

    async def submit(self, request: Request) -> Response:
        name, viewer = _event(request), _known(request)
        rules = await run_in_threadpool(self.service.check_sending, name, viewer)
        kind, file_name = file_kind(
            request.query_params.get("file_name", ""), request.headers.get("content-type", ""), rules
        )
        cost = stated_cost({name: request.query_params.get(name) for name in COSTS})
        async with whole_body(request, rules.largest_bytes, self.rates.large) as data:
            sent = await run_in_threadpool(
                lambda: self.service.send(
                    name, viewer, pack(data), file_name=file_name, kind=kind, note=request.query_params.get("note", ""),
                    key=request.headers.get("idempotency-key") or secrets.token_urlsafe(18),
                    address=address_of(request), cost=cost,
                )
            )  # fmt: skip
            told = await asyncio.wrap_future(sent)  # no thread waits: dozens would, each with memory of its own
        return JSONResponse(told, 202, {"location": f"{PREFIX}/submissions/{told['id']}"})

    async def submissions(self, request: Request) -> Response:
        found = await run_in_threadpool(self.service.submissions, _event(request), _known(request))
        return JSONResponse([_in_language(request, each) for each in found])

    async def submission(self, request: Request) -> Response:
        told = await run_in_threadpool(self.service.submission, request.path_params["id"], _known(request))
        return JSONResponse(_in_language(request, told))

    async def file(self, request: Request) -> Response:
        data, name = await run_in_threadpool(self.service.file, request.path_params["id"], _known(request))
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{_quoted(name)}"}
        return Response(data, media_type="application/octet-stream", headers=headers)

    async def choose(self, request: Request) -> Response:
        chosen = (await read_json(request)).get("chosen")
        if not isinstance(chosen, list) or not all(isinstance(each, str) for each in chosen):
            raise Refusal("bad_request", "it must be a list of submissions' ids", where="chosen", todo="send it")
        told = await run_in_threadpool(self.service.choose, _event(request), _known(request), chosen)
        return JSONResponse(told)

    # ---- the host ----

    async def host(self, request: Request) -> Response:
        viewer, action = _known(request), request.path_params["action"]
        if viewer.role != "host":
            raise Refusal("forbidden", "only the host may do this", todo="ask the host")
        value = await read_json(request) if action in ("extend", "announce") else {}
        values: dict[str, Any] = {}
        if action == "extend":
            values["ends"] = _moment(value.get("ends"))
        if action == "announce":
            values["text"] = text_of(value, "text", 10_000)
        told = await run_in_threadpool(lambda: self.service.host(_event(request), viewer, action, **values))
        return JSONResponse(told)

    async def me(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.service.me, _known(request)))

    async def hand_out(self, request: Request) -> Response:
        value, viewer = await read_json(request), _known(request)
        who, role = text_of(value, "name"), text_of(value, "role") if value.get("role") is not None else None
        return JSONResponse(await run_in_threadpool(self.desk.hand_out, _event(request), viewer, who, role), 201)

    async def revoke(self, request: Request) -> Response:
        who = text_of(await read_json(request), "name")
        return JSONResponse(await run_in_threadpool(self.desk.revoke, _event(request), _known(request), who))

    async def look(self, request: Request) -> Response:
        """What a host looks at: the last part of the address says which."""
        what, name, viewer = request.url.path.rpartition("/")[2], _event(request), _known(request)
        team = request.query_params.get("team")
        if what == "ladders" and team is not None:
            return JSONResponse(await run_in_threadpool(self.desk.ladder, name, viewer, team))
        return JSONResponse(await run_in_threadpool(getattr(self.desk, what), name, viewer))

    async def decide(self, request: Request) -> Response:
        what, viewer = request.url.path.rpartition("/")[2], _known(request)
        number = await run_in_threadpool(getattr(self.desk, what), _event(request), viewer)
        return JSONResponse({"event": _event(request), "version": number})

    async def audit(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.service.audit, _event(request), _known(request)))

    async def openapi(self, _request: Request) -> Response:
        from deepdojo.competition.server.openapi import description

        return JSONResponse(description())


_STATED = {"parameters": "stated by you: numbers that the model learned",
           "train_flops": "stated by you: floating-point operations of the training",
           "seconds": "stated by you: seconds of the training"}  # fmt: skip
ENDPOINTS = (
    Endpoint("GET", "/openapi.json", "anyone", "openapi", "This description."),
    Endpoint("GET", "/events", "anyone", "events", "All events."),
    Endpoint("GET", "/events/{event}", "anyone", "event", "Rules, state, announcements."),
    Endpoint("GET", "/events/{event}/board", "anyone", "board", "The board.",
             query={"part": "public, or private once the final board is open"}),
    Endpoint("GET", "/events/{event}/stream", "anyone", "stream", "Server-sent events: the board's version."),
    Endpoint("GET", "/events/{event}/data", "anyone", "data", "The public folder as a zip, for those who take part.",
             query={"code": "the join link's code"}),
    Endpoint("POST", "/events/{event}/join", "anyone", "join", "Take part: a token that is shown once.",
             body={"code": "the join link's code", "name": "how the board shall call you"}, status=201),
    Endpoint("GET", "/events/{event}/team", "entrant", "team", "Your team and its invitation."),
    Endpoint("POST", "/events/{event}/team", "entrant", "join_team", "Move into the team of an invitation.",
             body={"invite": "the invitation"}),
    Endpoint("POST", "/events/{event}/submissions", "entrant", "submit",
             "Send a table of predictions; where programs are asked for, a zip with predict.py or of a run.",
             body="raw", query={"file_name": "predictions.csv", "note": "what is new", **_STATED}, status=202),
    Endpoint("GET", "/events/{event}/submissions", "entrant", "submissions", "Your team's submissions."),
    Endpoint("POST", "/events/{event}/finals", "entrant", "choose", "Choose submissions for the final ranking.",
             body={"chosen": "a list of ids"}),
    Endpoint("GET", "/submissions/{id}", "entrant", "submission", "State, place in the queue, result or fault."),
    Endpoint("GET", "/submissions/{id}/file", "entrant", "file", "What was sent, again."),
    Endpoint("GET", "/me", "signed_in", "me", "Who you are: name, role, events."),
    Endpoint("GET", "/events/{event}/host/audit", "host", "audit", "What hosts did."),
    Endpoint("GET", "/events/{event}/host/people", "host", "people", "Who takes part; hosts and viewers.", does="look"),
    Endpoint("POST", "/events/{event}/host/token", "host", "hand_out", "A token for somebody, shown this once.",
             body={"name": "whose", "role": "entrant (default), viewer or host"}, status=201),
    Endpoint("POST", "/events/{event}/host/revoke", "host", "revoke", "End somebody's token and sessions.",
             body={"name": "whose"}),
    Endpoint("GET", "/events/{event}/host/queue", "host", "queue", "What waits to be scored.", does="look"),
    Endpoint("GET", "/events/{event}/host/ladders", "host", "ladders", "Where each team's Ladder stands.",
             query={"team": "of this team each step"}, does="look"),
    Endpoint("GET", "/events/{event}/host/copies", "host", "copies", "Files and addresses that several teams share.",
             does="look"),
    Endpoint("GET", "/events/{event}/host/anew", "host", "anew", "Versions of the answers; who would move.",
             does="look"),
    Endpoint("POST", "/events/{event}/host/apply", "host", "apply", "Let the previewed version count.", does="decide"),
    Endpoint("POST", "/events/{event}/host/cancel", "host", "cancel", "Leave the valid version.", does="decide"),
    Endpoint("POST", "/events/{event}/host/{action}", "host", "host", "freeze, unfreeze, extend or announce.",
             body={"ends": "of extend: a date and time", "text": "of announce"}),
)  # fmt: skip


def api_routes(service: Service, boards: BoardBytes, rates: Rates) -> list[Route]:
    """The table as routes, each with its role checked first."""
    api = Api(service, boards, rates)
    return [Route(PREFIX + row.path, _checked(api, row), methods=[row.method], name=row.name) for row in ENDPOINTS]


def _checked(api: Api, row: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    handler: Callable[[Request], Awaitable[Response]] = getattr(api, row.does or row.name)

    async def checked(request: Request) -> Response:
        if row.role != "anyone":
            viewer = _known(request)
            if row.role == "host" and viewer.role != "host":
                raise Refusal("forbidden", "only the host may do this", todo="ask the host")
        if row.method == "POST" and row.name != "join" and not request.state.by_token:
            raise Refusal("not_signed_in", "this needs a token", where="Authorization", todo="send Bearer TOKEN")
        return await handler(request)

    return checked


def _in_language(request: Request, told: dict[str, Any]) -> dict[str, Any]:
    """A submission with its fault in the asker's language."""
    return told if not told.get("fault") else {**told, "fault": fault_in(told["fault"], language_of(request))}


def _event(request: Request) -> str:
    return str(request.path_params["event"])


def _viewer(request: Request) -> Person | None:
    viewer: Person | None = request.state.viewer
    return viewer


def _known(request: Request) -> Person:
    viewer = _viewer(request)
    if viewer is None:
        raise Refusal("not_signed_in", "this needs a token", where="Authorization", todo="join first: dojo join URL")
    return viewer


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Refusal("bad_request", "it must be a date and time", where="ends", todo="write it as 2027-01-31T18:00")
    if isinstance(value, str):
        return moment(value)
    if not 0 <= value < _YEAR_10000_S:  # NaN and infinity are none either: JSON readers elsewhere stop at them
        raise Refusal(
            "bad_request", "it is no moment that a calendar has", where="ends", todo="give seconds since 1970"
        )
    return float(value)


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
