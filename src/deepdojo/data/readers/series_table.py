"""Lines of tables become series on a grid of equal steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepdojo.data.cells import is_missing, parse_number
from deepdojo.data.readers import RawRow, read
from deepdojo.data.readers.series_times import Grid, calendar, irregular, lay, read_times, together
from deepdojo.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["Lines", "Series", "read_lines"]

_SHOWN = 40
_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


@dataclass
class Series:
    """One column of values, by place on the grid.

    Attributes:
        name: of the column, of the series, or both.
        values: (N,) NaN where nothing stands. known: (F, N) further columns.
        lines: (N,) the line of each place, 0 where there is none.
        timed: whether places have times.
    """

    name: str
    file: str
    grid: Grid
    values: np.ndarray
    known: np.ndarray
    lines: np.ndarray
    timed: bool

    def line_of(self, place: int) -> int | None:
        return int(self.lines[place]) or None if 0 <= place < len(self.lines) else None

    def filled(self, gaps: str, cycles: Sequence[str], horizon: int) -> tuple[np.ndarray, np.ndarray]:
        """(values, known) with `gaps` filled as told; known reaches a horizon beyond the last line."""
        n = len(self.values) + horizon
        values, known = self.values.copy(), np.full((len(self.known), n), np.nan)
        known[:, : len(self.values)] = self.known
        given = np.flatnonzero(np.isfinite(values))
        if gaps != "reject" and len(given):
            inside = slice(given[0], given[-1] + 1)
            values[inside] = np.nan_to_num(values[inside]) if gaps == "zero" else _carried(values[inside])
            lasts = len(self.values)  # what lies beyond the last line is not known
            known[:, :lasts] = np.stack([_carried(row) for row in known[:, :lasts]]) if len(known) else known[:, :lasts]
        if cycles:
            known = np.vstack([known, calendar(self.grid, n, cycles)])
        return values, known


def _carried(values: np.ndarray) -> np.ndarray:
    """Each missing value replaced by the last one before it."""
    there = np.where(np.isfinite(values), np.arange(len(values)), 0)
    return values[np.maximum.accumulate(there)]


@dataclass
class Lines:
    """Raw lines of one kind of table.

    Attributes:
        rejected: lines that cannot be used.
    """

    raws: list[RawRow]
    time: Sequence[str]
    time_format: str | None
    series_column: str | None
    values: Sequence[str]
    known: Sequence[str]
    rejected: list[RawRow] = field(default_factory=list)

    def series(self) -> Iterator[Series]:
        """Every series of every group, groups in the order in which they come."""
        groups: dict[str, list[RawRow]] = {}
        for raw in self.raws:
            name = "" if self.series_column is None else str(raw.cells.get(self.series_column, "")).strip()
            groups.setdefault(name, []).append(raw)
        for name, raws in groups.items():
            yield from self._of_group(name, raws)

    def _of_group(self, group: str, raws: list[RawRow]) -> Iterator[Series]:
        grid, places = self._places(raws)
        near = together(places)
        fault = irregular(grid, places, near)
        if fault:
            self.rejected += [RawRow({}, raw.file, raw.line, fault) for raw in raws]
            return
        first = float(places[near].min()) if near.any() else 0.0
        grid, places = replace(grid, origin=grid.origin + first * grid.step), places - first
        last = float(places[near].max()) if near.any() else 0.0
        kept: list[tuple[int, RawRow]] = []
        seen: dict[int, int | None] = {}
        for raw, place in zip(raws, places, strict=True):
            fault = ""
            if not np.isfinite(place):
                fault = f"the time {self._time_of(raw)[:_SHOWN]!r} cannot be read"
            elif abs(place - round(place)) > 1e-6:
                fault = f"the time {self._time_of(raw)!r} lies between two steps of {grid.words}"
            elif not -0.5 < place < last + 0.5:
                steps, side = (place - last, "after") if place > last else (-place, "before")
                fault = f"the time {self._time_of(raw)!r} lies {steps:,.0f} steps {side} all others: is it mistyped?"
            elif round(place) in seen:
                fault = f"the time {self._time_of(raw)!r} stands twice, first in line {seen[round(place)]}"
            if fault:
                self.rejected.append(RawRow({}, raw.file, raw.line, fault))
                continue
            seen[round(place)] = raw.line
            kept.append((round(place), raw))
        if not kept:
            return
        n = 1 + max(place for place, _ in kept)
        lines = np.zeros(n, dtype=np.int64)
        numbers = {name: np.full(n, np.nan) for name in (*self.values, *self.known)}
        for place, raw in kept:
            lines[place] = raw.line or 0
            self._take(raw, place, numbers)
        known = np.stack([numbers[name] for name in self.known]) if self.known else np.zeros((0, n))
        for column in self.values:
            name = " ".join(part for part in (group, column if len(self.values) > 1 or not group else "") if part)
            yield Series(name, kept[0][1].file, grid, numbers[column], known, lines, bool(self.time))

    def _take(self, raw: RawRow, place: int, numbers: dict[str, np.ndarray]) -> None:
        """The numbers of a line; text that is none is a fault of the line, an empty cell a gap."""
        for name, column in numbers.items():
            cell = raw.cells.get(name)
            value = parse_number(cell, raw.decimal_of(name))
            if value is not None:
                column[place] = value
            elif not is_missing(cell):
                shown = str(cell)[:_SHOWN]
                self.rejected.append(RawRow({}, raw.file, raw.line, f"the {name} {shown!r} is not a number"))

    def _places(self, raws: list[RawRow]) -> tuple[Grid, np.ndarray]:
        if not self.time:
            return Grid(1.0, 1.0, "numbers"), np.arange(len(raws), dtype=np.float64)
        times, unit = read_times([self._time_of(raw) for raw in raws], self.time_format, raws[0].file)
        return lay(times, unit)

    def _time_of(self, raw: RawRow) -> str:
        return " ".join(str(raw.cells.get(name, "")).strip() for name in self.time)


def read_lines(
    files: Files,
    file: str | Sequence[str],
    time: str | Sequence[str] | None,
    time_format: str | None,
    series: str | None,
    values: str | Sequence[str] | None,
    known: Sequence[str],
    table: dict[str, Any],
) -> Lines:
    """The lines of tables, with the columns that matter.

    Raises:
        UnknownNameError: a column that the tables do not have. DataError: no line can be read, or no column is left.
    """
    names = files.expand(file)
    kind = next((k for e, k in _ENDINGS.items() if names and names[0].lower().removesuffix(".gz").endswith(e)), "csv")
    raws: list[RawRow] = []
    rejected: list[RawRow] = []
    for raw in read(kind, files, file=names, **(table if kind == "csv" else {})):
        (raws if raw.reject is None else rejected).append(raw)
    if not raws:
        raise DataError("no line can be read", where=names[0] if names else str(file))
    columns = list(raws[0].cells)
    times = [] if time is None else [time] if isinstance(time, str) else list(time)
    taken = {*times, *known, *([series] if series is not None else [])}
    chosen = [values] if isinstance(values, str) else list(values or [c for c in columns if c not in taken])
    for name in (*taken, *chosen):
        if name not in columns:
            raise UnknownNameError("column", name, columns, where=raws[0].file)
    if not chosen:
        raise DataError("no column of values is left", where=raws[0].file, todo="give data.values")
    return Lines(raws, times, time_format, series, chosen, list(known), rejected)
