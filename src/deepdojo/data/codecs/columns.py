"""Rows of a table -> numbers (standardised) and categories (indices)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from deepdojo.data.cells import is_missing, parse_number
from deepdojo.data.column_facts import describe

__all__ = ["Category", "Columns", "Number"]

MAX_CATEGORIES = 1000
LOG_SKEW = 3.0
CLIP_SIGMA = 6.0


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
        numbers: list[Number] = []
        categories: list[Category] = []
        for name in records[0] if records else ():
            cells = [record.get(name) for record in records]
            facts = describe(cells)
            if not facts.filled:
                continue
            if facts.numeric:
                finite = np.array([v for c in cells if (v := parse_number(c)) is not None], dtype=np.float64)
                numbers.append(_fit_number(name, finite, gaps=len(finite) < len(cells)))
            else:
                counts = Counter(str(c) for c in cells if not is_missing(c))
                kept = sorted(counts, key=lambda v: (-counts[v], v))[:MAX_CATEGORIES]
                categories.append(Category(name, tuple(sorted(kept))))
        return cls(tuple(numbers), tuple(categories))

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

    def encode(self, record: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """(width,) float32 and (len(categories),) int64."""
        numbers: list[float] = []
        for column in self.numbers:
            value = parse_number(record.get(column.name))
            numbers.append(0.0 if value is None else _scaled(value, column))
            if column.gaps:
                numbers.append(1.0 if value is None else 0.0)
        indices = [
            index.get(str(record.get(column.name)), 0)
            for column, index in zip(self.categories, self._indices, strict=True)
        ]
        return np.array(numbers, dtype=np.float32), np.array(indices, dtype=np.int64)

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


def _fit_number(name: str, values: np.ndarray, *, gaps: bool) -> Number:
    spread = values.std()
    skew = float(((values - values.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0
    log = bool(values.min() >= 0 and skew > LOG_SKEW)
    if log:
        values = np.log1p(values)
    return Number(name, float(values.mean()), float(values.std()) or 1.0, log, gaps)


def _scaled(value: float, column: Number) -> float:
    if column.log:
        value = math.log1p(max(value, 0.0))
    return max(-CLIP_SIGMA, min(CLIP_SIGMA, (value - column.mean) / column.std))
