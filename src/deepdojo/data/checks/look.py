"""What every check sees: the dataset, a seeded order of its rows, a clock; and the words for what it finds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["LEARN", "SPLITS", "Level", "Look", "Problem", "count", "listed"]

Level = Literal["error", "warning", "note"]
SPLITS = ("train", "validation", "test")
LEARN = ("train", "validation")
"""The splits whose labels a check may read."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong or strange.

    Attributes:
        kind: a word to sort by: "classes", "duplicates", "leak", "gaps", ...
        where: "file:line" of the first row, a row's id, `column 'x'`, or a split.
        what: one sentence with counts. todo: what to do, as an imperative.
        level: "error" stops a training; "warning" may spoil its score; "note" is good to know.
    """

    kind: str
    where: str
    what: str
    todo: str
    level: Level = "warning"

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "where": self.where, "what": self.what, "todo": self.todo, "level": self.level}


@dataclass
class Look:
    """A dataset under examination.

    Attributes:
        input, target: the contract's columns. kind, target_kind: what their cells are.
        deadline: CPU time (`time.process_time`) at which scans stop; None for none.
        facts: what the checks counted, for the report.
    """

    dataset: Any
    input: str
    kind: str
    target: str
    target_kind: str
    seed: int
    deadline: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    seen: int = 0

    def __post_init__(self) -> None:
        self.rows: dict[str, Sequence[dict[str, Any]]] = {split: self.dataset.rows(split) for split in SPLITS}

    @property
    def total(self) -> int:
        return sum(len(rows) for rows in self.rows.values())

    @property
    def regression(self) -> bool:
        return self.target_kind == "number"

    def nth(self, splits: Sequence[str], position: int) -> dict[str, Any]:
        """A row by its place among those of these splits."""
        for split in splits:
            if position < len(self.rows[split]):
                return self.rows[split][position]
            position -= len(self.rows[split])
        raise IndexError(position)

    def column(self, splits: Sequence[str], name: str) -> Iterator[Any]:
        """A cell of each row of these splits, in order."""
        return (row[name] for split in splits for row in self.rows[split])

    def late(self) -> bool:
        return self.deadline is not None and time.process_time() > self.deadline

    def generator(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def drawn(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(split, row) in a seeded order until the time is up: rows may be sorted by label, so never a slice."""
        ends = np.cumsum([len(self.rows[split]) for split in SPLITS])
        for step, place in enumerate(self.generator().permutation(self.total)):
            if step % 64 == 0 and self.late():
                return
            part = int(np.searchsorted(ends, place, side="right"))
            split = SPLITS[part]
            yield split, self.rows[split][int(place) - int(ends[part] - len(self.rows[split]))]

    def sample(self, splits: Sequence[str], most: int) -> list[dict[str, Any]]:
        """At most `most` rows of these splits, drawn with the seed, in their own order."""
        sizes = np.array([len(self.rows[split]) for split in splits])
        if sizes.sum() <= most:
            return [row for split in splits for row in self.rows[split]]
        places = np.sort(self.generator().choice(int(sizes.sum()), most, replace=False))
        found: list[dict[str, Any]] = []
        for split, first, size in zip(splits, np.cumsum(sizes) - sizes, sizes, strict=True):
            rows = self.rows[split]
            found += [rows[int(k - first)] for k in places[(places >= first) & (places < first + size)]]
        return found

    def where(self, row_id: str) -> str:
        """file:line of a row, or its id where that is not known."""
        try:
            file, line = self.dataset.where(row_id)
        except (KeyError, TypeError):
            return f"row {row_id}"
        return file if line is None else f"{file}:{line}"


def count(n: int, one: str, many: str | None = None) -> str:
    """A number and its noun: 1 row, 1,204 rows."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def listed(names: Iterable[Any], most: int = 5) -> str:
    """The first names in quotes, and how many there are beside."""
    names = [str(name) for name in names]
    shown = ", ".join(repr(name if len(name) <= 40 else name[:39] + "…") for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
