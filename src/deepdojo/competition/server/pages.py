"""Pages: not there yet on this branch."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def page_routes(service: object) -> list[Route]:
    return []


def fault_page(request: Request, refusal: object) -> Response:
    return PlainTextResponse(str(refusal), refusal.status)
