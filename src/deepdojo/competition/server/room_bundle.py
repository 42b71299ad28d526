"""What `dojo bundle` wrote, for the room: wheels in a list that pip reads, projects as zips, and the lines to type."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from deepdojo.competition.bundle_facts import bundle_facts, kept_back
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.server.handed_out import zip_folder
from deepdojo.competition.server.page_looks import render

__all__ = ["RoomBundle", "room_lines"]


class RoomBundle:
    """The pages below /install. The folder is read once: its names alone are answered, so none becomes a path.

    Args:
        folder: as `dojo bundle` wrote it; projects whose answers are hidden here are left out of it. cache: a folder
            for the projects' zips. events: the store's.

    Raises:
        UsageError: it is no bundle.
    """

    def __init__(self, folder: Path, cache: Path, events: Path) -> None:
        self.facts: dict[str, Any] = bundle_facts(folder)
        self._wheels = {path.name: path for path in sorted((folder / "wheels").glob("*.whl"))}
        self._projects = {name: folder / "projects" / name for name in self.facts["projects"]}
        self._cache, self._folder, self._events = cache, folder, events

    def routes(self) -> list[Route]:
        """All below /install, for anyone in the room."""
        return [
            Route("/install", self.page), Route("/install/wheels/", self.index),
            Route("/install/wheels/{name}", self.wheel), Route("/install/projects/{name}.zip", self.project),
        ]  # fmt: skip

    def page(self, request: Request) -> Response:
        origin = f"{request.url.scheme}://{request.headers.get('host', '')}"
        lines = room_lines(origin, self.facts["extras"])
        back = kept_back(self._folder, self._events)  # each time: an event may have been hosted since
        facts = {**self.facts, "projects": [name for name in self.facts["projects"] if name not in back]}
        return render(request, "install.html", lines=lines, facts=facts, origin=origin)

    def index(self, _request: Request) -> Response:
        links = "\n".join(f'<a href="{quote(name)}">{html.escape(name)}</a><br>' for name in self._wheels)
        return HTMLResponse(
            f"<!doctype html>\n<html><head><title>Wheels</title></head><body>\n{links}\n</body></html>\n"
        )

    def wheel(self, request: Request) -> Response:
        path = self._wheels.get(request.path_params["name"])
        if path is None:
            raise Refusal("not_found", "there is no such wheel", todo="see /install")
        return FileResponse(path, media_type="application/octet-stream")

    async def project(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._projects or name in await run_in_threadpool(kept_back, self._folder, self._events):
            raise Refusal("not_found", "there is no such project", todo="see /install")
        path = await run_in_threadpool(zip_folder, self._projects[name], self._cache / f"bundle-{name}.zip")
        return FileResponse(path, media_type="application/zip", filename=f"{name}.zip")


def room_lines(origin: str, extras: list[str]) -> tuple[str, str]:
    """The line for Linux and macOS and that for Windows: pip takes all from this server."""
    wanted = "deepdojo" + (f"[{','.join(extras)}]" if extras else "")
    wanted = f'"{wanted}"' if extras else wanted
    trusted = "" if origin.startswith("https:") else f" --trusted-host {urlsplit(origin).hostname}"
    tail = f"install --no-index --find-links {origin}/install/wheels/{trusted} {wanted}"
    return f"python3 -m venv dojo && dojo/bin/pip {tail}", f"py -m venv dojo; dojo\\Scripts\\pip {tail}"
