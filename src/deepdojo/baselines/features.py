"""Records as numbers: standardised columns and one-hot categories for linear models, ordered codes for trees.

Everything is learned from training rows. A column is one of numbers by the rule of `deepdojo.data.column_facts`, else
of categories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.data.cells import is_missing, parse_number
from deepdojo.data.column_facts import describe

__all__ = ["Column", "Table"]

FEW = 2
"""A category that fewer training rows have (of 50 rows or more) says nothing about new ones: it counts as "other"."""


@dataclass(frozen=True)
class Column:
    """One column as learned from training rows.

    Attributes:
        categories: None for numbers, else the kept ones, commonest first.
        center, spread: mean and standard deviation of the finite numbers; spread 1 for a constant. gaps: some are
        missing.
    """

    name: str
    categories: tuple[str, ...] | None
    center: float = 0.0
    spread: float = 1.0
    gaps: bool = False


@dataclass(frozen=True)
class Table:
    """The columns that a linear model or trees can use. Columns with nothing in them, or one value, are left out."""

    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, records: Sequence[dict[str, Any]], most_categories: int) -> Table:
        """Learn from training records. `most_categories` of a column are kept, the rest are "other"."""
        names = list(dict.fromkeys(name for record in records for name in record))
        columns = [_column(name, [record.get(name) for record in records], most_categories) for name in names]
        return cls(tuple(column for column in columns if column is not None))

    def dense(self, records: Sequence[dict[str, Any]]) -> np.ndarray:
        """(n, D) float32: numbers standardised, within ±10, missing ones 0 beside an indicator; categories one-hot."""
        parts = [np.zeros((len(records), 0), dtype=np.float32)]
        for column in self.columns:
            cells = [record.get(column.name) for record in records]
            if column.categories is None:
                values = _numbers(cells)
                missing = np.isnan(values)
                scaled = np.clip((values - column.center) / column.spread, -10, 10)
                parts.append(np.where(missing, 0, scaled)[:, None].astype(np.float32))
                if column.gaps:
                    parts.append(missing[:, None].astype(np.float32))
            else:
                codes = _codes(cells, column.categories)
                # No column for "other": it is where all of the columns are 0.
                parts.append((codes[:, None] == np.arange(1, len(column.categories) + 1)).astype(np.float32))
        return np.concatenate(parts, axis=1)

    def codes(self, records: Sequence[dict[str, Any]]) -> tuple[np.ndarray, list[int]]:
        """(n, columns) float64 with NaN for missing, and the places of the columns of categories (0 = other)."""
        matrix = np.full((len(records), len(self.columns)), np.nan)
        for k, column in enumerate(self.columns):
            cells = [record.get(column.name) for record in records]
            matrix[:, k] = _numbers(cells) if column.categories is None else _codes(cells, column.categories)
        return matrix, [k for k, column in enumerate(self.columns) if column.categories is not None]


def _column(name: str, cells: list[Any], most_categories: int) -> Column | None:
    facts = describe(cells)
    if facts.distinct < 1 or (facts.distinct == 1 and not facts.missing):
        return None
    if facts.numeric:
        values = _numbers(cells)
        finite = values[np.isfinite(values)]
        if not len(finite):
            return None
        spread = float(finite.std())
        center = float(finite.mean())
        return Column(name, None, center, spread if spread > 0 else 1.0, bool(np.isnan(values).any()))
    counts = Counter(_word(cell) for cell in cells)
    least = FEW if len(cells) >= 50 else 1
    kept = sorted((word for word, count in counts.items() if count >= least), key=lambda w: (-counts[w], w))
    return Column(name, tuple(kept[:most_categories])) if kept else None


def _numbers(cells: Sequence[Any]) -> np.ndarray:
    """(n,) float64; what is no number or infinite is NaN."""
    return np.array([np.nan if (value := parse_number(cell)) is None else value for cell in cells], dtype=np.float64)


def _word(cell: Any) -> str:
    """A category's name; a missing cell is a category of its own."""
    return "" if is_missing(cell) else str(cell).strip()


def _codes(cells: Sequence[Any], categories: tuple[str, ...]) -> np.ndarray:
    """1 + place among the categories, 0 for all others, (n,) int64."""
    place = {word: k for k, word in enumerate(categories, start=1)}
    return np.array([place.get(_word(cell), 0) for cell in cells], dtype=np.int64)
