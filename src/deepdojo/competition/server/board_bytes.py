"""The board as bytes, kept by event, part, version and kind of viewer: making 1,000 rows costs ten times the reading.

All entrants see the same bytes; a host has others. What belongs to one person never stands in them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from deepdojo.competition.database.people import Person
from deepdojo.competition.service import Service

__all__ = ["BoardBytes"]

_LOOK_S = 0.05
_KEPT = 64


@dataclass(frozen=True)
class _Made:
    data: bytes
    tag: str


class BoardBytes:
    """Answers requests for boards; the version is looked up at most every 50 ms."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._versions: dict[tuple[str, bool], tuple[float, int]] = {}
        self._made: OrderedDict[tuple[str, bool, str, int], _Made] = OrderedDict()
        self._locks: dict[tuple[str, bool], asyncio.Lock] = {}

    async def version(self, name: str, viewer: Person | None) -> int:
        """As this viewer may see it."""
        key = (name, _host(viewer))
        known = self._versions.get(key)
        if known is not None and time.monotonic() - known[0] < _LOOK_S:
            return known[1]
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._versions.get(key)
            if known is not None and time.monotonic() - known[0] < _LOOK_S:
                return known[1]
            try:
                found = await run_in_threadpool(self.service.version, name, viewer)
            except Exception:
                self._locks.pop(key, None)  # names that do not exist must not fill the memory
                raise
            self._versions[key] = (time.monotonic(), found)
            return found

    async def answer(self, name: str, viewer: Person | None, part: str, known_tag: str | None) -> Response:
        """The board, or 304 where the asker has it."""
        version = await self.version(name, viewer)
        key = (name, _host(viewer), part, version)
        made = self._made.get(key)
        if made is None:
            made = await run_in_threadpool(self._make, name, viewer, part)
            self._made[key] = made
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        headers = {"etag": made.tag, "cache-control": "private, no-cache", "vary": "authorization, cookie"}
        if known_tag == made.tag:
            return Response(status_code=304, headers=headers)
        return Response(made.data, media_type="application/json", headers=headers)

    def _make(self, name: str, viewer: Person | None, part: str) -> _Made:
        data = json.dumps(self.service.board(name, viewer, part), ensure_ascii=False, separators=(",", ":")).encode()
        return _Made(data, f'"{hashlib.sha256(data).hexdigest()[:24]}"')


def _host(viewer: Person | None) -> bool:
    return viewer is not None and viewer.role == "host"
