"""What a column of raw cells holds: numbers, words, nothing. One rule for `dojo new`, `dojo check` and the floors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.data.cells import is_infinite, is_missing, parse_number, parse_plain

__all__ = ["NUMERIC_SHARE", "ColumnFacts", "describe"]

NUMERIC_SHARE = 0.95
"""A column is one of numbers when at least this share of its filled cells are: a slip must not make it one of words."""


@dataclass(frozen=True)
class ColumnFacts:
    """Counts over the cells of one column.

    Attributes:
        n: cells seen. missing: those that mean "nothing here". distinct: different ones among the rest.
        numbers: cells that are finite numbers. infinities: "inf" and its like.
        words: filled cells that are neither; some_words: the first three of them.
        numeric: whether the column is one of numbers (`NUMERIC_SHARE`). whole: whether all its numbers are integers.
    """

    n: int
    missing: int
    distinct: int
    numbers: int
    infinities: int
    words: int
    some_words: tuple[str, ...]
    numeric: bool
    whole: bool

    @property
    def filled(self) -> int:
        return self.n - self.missing


def describe(cells: Iterable[Any], decimal: str = ".") -> ColumnFacts:
    """Counts over one column, in one pass. See `ColumnFacts`.

    Args:
        decimal: the sign before the fraction in raw text.
    """
    if decimal == "." and (common := _numbers_alone(cells := list(cells))) is not None:
        return common
    n = missing = numbers = infinities = words = 0
    whole = True
    some_words: list[str] = []
    seen: set[Any] = set()
    for cell in cells:
        n += 1
        if is_missing(cell):
            missing += 1
            continue
        seen.add(str(cell) if isinstance(cell, list | dict) else cell)
        value = None if isinstance(cell, bool) else parse_number(cell, decimal)  # rows hold it as a word
        if value is not None:
            numbers += 1
            whole = whole and value == int(value)
        elif is_infinite(str(cell)):
            infinities += 1
        else:
            words += 1
            if len(some_words) < 3:
                some_words.append(str(cell))
    numeric = numbers > 0 and numbers + infinities >= NUMERIC_SHARE * (n - missing)
    whole = whole and numbers > 0
    return ColumnFacts(n, missing, len(seen), numbers, infinities, words, tuple(some_words), numeric, whole)


def _numbers_alone(cells: list[Any]) -> ColumnFacts | None:
    """The same for a column whose cells are plain numbers or None."""
    values = parse_plain(cells)
    if values is None:
        return None
    found = values[~np.isnan(values)]
    if not len(found):
        return None
    distinct = len(set(cells) - {None})
    whole = bool((found == np.trunc(found)).all())
    return ColumnFacts(len(cells), len(cells) - len(found), distinct, len(found), 0, 0, (), True, whole)
