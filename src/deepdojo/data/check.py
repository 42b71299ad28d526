"""`dojo check`: what is wrong with the data, before an hour is lost on it. Numpy alone; never a held-out label."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from deepdojo.data.checks import boxes, columns, groups, inputs, labels, names, near, owners, readable, shift, tags
from deepdojo.data.checks.look import Look, Problem
from deepdojo.errors import DataError

__all__ = ["CheckReport", "Problem", "check"]

Check = Callable[[Look], Iterator[Problem]]

CHECKS: tuple[tuple[float, tuple[Check, ...]], ...] = (
    (0.4, (labels.splits, labels.left_out, labels.classes, boxes.boxes, labels.values, tags.tags)),
    (0.5, (columns.columns, columns.leaks, groups.groups, owners.owners, inputs.texts, inputs.images)),
    (0.55, (shift.shift, readable.readable)),
    (0.7, (inputs.duplicates, inputs.shared)),
    (0.8, (near.near_duplicates,)),
)
"""Parts, and the share of the time at which they stop. What compares rows takes all that is left, so it stands last; a
fifth is kept for batches under way."""

COMPARING: tuple[tuple[float, tuple[Check, ...]], ...] = (
    (0.8, (labels.splits, labels.left_out, names.names, inputs.images)),
)
"""Of tasks that compare pictures: a held-out row is a question, whose labels and inputs are others by intent."""

ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Attributes:
        problems: errors first, then warnings, then notes.
        seen, total: rows whose inputs were compared, and all rows.
        facts: counts by name: rows, classes or values, columns, text or images, duplicates, rejected, seconds.
    """

    problems: list[Problem]
    seen: int
    total: int
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.level == "error"]

    @property
    def said(self) -> str:
        """The line for a terminal: `3 warnings, 1 note; all 1,797 rows seen`."""
        counts = {level: sum(p.level == level for p in self.problems) for level in ORDER}
        found = ", ".join(f"{n} {level}{'s' if n != 1 else ''}" for level, n in counts.items() if n) or "nothing found"
        rows = f"all {self.total:,} rows" if self.seen == self.total else f"{self.seen:,} of {self.total:,} rows"
        return f"{found}; {rows} seen"

    def stop_at_error(self) -> None:
        """Raise the first error as a DataError: training would have no meaning."""
        for problem in self.errors:
            raise DataError(problem.what, where=problem.where, todo=problem.todo)

    def with_more(self, problems: list[Problem], **facts: Any) -> CheckReport:
        """With what was found elsewhere."""
        merged = sorted([*self.problems, *problems], key=lambda problem: ORDER[problem.level])
        return CheckReport(merged, self.seen, self.total, {**self.facts, **facts})

    def as_json(self) -> dict[str, Any]:
        return {
            "problems": [problem.as_json() for problem in self.problems],
            "seen": self.seen,
            "total": self.total,
            "facts": self.facts,
        }


def check(
    dataset: Any,
    *,
    budget_s: float | None = None,
    seed: int = 0,
    clock: Callable[[], float] = time.process_time,
    progress: Callable[[int, int, str], None] | None = None,
) -> CheckReport:
    """Look at a dataset for what makes a training fail or a score too good.

    Labels of training and validation rows are read, those of held-out rows never. Columns are judged on at most 10,000
    rows drawn with the seed; inputs are compared in a seeded order until the time is up.

    Args:
        dataset: a `deepdojo.data.dataset.Dataset`.
        budget_s: seconds of `clock` after which scans stop (None: no limit). With one, samples are smaller.
        clock: CPU time of the process, or `time.monotonic`.
        progress: told `(done, total, what)`.
    """
    began = clock()
    contract = dataset.project.contract
    look = Look(
        dataset, contract.input, contract.input_kind, contract.target, contract.target_kind, seed,
        clock=clock, progress=progress, beside=tuple(contract.inputs)[1:],
        sources=tuple(name for name, kind in list(contract.inputs.items())[1:] if kind == "text"),
    )  # fmt: skip
    problems: list[Problem] = []
    parts = [(share, part) for share, several in (COMPARING if contract.compared else CHECKS) for part in several]
    for number, (share, part) in enumerate(parts):
        if progress is not None:
            progress(number, len(parts), part.__name__.replace("_", " "))
        if budget_s is not None:
            look.deadline = began + budget_s * share
        problems += part(look)
    look.facts["seconds"] = round(clock() - began, 3)
    problems.sort(key=lambda problem: ORDER[problem.level])
    return CheckReport(problems, look.seen, look.total, look.facts)
