"""Pairs of pictures, of one name or of two: what verification is asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from deepdojo.contracts import DIFFERENT, SAME
from deepdojo.data.readers import RawRow
from deepdojo.data.readers.named_pictures import draws_of, named_pictures

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]


def read(
    files: Files,
    glob: str | Sequence[str],
    *,
    pattern: str | None = None,
    start: float = 0.0,
    stop: float = 1.0,
    each: Sequence[float] = (0.0, 1.0),
    same: int = 3000,
    different: int = 3000,
    salt: str = "",
) -> Iterator[RawRow]:
    """One row a pair: `file`, `other`, `label` (same or different), `name`, `other_name`.

    All pairs of one name, or `same` of them, drawn; then `different` pairs of two names, or all. A name of one picture
    has no pair of its own: that picture is listed as rejected, and stands in pairs of two names all the same.

    Args:
        start, stop, each, salt: see the `files` reader; salt and options seed the draw.
    """
    groups, rejected = named_pictures(files, glob, pattern, start, stop, each, salt)
    yield from rejected
    pictures = [(name, row) for name, rows in groups.items() for row in rows]
    for name, rows in groups.items():
        if len(rows) == 1:
            yield RawRow(rows[0].cells, rows[0].file, None, f"it is the only picture of {name!r}: no pair is the same")
    owner = np.unique([name for name, _ in pictures], return_inverse=True)[1]
    first, second = np.triu_indices(len(pictures), 1)
    alike = owner[first] == owner[second]
    draws = draws_of(salt, {"same": same, "different": different, "names": sorted(groups)})
    kept = [_some(np.flatnonzero(side), most, draws) for side, most in ((alike, same), (~alike, different))]
    for number, at in enumerate(np.concatenate(kept).tolist(), 1):
        (name, a), (other, b) = pictures[first[at]], pictures[second[at]]
        label = SAME if alike[at] else DIFFERENT
        cells = {"file": a.file, "other": b.file, "label": label, "name": name, "other_name": other}
        yield RawRow(cells, a.file, number)


def _some(places: np.ndarray, most: int, draws: np.random.Generator) -> np.ndarray:
    return places if len(places) <= most else np.sort(draws.choice(places, most, replace=False))
