"""What reading gives before the split: rows, their places and parts, and what was left out; in memory or packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from deepdojo.data.files import Files
from deepdojo.data.packed_rows import PackedCells, PackedRows, RowPack
from deepdojo.data.project import Project
from deepdojo.data.split import SPLITS
from deepdojo.errors import DataError
from deepdojo.packs import Pack

__all__ = [
    "NO_PART",
    "PackedRead",
    "Read",
    "Rejected",
    "Taken",
    "Where",
    "extra_columns",
    "keyed_by_input",
    "nothing_left",
]

Where = tuple[str, int | None]
NO_PART = 255
"""The number of a part that no file is for."""


@dataclass(frozen=True)
class Rejected:
    """A row or file that was left out.

    Attributes:
        file: name of the file; line: the line in it, from 1, or None.
        id: the row's id, "" when it has none.
        reason: one clause.
    """

    file: str
    line: int | None
    id: str
    reason: str


def nothing_left(rejected: Sequence[Rejected]) -> DataError:
    """What is wrong with data of which no row can be used."""
    if not rejected:
        return DataError("the data hold no rows")
    first = rejected[0]
    place = first.file if first.line is None else f"{first.file}:{first.line}"
    if len(rejected) == 1:
        return DataError(f"the only row cannot be used: {first.reason}", where=place)
    return DataError(f"none of the {len(rejected):,} rows can be used; the first one: {first.reason}", where=place)


@dataclass
class Read:
    """What reading gives before the split, in memory.

    Attributes:
        fixed: the part that a row's file is for, or None.
        extra: cells of the columns that rows are split by.
        beside: of each row the cells of columns that no one asked for and that are called like a group.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    fixed: list[str | None] = field(default_factory=list)
    places: list[Where] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    extra: dict[str, list[Any]] = field(default_factory=dict)
    keys: None = None
    digests: None = None
    known: dict[str, int] = field(default_factory=dict)
    beside: list[dict[str, Any]] = field(default_factory=list)

    def find(self, row_id: str) -> int | None:
        return self.known.get(row_id)

    def where(self, at: int) -> Where:
        return self.places[at]

    def add(self, item: Taken) -> None:
        """Raises DataError for an id that was there before."""
        other = self.known.setdefault(item.row["id"], len(self.rows))
        if other < len(self.rows):
            raise _twins(item.row["id"], self.places[other], item.place)
        self.rows.append(item.row)
        self.fixed.append(item.part)
        self.places.append(item.place)
        self.beside.append(item.beside)
        for name, cell in item.extra.items():
            self.extra[name].append(cell)


def _twins(row_id: str, first: Where, second: Where) -> DataError:
    places = " and ".join(file if line is None else f"{file}:{line}" for file, line in (first, second))
    return DataError(f"two rows have the id {row_id!r} ({places})", todo="make ids unique, or remove `id` from [data]")


class PackedRead:
    """The same from a pack.

    Attributes:
        keys: what the split is drawn by, where that is a hash of each row's cells.
        digests: file -> SHA-256, as `Files.digests` gave it when the rows were packed.
        found: whether an earlier command packed them.
    """

    def __init__(self, pack: Pack, project: Project, files: Files) -> None:
        names = extra_columns(project)
        source = RowPack(pack, project.contract, files, names)
        self.source = source
        columns = ("id", *project.contract.columns)
        self.rows = PackedRows(source, np.arange(source.n, dtype=np.uint32), columns)
        self.extra = {name: PackedCells(source, cells) for name, cells in source.extra.items()}
        self.keys = None if source.keys is None else PackedCells(source, source.keys)
        self.fixed = PackedCells(source, _PartNames(source.part))
        self.rejected = _RejectedCells(source.rejected)
        self.digests: dict[str, str] = pack.meta["digests"]
        self.beside: list[dict[str, Any]] = []  # rows on the disk have the columns that were asked for alone
        self.find, self.where = source.find, source.where
        self.found = False
        if (twins := source.twins()) is not None:
            first, later = twins
            raise _twins(self.rows[later]["id"], source.where(first), source.where(later))


class _RejectedCells(Sequence[Rejected]):
    def __init__(self, cells: Any) -> None:
        self.cells = cells

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        if at >= len(self):
            raise IndexError(at)
        return Rejected(**self.cells[at])


class _PartNames:
    def __init__(self, codes: Any) -> None:
        self.codes = codes

    def __getitem__(self, at: int) -> str | None:
        code = int(self.codes[at])
        return None if code == NO_PART else SPLITS[code]


def extra_columns(project: Project) -> list[str]:
    """The columns that rows are split by."""
    split = project.spec.split
    wanted = (split.group, split.order, split.test.column if split.test else None)
    return list(dict.fromkeys(c for c in wanted if c is not None))


def keyed_by_input(project: Project, parts: set[str | None]) -> bool:
    """Whether the split is drawn by a hash of each row's input."""
    split = project.spec.split
    by_input = split.group is None and project.spec.data.id is None
    drawn = split.order is None and not {"test", "validation"} <= parts
    return by_input and drawn and split.repeats == "together"


class Taken(NamedTuple):
    """One row on its way into memory or a pack: its cells, those that it is split by, its file's part, its place."""

    row: dict[str, Any]
    extra: dict[str, Any]
    part: str | None
    place: Where
    beside: dict[str, Any] = {}  # noqa: RUF012 - never written to
