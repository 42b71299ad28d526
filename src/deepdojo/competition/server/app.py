"""The web application: pages and API behind one guard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import sqlalchemy as sa
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.tables import meta
from deepdojo.competition.server.board_bytes import BoardBytes
from deepdojo.competition.server.endpoints import api_routes
from deepdojo.competition.server.faults import answer_fault
from deepdojo.competition.server.pages import page_routes
from deepdojo.competition.server.room_bundle import RoomBundle
from deepdojo.competition.server.sandbox_state import SandboxState
from deepdojo.competition.server.security import Guard, Rates, allowed_hosts
from deepdojo.competition.server.writer import Writer
from deepdojo.competition.service import Service
from deepdojo.errors import DojoError

__all__ = ["create_app"]

_THREADS = 8
"""Each has a connection and an arena of memory; what they do takes 0.1 ms, so that more would only take turns."""


def create_app(
    database: Database,
    folder: Path,
    *,
    names: Iterable[str] = (),
    secure: bool = False,
    bundle: Path | None = None,
    elsewhere: bool = False,
) -> Starlette:
    """The application over an open database.

    Args:
        folder: the server's store.
        names: further names by which the server may be asked.
        secure: cookies travel over TLS alone.
        bundle: what `dojo bundle` wrote, offered below /install.
        elsewhere: no worker runs on this machine, so programs are taken whatever its sandbox lacks.
    """
    writer = Writer(database)
    service = Service(database, folder, writer.submit, SandboxState(elsewhere=elsewhere).missing)
    boards, rates = BoardBytes(service), Rates()

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        yield
        writer.close()

    with database.read() as connection:
        secret = connection.execute(sa.select(meta.c.value).where(meta.c.key == "secret")).scalar_one()
    guard = Middleware(Guard, service=service, secret=secret, hosts=allowed_hosts(names), secure=secure)
    offered = [] if bundle is None else RoomBundle(bundle, folder / "cache", folder / "events").routes()
    return Starlette(
        routes=[*api_routes(service, boards, rates), *offered, *page_routes(service, rates, bundle is not None)],
        middleware=[guard], lifespan=lifespan,
        exception_handlers={DojoError: _answer, HTTPException: _answer, Exception: _answer},
    )  # fmt: skip


async def _answer(request: Request, error: Exception) -> Response:
    return answer_fault(request, error)
