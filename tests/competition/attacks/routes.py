"""Every address of the server, from the tables that it is made of, filled in for one event."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from starlette.routing import Route

from deepdojo.competition.server.endpoints import ENDPOINTS, PREFIX, api_routes
from deepdojo.competition.server.pages import page_routes
from tests.competition.attacks.room import Arena, Visitor
from tests.competition.server.running import Answer

__all__ = ["Door", "doors", "everything", "opened_by", "plain"]

QUERIES = ("", "?part=private", "?part=frozen", "?as=csv", "?as=csv&part=private", "?fragment=1", "?lang=zh",
           "?page=1&part=private", "?code=x")  # fmt: skip
ROLES = {PREFIX + row.path: row.role for row in ENDPOINTS}


@dataclass(frozen=True)
class Door:
    """One method at one address; `role` is what the table of the API says, None for pages."""

    method: str
    path: str
    role: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def filled(self, event: str, submission: str) -> str:
        """The address for this event and submission."""
        names = {"event": event, "id": submission, "action": "freeze", "name": "pages.js"}
        return self.path.format(**names)


def doors() -> list[Door]:
    """All of them; nothing is served by this."""
    nothing = cast(Any, None)
    routes: list[Route] = [*api_routes(nothing, nothing, nothing), *page_routes(nothing, nothing)]
    return [
        Door(method, route.path, ROLES.get(route.path))
        for route in routes
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def opened_by(
    arena: Arena, who: Visitor | None, token: str | None, door: Door, submission: str, query: str = ""
) -> Answer:
    """Ask as a browser (pages) or with a token (API) would; a form without fields, or an empty object, is sent."""
    path = door.filled(arena.event, submission) + query
    if path.startswith("/api/"):
        return arena.ask(door.method, path, {} if door.method == "POST" else None, token)
    browser = who or Visitor(arena)
    if door.method == "GET":
        return browser.get(path)
    body = urlencode({"csrf": browser.csrf()}).encode()
    return browser.ask("POST", path, body, {"content-type": "application/x-www-form-urlencoded"})


def everything(arena: Arena, token: str | None, submission: str) -> Iterator[tuple[str, Answer]]:
    """(what was asked, answer) of every address with every query, as pages and as API; a host freezes nothing."""
    browser = Visitor(arena) if token is None else cast(Visitor, Visitor(arena).sign_in(token))
    for door in doors():
        if door.path.endswith(("/stream", "/sign-out", "/static/{name}")):
            continue
        if token == arena.host and door.method == "POST" and door.path.endswith(("/desk", "/{action}")):
            continue
        for query in QUERIES if door.method == "GET" else ("",):
            yield f"{door}{query}", opened_by(arena, browser, token, door, submission, query)


def plain(answer: Answer) -> str:
    """All that an answer says: head, body, and what lies packed in it."""
    body = answer.body
    if body.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            body = b"\n".join(name.encode() + archive.read(name) for name in archive.namelist())
    return f"{answer.headers}\n" + body.decode("utf-8", "replace")
