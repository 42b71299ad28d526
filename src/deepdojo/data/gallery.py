"""A gallery: pictures with names, with which another picture is compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

__all__ = ["Gallery", "pairs_of"]


class Gallery(tuple[tuple[str, Any], ...]):
    """(name, picture) pairs; a name may have several pictures."""

    __slots__ = ()

    @property
    def names(self) -> list[str]:
        """Each name once, in the order in which they come."""
        return list(dict.fromkeys(name for name, _ in self))

    def without(self, picture: str) -> Gallery:
        """The others: a picture is never compared with itself."""
        if all(getattr(cell, "name", None) != picture for _, cell in self):
            return self
        return Gallery(pair for pair in self if getattr(pair[1], "name", None) != picture)


def pairs_of(cell: Any) -> list[tuple[str, Any]] | None:
    """(name, picture) pairs of a raw cell: a reader's own, or a JSON list of [name, file]; None where it is neither."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    if not isinstance(cell, Sequence):
        return None
    found = []
    for pair in cell:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            return None
        if not isinstance(pair[0], str) or not pair[0].strip():
            return None
        found.append((pair[0].strip(), pair[1]))
    return found
