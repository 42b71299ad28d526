"""Rows of a table -> numbers (standardised) and categories (indices)."""

from __future__ import annotations

import math
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from deepdojo.data.cells import is_infinite, is_missing, parse_number, parse_plain
from deepdojo.data.column_facts import NUMERIC_SHARE

__all__ = ["Category", "Columns", "Number"]

MAX_CATEGORIES = 1000
LOG_SKEW = 3.0
CLIP_SIGMA = 6.0
AT_ONCE = 262_144
"""Cells that are parsed together, of whole records."""
WAITING = 65_536
"""Numbers of a column that stay in memory until the next ones are written behind them."""


@dataclass(frozen=True)
class Number:
    """A numeric column: log1p where the training values are skewed and not negative, then mean 0 and spread 1.

    A cell that is missing, not a number or not finite becomes 0 (the training mean); `gaps` adds a second input that
    says so.
    """

    name: str
    mean: float
    std: float
    log: bool
    gaps: bool


@dataclass(frozen=True)
class Category:
    """A column of words: index 0 is a missing cell or a value that training rows do not hold."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """The columns of a table, split by what their training cells look like.

    A column is numeric by the rule of `deepdojo.data.column_facts`: a few words among numbers are read as missing, as
    the floors read them. A column without any present cell is dropped. Of categories the 1,000 most frequent values
    are kept.
    """

    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]

    @classmethod
    def fit(cls, records: Sequence[Mapping[str, Any]]) -> Columns:
        """Two passes over the records: what each column holds, with its numbers; then the words of the others.

        Memory: of a column of numbers 24 bytes a row, one column at a time (the numbers of all wait in a temporary
        file); of a column of words its different words.
        """
        with ExitStack() as stack:
            found = {name: _Facts(stack) for name in (records[0] if len(records) else ())}
            for some in _stretches(records):
                for name, facts in found.items():
                    facts.add([record.get(name) for record in some])
            words: dict[str, Counter[str]] = {n: Counter() for n, f in found.items() if f.filled and not f.numeric}
            for record in records if words else ():
                for name, counts in words.items():
                    if not is_missing(cell := record.get(name)):
                        counts[str(cell)] += 1
            numbers = tuple(
                _fit_number(name, facts.values(), gaps=facts.gaps)
                for name, facts in found.items()
                if facts.filled and facts.numeric
            )
        return cls(numbers, tuple(_fit_category(name, counts) for name, counts in words.items()))

    @cached_property
    def _indices(self) -> list[dict[str, int]]:
        return [{value: i + 1 for i, value in enumerate(column.values)} for column in self.categories]

    @property
    def width(self) -> int:
        """Numeric inputs: one a numeric column, one more for each that has gaps."""
        return sum(2 if column.gaps else 1 for column in self.numbers)

    @property
    def sizes(self) -> list[int]:
        """Number of indices of each category column, the unknown one counted."""
        return [len(column.values) + 1 for column in self.categories]

    def encode_all(self, records: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
        """(n, width) float32 and (n, len(categories)) int64, column by column."""
        numbers = np.zeros((len(records), self.width), dtype=np.float32)
        at = 0
        for column in self.numbers:
            values = _values([record.get(column.name) for record in records])
            missing = np.isnan(values)
            values[missing] = 0.0
            numbers[:, at] = np.where(missing, 0.0, _scaled(values, column))
            if column.gaps:
                numbers[:, at + 1] = missing
            at += 2 if column.gaps else 1
        indices = np.zeros((len(records), len(self.categories)), dtype=np.int64)
        for i, (category, index) in enumerate(zip(self.categories, self._indices, strict=True)):
            indices[:, i] = [index.get(str(record.get(category.name)), 0) for record in records]
        return numbers, indices

    def encode(self, record: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """(width,) float32 and (len(categories),) int64."""
        numbers, indices = self.encode_all([record])
        return numbers[0], indices[0]

    def positions(self) -> dict[str, tuple[list[int], list[int]]]:
        """Column -> its positions among the numbers and among the categories."""
        found: dict[str, tuple[list[int], list[int]]] = {}
        at = 0
        for column in self.numbers:
            step = 2 if column.gaps else 1
            found[column.name] = (list(range(at, at + step)), [])
            at += step
        for i, category in enumerate(self.categories):
            found[category.name] = ([], [i])
        return found


def _stretches(records: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    some: list[Mapping[str, Any]] = []
    for record in records:
        some.append(record)
        if len(some) * len(record) >= AT_ONCE:
            yield some
            some = []
    yield some


class _Facts:
    """What one column holds, counted cell by cell; its finite numbers, in memory while they are few."""

    def __init__(self, stack: ExitStack) -> None:
        self.n = self.filled = self.numbers = self.finite = self.infinities = 0
        self.waiting = array("d")
        self.stack = stack
        self.file: Any = None

    def add(self, cells: list[Any]) -> None:
        values = parse_plain(cells)
        if values is None:
            for cell in cells:
                self._add(cell)
            return
        finite = values[~np.isnan(values)]
        self.n += len(cells)
        self.filled += len(finite)
        self.numbers += len(finite)
        self.finite += len(finite)
        self._hold(finite.tolist())

    def _add(self, cell: Any) -> None:
        self.n += 1
        if is_missing(cell):
            return
        self.filled += 1
        value = parse_number(cell)
        if value is not None:
            self.numbers += not isinstance(cell, bool)  # rows hold it as a word
            self.finite += 1
            self._hold([value])
        elif is_infinite(str(cell)):
            self.infinities += 1

    def _hold(self, values: list[float]) -> None:
        self.waiting.extend(values)
        if len(self.waiting) >= WAITING:
            self._write()

    def _write(self) -> None:
        if self.file is None:
            self.file = self.stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        self.waiting.tofile(self.file)
        del self.waiting[:]

    @property
    def numeric(self) -> bool:
        """The rule of `deepdojo.data.column_facts`."""
        return self.numbers > 0 and self.numbers + self.infinities >= NUMERIC_SHARE * self.filled

    @property
    def gaps(self) -> bool:
        """Whether some cell is no finite number."""
        return self.finite < self.n

    def values(self) -> np.ndarray:
        """(numbers,) float64."""
        if self.file is None:
            return np.array(self.waiting, dtype=np.float64)
        self._write()
        self.file.seek(0)
        return np.frombuffer(self.file.read(), dtype=np.float64)


def _fit_category(name: str, counts: Counter[str]) -> Category:
    kept = sorted(counts, key=lambda v: (-counts[v], v))[:MAX_CATEGORIES]
    return Category(name, tuple(sorted(kept)))


def _fit_number(name: str, values: np.ndarray, *, gaps: bool) -> Number:
    spread = values.std()
    skew = float(((values - values.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0
    log = bool(values.min() >= 0 and skew > LOG_SKEW)
    if log:
        values = np.log1p(values)
    return Number(name, float(values.mean()), float(values.std()) or 1.0, log, gaps)


def _values(cells: list[Any]) -> np.ndarray:
    """(n,) float64; NaN where `parse_number` finds none."""
    values = parse_plain(cells)
    if values is None:
        parsed = map(parse_number, cells)
        values = np.array([math.nan if value is None else value for value in parsed], dtype=np.float64)
    return values


def _scaled(values: np.ndarray, column: Number) -> np.ndarray:
    if column.log:
        values = np.log1p(np.maximum(values, 0.0))
    return np.clip((values - column.mean) / column.std, -CLIP_SIGMA, CLIP_SIGMA)
