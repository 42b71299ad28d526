"""What every check sees: the dataset, a seeded order of its rows, a clock; and the words for what it finds."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["LEARN", "SPLITS", "Level", "Look", "Problem", "count", "listed"]

Level = Literal["error", "warning", "note"]
SPLITS = ("train", "validation", "test")
LEARN = ("train", "validation")
"""The splits whose labels a check may read."""
BATCH = 64
MOST_EXAMPLES = 5


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong or strange.

    Attributes:
        kind: a word to sort by: "classes", "duplicates", "leak", "gaps", ...
        where: "file:line" of the first row, a row's id, `column 'x'`, or a split.
        what: one sentence with counts. todo: what to do, as an imperative.
        level: "error" stops a training; "warning" may spoil its score; "note" is good to know.
        examples: ids of rows that show it, at most five (of a pair both, one after the other).
        false_alarm: the largest probability of this finding in data without the fault: 0 for what is counted, the
            level of the test for what is tested, None for a judgement by a rule that has no such bound.
    """

    kind: str
    where: str
    what: str
    todo: str
    level: Level = "warning"
    examples: tuple[str, ...] = ()
    false_alarm: float | None = 0.0

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"examples": list(self.examples)}


@dataclass
class Look:
    """A dataset under examination.

    Attributes:
        input, target: the contract's columns. kind, target_kind: what their cells are.
        beside: further columns that a model reads, without which two inputs cannot be called equal.
        sources: those of them that rows may have in common, such as the context of several questions.
        deadline: time of `clock` at which scans stop; None for none. One batch of rows is seen in any case.
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
    clock: Callable[[], float] = time.process_time
    progress: Callable[[int, int, str], None] | None = None
    beside: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.rows: dict[str, Sequence[dict[str, Any]]] = {split: self.dataset.rows(split) for split in SPLITS}

    @property
    def total(self) -> int:
        return sum(len(rows) for rows in self.rows.values())

    @property
    def regression(self) -> bool:
        return self.target_kind == "number"

    @property
    def target_column(self) -> str:
        """The target's name in the user's own file."""
        spec = getattr(self.dataset.project, "spec", None)
        given = getattr(spec, "columns", {}).get(self.target)
        return given if isinstance(given, str) else self.target

    @property
    def named(self) -> bool:
        """Whether ids come from the data, and are not numbers of rows."""
        spec = getattr(self.dataset.project, "spec", None)
        return spec is not None and spec.data.id is not None

    def answer(self, row: dict[str, Any]) -> Any:
        """The target of a row; of one with several parts its spelling, so that answers can be compared and counted."""
        cell = row[self.target]
        return cell if isinstance(cell, str | float | int) else repr(cell)

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
        return self.deadline is not None and self.clock() > self.deadline

    @property
    def hasty(self) -> bool:
        """Whether samples are small: inside `dojo train`, or with a budget."""
        return self.deadline is not None

    def generator(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def split_at(self, place: int) -> str:
        """The split of the row that stands at this place among all rows."""
        for split in SPLITS:
            if place < len(self.rows[split]):
                return split
            place -= len(self.rows[split])
        raise IndexError(place)

    def drawn(self, doing: str, most: int | None = None) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """(place among all rows, split, row) in a seeded order until the time is up: rows may be sorted by label, so
        never a slice. A first batch comes in any case."""
        ends = np.cumsum([len(self.rows[split]) for split in SPLITS])
        order = self.generator().permutation(self.total)[:most]
        for step, place in enumerate(order.tolist()):
            if step and step % BATCH == 0:
                if self.late():
                    return
                if self.progress is not None and step % (16 * BATCH) == 0:
                    self.progress(step, len(order), doing)
            split = SPLITS[int(np.searchsorted(ends, place, side="right"))]
            yield place, split, self.nth(SPLITS, place)

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

    def ids(self, places: Iterable[int]) -> tuple[str, ...]:
        """Ids of the first five of these rows, for `Problem.examples`."""
        return tuple(self.nth(SPLITS, place)["id"] for place in itertools.islice(places, MOST_EXAMPLES))

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
