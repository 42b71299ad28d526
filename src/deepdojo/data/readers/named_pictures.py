"""Pictures by the name of what they show: shares of the names, and of the pictures of each, in the order of a hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepdojo.data.readers import RawRow
from deepdojo.data.rowset import hash_of
from deepdojo.errors import DataError, ProjectError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["by_name", "chosen", "draws_of", "name_of", "named_pictures"]


def name_of(row: RawRow) -> str:
    """What a picture shows: the group `label` of its path's pattern, else its folder."""
    return str(row.cells["label"] if row.cells.get("label") is not None else row.cells["folder"])


def by_name(rows: Iterable[RawRow]) -> dict[str, list[RawRow]]:
    """The rows of each name, in the order in which they come."""
    found: dict[str, list[RawRow]] = {}
    for row in rows:
        found.setdefault(name_of(row), []).append(row)
    return found


def chosen(
    rows: Iterable[RawRow], start: float, stop: float, each: Sequence[float], salt: str = ""
) -> Iterator[RawRow]:
    """The rows whose names, and which of each name, lie in these shares; in the order in which they come.

    Names stand in the order of a hash of them, the pictures of a name in that of a hash of their paths: what is added
    moves hardly any other. A share of 4.5 pictures is rounded as Python rounds, the same way from both sides.

    Raises:
        ProjectError: shares that are not from 0 to 1, in order.
    """
    for low, high, key in ((start, stop, "start, stop"), (*each, "each")):
        if not (isinstance(low, int | float) and isinstance(high, int | float) and 0 <= low < high <= 1):
            raise ProjectError(f"shares go from 0 to 1, got {low} to {high}", where=f"data.{key}")
    rows = list(rows)
    groups = by_name(row for row in rows if row.reject is None)
    names = _between(sorted(groups, key=lambda name: hash_of(f"{salt}{name}")), start, stop)
    kept = {
        row.file
        for name in names
        for row in _between(sorted(groups[name], key=lambda row: hash_of(f"{salt}{row.file}")), *each)
    }
    return (row for row in rows if row.reject is not None or row.file in kept)


def _between(ordered: list[Any], first: float, last: float) -> list[Any]:
    return ordered[round(first * len(ordered)) : round(last * len(ordered))]


def named_pictures(
    files: Files,
    glob: str | Sequence[str],
    pattern: str | None,
    start: float,
    stop: float,
    each: Sequence[float],
    salt: str,
) -> tuple[dict[str, list[RawRow]], list[RawRow]]:
    """Name -> its pictures, and what was rejected. Raises SourceError where no file matches, DataError for one name."""
    from deepdojo.data.readers.image_folder import read

    rows = list(read(files, glob, pattern=pattern, start=start, stop=stop, each=each, salt=salt))
    groups = by_name(row for row in rows if row.reject is None)
    if len(groups) < 2:
        raise DataError(
            f"pictures of {len(groups)} name{'' if len(groups) == 1 else 's'} cannot be compared", where="data.glob",
            todo="give pictures of two names or more, each in a folder of its own, or a pattern with a group `label`",
        )  # fmt: skip
    return groups, [row for row in rows if row.reject is not None]


def draws_of(salt: str, what: Mapping[str, object]) -> np.random.Generator:
    """The same draws for the same data and options, on every machine."""
    return np.random.default_rng(hash_of(f"{salt}{sorted(what.items())}"))
