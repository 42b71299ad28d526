"""Prediction tables: kinds of cells, CSV, TSV, JSON lines, Parquet, alignment by id. Faults name file, line, column.

Torch-free. A table is columns of plain Python cells; the text form of each kind is in `TEXT_FORMS`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.boxes import box_fault
from deepdojo.columns import Cells, ColumnBuilder, Distributions
from deepdojo.contracts import MEDIA, KindName
from deepdojo.errors import ScoreError, nearest

__all__ = [
    "TEXT_FORMS",
    "Table",
    "TableBuilder",
    "TableRows",
    "align",
    "check_cells",
    "media_bytes",
    "read_table",
    "write_table",
]

TEXT_FORMS: Mapping[KindName, str] = {
    "label": "as is",
    "labels": 'a JSON list of labels: ["cat", "dog"]',
    "text": "as is",
    "texts": 'a JSON list of texts: ["a cat", "one cat"]',
    "tokens": "words parted by single blanks",
    "number": "a decimal",
    "vector": "a JSON list of numbers: [1.5, 2]",
    "matrix": "a JSON list of lists of numbers, all of one length",
    "skeleton": "a JSON list of frames, each a list of joints, each three numbers",
    "distribution": 'a JSON object, label to probability: {"cat": 0.9, "dog": 0.1}',
    "marginals": 'a JSON object, label to the probability that the row has it: {"cat": 0.9, "dog": 0.7}',
    "boxes": 'a JSON list of boxes, each [label, score, x0, y0, x1, y1] in pixels: [["cat", 0.9, 4, 8, 30, 42]]',
    "record": "a JSON object, column to cell",
    "image": "a path inside the zip",
    "video": "a path inside the zip",
    "audio": "a path inside the zip",
    "gallery": 'a JSON list of names and pictures: [["anna", "anna/1.png"], ["ben", "ben/7.png"]]',
}
SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Table:
    """Columns of cells, all of one length; `columns["id"]` is always there.

    Attributes:
        columns: cells by column name.
        source: the file that it was read from, for messages.
        lines: the line (text files) or row number (Parquet) of each row in that file.
    """

    columns: MutableMapping[str, Sequence[Any]]
    source: str = "table"
    lines: Sequence[int] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if "id" not in self.columns:
            raise ScoreError("the column 'id' is missing", where=self.source, todo="give every row its id")
        lengths = {name: len(cells) for name, cells in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ScoreError(f"columns differ in length: {lengths}", where=self.source)

    def __len__(self) -> int:
        return len(self.columns["id"])

    @property
    def ids(self) -> Sequence[str]:
        return self.columns["id"]

    def rows(self) -> TableRows:
        """One dict a row, made when it is asked for."""
        return TableRows(self)

    def where(self, index: int, column: str | None = None) -> str:
        """Where a row stands, for an error: file, line, id and column."""
        word = "row" if self.source.endswith(".parquet") else "line"
        place = f"{word} {self.lines[index]}" if len(self.lines) else f"row {index + 1}"
        text = f"{self.source}, {place}, id {_short(self.ids[index])}"
        return text if column is None else f"{text}, column {column!r}"

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], names: Sequence[str] | None = None) -> Table:
        """A table of dicts; `names` gives the columns where there may be no row (default: those of the first row)."""
        rows = list(rows)
        if names is None:
            names = list(rows[0]) if rows else ["id"]
        return cls({name: [row.get(name) for row in rows] for name in names})


class TableRows(Cells):
    """The rows of a table as dicts."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._columns = list(table.columns.items())

    def __len__(self) -> int:
        return len(self.table)

    def at(self, position: int) -> dict[str, Any]:
        return {name: cells[position] for name, cells in self._columns}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = [name for name, _ in self._columns]
        for cells in zip(*(cells for _, cells in self._columns), strict=True):
            yield dict(zip(names, cells, strict=True))

    def where(self, row_id: str) -> dict[str, Any] | None:
        """The row of an id; looked for from the beginning, so for single ones."""
        at = next((i for i, key in enumerate(self.table.ids) if key == row_id), None)
        return None if at is None else self.at(at)


class TableBuilder:
    """A table that grows row by row, each column in the form that takes least.

    Args:
        kinds: column -> kind of cell, beside `id`.
    """

    def __init__(self, kinds: Mapping[str, KindName]) -> None:
        self._columns = {"id": ColumnBuilder("id"), **{name: ColumnBuilder(kind) for name, kind in kinds.items()}}

    def add(self, row: Mapping[str, Any]) -> None:
        """Raises ScoreError for a row that lacks a column: what a task's `decode` forgot."""
        for name, column in self._columns.items():
            if name not in row:
                raise ScoreError(
                    f"a prediction has no {name!r}, only {', '.join(map(repr, row))}", where=f"id {row.get('id')!r}",
                    todo="let `decode` of the task give every prediction column of its contract",
                )  # fmt: skip
            column.append(row[name])

    def table(self) -> Table:
        return Table({name: column.column() for name, column in self._columns.items()})


def read_table(path: Path | str, kinds: Mapping[str, KindName], *, required: Collection[str] | None = None) -> Table:
    """Read `id` and the columns of `kinds` from a .csv, .tsv, .jsonl or .parquet file; other columns are left out.

    CSV may carry a byte-order mark, be UTF-8, UTF-16 or Latin-1, cut by comma, semicolon or tab, use a decimal comma.

    Args:
        kinds: column name to kind of cell; an empty cell becomes None (text: "").
        required: the columns that must be there (default: all of `kinds`).

    Raises:
        ScoreError: naming file, line and column, when the file is missing or empty, or a cell is not of its kind.
    """
    from deepdojo import tables_io

    return tables_io.read(Path(path), kinds, set(kinds) if required is None else set(required))


def write_table(path: Path | str, table: Table, kinds: Mapping[str, KindName]) -> None:
    """Write `id` and the columns of `kinds`, atomically, as the suffix says (.csv, .tsv, .jsonl, .parquet).

    Floats are written so that they read back to the same bits.
    """
    from deepdojo import tables_writing

    tables_writing.write(Path(path), table, kinds)


def align(solution_ids: Sequence[str], table: Table) -> Table:
    """The table in the order of the solution's ids.

    Raises:
        ScoreError: with the count and the first three of doubled, missing or foreign ids.
    """
    if _same(solution_ids, table.ids):
        return table
    _refuse([i for i, times in Counter(table.ids).items() if times > 1], "is doubled", "are doubled", table)
    position = {i: p for p, i in enumerate(table.ids)}
    _refuse([i for i in solution_ids if i not in position], "is missing", "are missing", table)
    if len(position) > len(solution_ids):
        wanted = set(solution_ids)
        _refuse([i for i in table.ids if i not in wanted], "is not asked for", "are not asked for", table)
    order = [position[i] for i in solution_ids]
    columns: dict[str, Sequence[Any]] = {name: [cells[p] for p in order] for name, cells in table.columns.items()}
    return Table(columns, table.source, [table.lines[p] for p in order] if len(table.lines) else ())


def check_cells(table: Table, kinds: Mapping[str, KindName], *, labels: Collection[str] | None = None) -> None:
    """Check every cell: none missing; numbers finite; probabilities ≥ 0 with sum 1 ± 1e-3; labels among the known ones.

    Args:
        kinds: the columns to check; each must be there.
        labels: the known labels, or None when any label is right.

    Raises:
        ScoreError: for the first wrong cell, naming row and column.
    """
    known = None if labels is None else frozenset(labels)
    for column, kind in kinds.items():
        if column not in table.columns:
            raise ScoreError(f"the column {column!r} is missing", where=table.source)
        cells = table.columns[column]
        if kind == "distribution" and isinstance(cells, Distributions) and _all_right(cells, known):
            continue
        # Labels repeat: judging each distinct one once keeps 10,000 rows in milliseconds.
        good: set[str] = set()
        for index, cell in enumerate(cells):
            if kind == "label" and cell in good:
                continue
            fault = _fault(cell, kind, known)
            if fault is not None:
                if kind == "label":
                    guess = nearest(str(cell), known or ())
                    todo = f"did you mean {guess!r}?" if guess else None
                elif kind in MEDIA and isinstance(cell, str):
                    todo = "give the zip that has the files, or a Parquet table that holds them"
                else:
                    todo = f"the form is: {TEXT_FORMS[kind]}"
                raise ScoreError(fault, where=table.where(index, column), todo=todo)
            if kind == "label":
                good.add(cell)


def _fault(cell: Any, kind: KindName, known: frozenset[str] | None) -> str | None:
    """What is wrong with one cell, or None."""
    if cell is None or (kind == "label" and cell == ""):
        return f"the {kind} is missing"
    if kind == "number":
        return None if _is_number(cell) and math.isfinite(cell) else f"{_short(cell)} is not a finite number"
    if kind == "label":
        if not isinstance(cell, str):
            return f"{_short(cell)} is not a label"
        strange = known is not None and cell not in known
        return f"the label {_short(cell)} is not among the known ones" if strange else None
    if kind in ("distribution", "marginals"):
        return _probability_fault(cell, known, whole=kind == "distribution")
    if kind == "text" and not isinstance(cell, str):
        return f"{_short(cell)} is not text"
    if kind in ("tokens", "texts", "labels"):
        return _list_fault(cell, kind, known)
    if kind in ("vector", "matrix"):
        return _array_fault(cell, kind)
    if kind == "boxes":
        return box_fault(cell, known)
    if kind == "record" and not isinstance(cell, Mapping):
        return f"{_short(cell)} is not a record"
    return _media_fault(cell, kind) if kind in MEDIA else None


def _media_fault(cell: Any, kind: KindName) -> str | None:
    """A file that is not there or holds nothing; what is in it the metric finds out, which decodes it."""
    if isinstance(cell, str):
        return f"{_short(cell)} names a file, and a table alone holds none"
    if isinstance(cell, bytes | bytearray | memoryview):
        return None if len(cell) else f"the file of the {kind} is empty"
    return None if hasattr(cell, "read") or hasattr(cell, "dtype") else f"{_short(cell)} is no {kind}"


def media_bytes(cell: Any) -> bytes:
    """The encoded file of a picture or a sound: bytes as they are, what can be read is read."""
    return bytes(cell) if isinstance(cell, bytes | bytearray | memoryview) else bytes(cell.read())


def _list_fault(cell: Any, kind: KindName, known: frozenset[str] | None) -> str | None:
    if not isinstance(cell, list | tuple) or not all(isinstance(part, str) for part in cell):
        return f"{_short(cell)} is no list of texts"
    if kind == "tokens" and any(not part or " " in part for part in cell):
        return f"{_short(next(part for part in cell if not part or ' ' in part))} is no single word"
    if kind == "labels":
        if len(set(cell)) < len(cell):
            return f"{_short(cell)} names a label twice"
        strange = next((part for part in cell if known is not None and part not in known), None)
        return None if strange is None else f"the label {_short(strange)} is not among the known ones"
    return "the list of texts is empty" if kind == "texts" and not cell else None


def _array_fault(cell: Any, kind: KindName) -> str | None:
    wanted = 1 if kind == "vector" else 2
    try:
        values = np.asarray(cell, dtype=np.float64)
    except (ValueError, TypeError):
        return f"{_short(cell)} is no {kind} of numbers"
    if values.ndim != wanted or not values.size:
        return f"{_short(cell)} is no {kind} of numbers"
    return None if np.isfinite(values).all() else f"a number of {_short(cell)} is not finite"


def _probability_fault(cell: Any, known: frozenset[str] | None, *, whole: bool) -> str | None:
    """`whole`: one of the labels is right, so that the probabilities sum to 1."""
    if not isinstance(cell, Mapping) or (whole and not cell):
        return f"{_short(cell)} is not an object of label to probability"
    for label, p in cell.items():
        if not _is_number(p) or not 0 <= p < math.inf or not (whole or p <= 1):
            return f"the probability of {_short(label)} is {_short(p)}, not a number from 0 to 1"
        if known is not None and label not in known:
            return f"the label {_short(label)} is not among the known ones"
    if not whole:
        return None
    total = math.fsum(cell.values())
    far = abs(total - 1) > SUM_TOLERANCE
    return f"the probabilities sum to {total:.6g}, not to 1 ± {SUM_TOLERANCE}" if far else None


def _all_right(cells: Distributions, known: frozenset[str] | None) -> bool:
    """Whether no row can have a fault; where one may, each is judged by itself."""
    p = cells.matrix
    named = bool(cells.labels) and (known is None or known.issuperset(cells.labels))
    return named and bool((p >= 0).all() and (np.abs(p.sum(axis=1) - 1) < 0.99 * SUM_TOLERANCE).all())


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _same(wanted: Sequence[str], ids: Sequence[str]) -> bool:
    """Whether these are the same ids in the same order, each once; eight bytes a row."""
    if len(wanted) != len(ids) or any(a != b for a, b in zip(wanted, ids, strict=True)):
        return False
    hashes = np.sort(np.fromiter(map(hash, ids), dtype=np.int64, count=len(ids)))
    return not (hashes[1:] == hashes[:-1]).any()  # two that only look alike cost no more than the longer way


def _refuse(ids: list[str], one: str, many: str, table: Table) -> None:
    if ids:
        shown = ", ".join(_short(i) for i in ids[:3]) + (", …" if len(ids) > 3 else "")
        what = f"1 id {one}" if len(ids) == 1 else f"{len(ids)} ids {many}"
        raise ScoreError(
            f"{what} ({shown})",
            where=table.source,
            todo="give each held-out id once: RUN/predictions.parquet and the test rows of RUN/split.parquet have them",
        )


def _short(value: Any, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
