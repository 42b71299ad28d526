"""The boards' tables as HTML, kept: making one of 1,000 rows costs 0.1 s, and a room of browsers asks for it at once.

A table holds nothing of one person: entrants share it, hosts have another.
"""

from __future__ import annotations

import gzip
import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from deepdojo.competition.cost import COSTS
from deepdojo.competition.database.people import Person
from deepdojo.competition.server.page_board import board_view
from deepdojo.competition.server.page_looks import environment
from deepdojo.competition.server.page_words import PageWords
from deepdojo.competition.service import Service

__all__ = ["BoardTables", "MadeTable"]

_KEPT = 16
_FRESH_S = 0.5
_Key = tuple[str, str, bool, str, int, str]


@dataclass(frozen=True)
class MadeTable:
    """One table of the board's `version`; compressed as well, which is safe since no secret stands in it."""

    version: int
    html: str
    compressed: bytes
    at: float


class BoardTables:
    """Gives tables that are of the present version, or at most half a second old."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._made: OrderedDict[_Key, MadeTable] = OrderedDict()
        self._locks = [Lock() for _ in range(8)]

    def get(self, name: str, viewer: Person | None, part: str, language: str, page: int, cost: str = "") -> MadeTable:
        """Raises Refusal: no such event, or a part that this viewer may not see."""
        cost = cost if cost in COSTS else ""
        key = (name, part, viewer is not None and viewer.role == "host", language, page, cost)
        version = self.service.version(name, viewer)
        with self._locks[hash(key) % len(self._locks)]:  # one makes it, the others wait for that
            kept = self._made.get(key)
            if kept is not None and (kept.version == version or time.monotonic() - kept.at < _FRESH_S):
                return kept
            board, words = self.service.board(name, viewer, part), PageWords(language)
            view = board_view(board, words, page, cost)
            html = environment().get_template("board_table.html").render(view | {"t": words})
            made = MadeTable(board["version"], html, gzip.compress(html.encode(), 1), time.monotonic())
            if view["page"] <= view["pages"]:
                self._made[key] = made
                while len(self._made) > _KEPT:
                    self._made.pop(next(iter(self._made)), None)
            return made
