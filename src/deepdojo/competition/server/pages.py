"""The pages: what a browser sees of a competition server. Readable without JavaScript, in English and Chinese."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from deepdojo.competition.cost import COSTS
from deepdojo.competition.database.people import Person
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.server.page_actions import Actions
from deepdojo.competition.server.page_board import board_csv
from deepdojo.competition.server.page_desk import desk_view
from deepdojo.competition.server.page_forms import local_path
from deepdojo.competition.server.page_looks import render, static_file
from deepdojo.competition.server.page_tables import BoardTables, MadeTable
from deepdojo.competition.server.page_words import CODES, PageWords, language_of
from deepdojo.competition.server.refusal_words import markdown_in
from deepdojo.competition.server.security import Rates
from deepdojo.competition.service import Service
from deepdojo.report.figures import unit_of
from deepdojo.report.metric_facts import metric_title

__all__ = ["fault_page", "page_routes"]

_SHOWN = 1000


def page_routes(service: Service, rates: Rates | None = None, offers: bool = False) -> list[Route]:
    """All pages, forms and static files.

    Args:
        rates: counts wrong codes and tokens; give the one that the API has, so that both count together.
        offers: the server has a bundle, which the first page names.
    """
    pages = Pages(service, offers)
    acts = Actions(service, rates or Rates(), pages)

    def get(path: str, handler: Callable[..., Any]) -> Route:
        return Route(path, handler, methods=["GET"])

    def post(path: str, handler: Callable[..., Any]) -> Route:
        return Route(path, handler, methods=["POST"])

    return [
        get("/", pages.events), get("/static/{name}", pages.static),
        get("/sign-in", pages.sign_in), post("/sign-in", acts.sign_in), post("/sign-out", acts.sign_out),
        get("/submissions/{id}", pages.submission), get("/submissions/{id}/file", pages.file),
        get("/{event}", pages.overview), get("/{event}/board", pages.board), get("/{event}/data", pages.data),
        get("/{event}/rules", pages.rules),
        get("/{event}/submissions", pages.submissions), post("/{event}/submissions", acts.send),
        post("/{event}/finals", acts.choose),
        get("/{event}/team", pages.team), post("/{event}/team", acts.join_team),
        get("/{event}/join", pages.join), post("/{event}/join", acts.join),
        get("/{event}/desk", pages.desk), post("/{event}/desk", acts.host),
    ]  # fmt: skip


def fault_page(request: Request, refusal: Refusal) -> Response:
    """What was refused, why, and what to do."""
    language = language_of(request)
    asked = request.url.path if request.method == "GET" else "/"
    response = render(
        request, "fault.html", refusal.status, refusal=refusal, title=PageWords(language)(CODES[refusal.code]),
        next_page=quote(local_path(asked), safe="/"),
    )  # fmt: skip
    response.headers["cache-control"] = "no-store"
    return response


def known(request: Request) -> Person:
    """The viewer. Raises Refusal where nobody is signed in."""
    viewer = viewer_of(request)
    if viewer is None:
        raise Refusal("not_signed_in", "this page is for those who have signed in", todo="sign in with your token")
    return viewer


def viewer_of(request: Request) -> Person | None:
    found = request.state.viewer
    assert found is None or isinstance(found, Person)
    return found


class Pages:
    """The handlers that only read. They are plain functions, so starlette runs each in a thread."""

    def __init__(self, service: Service, offers: bool = False) -> None:
        self.service, self.offers = service, offers
        self.tables = BoardTables(service)

    def static(self, request: Request) -> Response:
        found = static_file(request.path_params["name"])
        if found is None:
            raise Refusal("not_found", "there is nothing at this address", todo="see the list of events")
        return found

    def events(self, request: Request) -> Response:
        return render(request, "events.html", events=self.service.events(), offers=self.offers)

    def sign_in(self, request: Request, status: int = 200, **more: Any) -> Response:
        return render(request, "sign_in.html", status, next_page=local_path(request.query_params.get("next")), **more)

    # ---- one event ----

    def event_page(self, request: Request, template: str, status: int = 200, **more: Any) -> Response:
        """A page below an event: its head and navigation are the same on all."""
        name, viewer = request.path_params["event"], viewer_of(request)
        event = {"team": None, "code": None, **self.service.event(name, viewer)}
        words = PageWords(language_of(request))
        told = {
            "event": event, "metric_title": words(metric_title(event["metric"])),
            "entered": event["team"] is not None, "is_host": viewer is not None and viewer.role == "host",
        }  # fmt: skip
        return render(request, template, status, **told, **more)

    def overview(self, request: Request) -> Response:
        code = request.query_params.get("code", "")
        fits = bool(code) and len(code) <= 40 and code.replace("-", "").replace("_", "").isalnum() and code.isascii()
        return self.event_page(request, "overview.html", given_code=code if fits else "")

    def rules(self, request: Request) -> Response:
        return self.event_page(request, "rules.html")

    def data(self, request: Request) -> Response:
        name, viewer = request.path_params["event"], viewer_of(request)
        self.service.event(name)  # so that a name from the address cannot become a path before it is known
        try:
            self.service.may_fetch(name, viewer)
            may = True
        except Refusal:
            may = False
        folder = self.service.public_folder(name)
        readme = folder / "README.md"
        text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
        files = contents(folder, folder.stat().st_mtime_ns) if folder.is_dir() else ()
        told = markdown_in(_without_title(text), language_of(request))
        return self.event_page(request, "data.html", may=may, readme=told, files=files)

    def board(self, request: Request) -> Response:
        name, viewer = request.path_params["event"], viewer_of(request)
        part = request.query_params.get("part", "public")
        if request.query_params.get("as") == "csv":
            written = board_csv(self.service.board(name, viewer, part))
            headers = {"content-disposition": f'attachment; filename="{name}-{part}.csv"'}
            return PlainTextResponse(written, headers=headers, media_type="text/csv; charset=utf-8")
        given = request.query_params.get("page", "1")
        page = int(given) if given.isdecimal() and len(given) < 6 else 1
        cost = request.query_params.get("cost", "")
        table = self.tables.get(name, viewer, part, language_of(request), max(1, page), cost)
        if request.query_params.get("fragment"):
            return _fragment(request, table)
        return self.event_page(
            request,
            "board.html",
            table=table.html,
            version=table.version,
            part=part,
            page=max(1, page),
            cost=cost if cost in COSTS else "",
        )

    # ---- one's own ----

    def submissions(self, request: Request, status: int = 200, **more: Any) -> Response:
        found = self._sent(request)
        return self.event_page(request, "submissions.html", status, submissions=found, **more)

    def submission(self, request: Request) -> Response:
        viewer = known(request)
        told = self.service.submission(request.path_params["id"], viewer)
        request.path_params["event"] = told["event"]
        told = self._told(told, self.service.event(told["event"])["metric"])
        template = "submission_state.html" if request.query_params.get("fragment") else "submission.html"
        response = self.event_page(request, template, told=told)
        response.headers["x-state"] = told["state"]
        return response

    def _sent(self, request: Request) -> list[dict[str, Any]]:
        name = request.path_params["event"]
        metric = self.service.event(name)["metric"]
        return [self._told(each, metric) for each in self.service.submissions(name, known(request), _SHOWN)]

    def _told(self, told: dict[str, Any], metric: str) -> dict[str, Any]:
        """A submission with its figures written out."""
        unit = unit_of(metric)

        def written(figures: dict[str, Any] | None) -> tuple[str, str]:
            if not figures or figures.get("value") is None:
                return "", ""
            value, low, high = figures["value"], figures.get("low"), figures.get("high")
            if low is None and unit.percent and figures.get("n"):  # as many digits as an interval would support
                half = figures["n"] ** -0.5
                return unit.score(value, value - half, value + half), ""
            return unit.score(value, low, high), unit.interval(value, low, high)

        return {**told, "shown": written(told), "plain_shown": written(told.get("plain")),
                "private_shown": written(told.get("private"))}  # fmt: skip

    def file(self, request: Request) -> Response:
        data, name = self.service.file(request.path_params["id"], known(request))
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
        return Response(data, media_type="application/octet-stream", headers=headers)

    def team(self, request: Request, status: int = 200, **more: Any) -> Response:
        told = self.service.team(request.path_params["event"], known(request))
        return self.event_page(request, "team.html", status, team=told, **more)

    def join(self, request: Request, status: int = 200, **more: Any) -> Response:
        filled = {"code": request.query_params.get("code", "")[:100], "name": ""}
        return self.event_page(request, "join.html", status, **({"filled": filled} | more))

    def desk(self, request: Request, status: int = 200, **more: Any) -> Response:
        told = desk_view(self.service, request.path_params["event"], known(request), request.query_params.get("team"))
        return self.event_page(request, "desk.html", status, submissions=self._sent(request), **told, **more)


def _fragment(request: Request, table: MadeTable) -> Response:
    """The table alone, for a page that is open; `x-version` says of which board."""
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"cache-control": "private, no-store", "vary": "cookie, accept-language, accept-encoding",
               "x-version": str(table.version)}  # fmt: skip
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(table.compressed if packed else table.html, media_type="text/html; charset=utf-8", headers=headers)


@lru_cache(maxsize=64)
def contents(folder: Path, _changed: int) -> tuple[tuple[str, int, int], ...]:
    """(name, files, bytes) of each entry of a public folder; a folder counts with all that is in it."""
    found = []
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.is_file(follow_symlinks=False):
            found.append((entry.name, 1, entry.stat().st_size))
        elif entry.is_dir(follow_symlinks=False):
            sizes = [p.stat().st_size for p in Path(entry.path).rglob("*") if p.is_file() and not p.is_symlink()]
            found.append((f"{entry.name}/", len(sizes), sum(sizes)))
    return tuple(found)


def _without_title(text: str) -> str:
    """The page has the title already."""
    first, _, rest = text.partition("\n")
    return rest if first.startswith("# ") else text
