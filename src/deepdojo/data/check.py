"""`dojo check`: what is wrong with the data, before an hour is lost on it. Numpy alone; never a held-out label."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from deepdojo.data.checks import columns, groups, inputs, labels
from deepdojo.data.checks.look import Look, Problem
from deepdojo.errors import DataError

__all__ = ["CheckReport", "Problem", "check"]

CHECKS: tuple[Callable[[Look], Iterator[Problem]], ...] = (
    labels.splits,
    labels.left_out,
    labels.classes,
    labels.values,
    columns.columns,
    columns.leaks,
    groups.groups,
    inputs.texts,
    inputs.images,
    inputs.duplicates,
)
"""The last one takes all the time that is left, so it stands last."""

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

    def as_json(self) -> dict[str, Any]:
        return {
            "problems": [problem.as_json() for problem in self.problems],
            "seen": self.seen,
            "total": self.total,
            "facts": self.facts,
        }


def check(dataset: Any, *, budget_s: float | None = None, seed: int = 0) -> CheckReport:
    """Look at a dataset for what makes a training fail or a score too good.

    Labels of training and validation rows are read, those of held-out rows never. Columns are judged on at most 10,000
    rows drawn with the seed; inputs are compared in a seeded order until the time is up.

    Args:
        dataset: a `deepdojo.data.dataset.Dataset`.
        budget_s: CPU seconds after which scans stop (None: no limit).
    """
    began = time.process_time()
    contract = dataset.project.contract
    look = Look(dataset, contract.input, contract.input_kind, contract.target, contract.target_kind, seed)
    problems: list[Problem] = []
    for part in CHECKS:
        if budget_s is not None:
            # The comparison of inputs, which stands last, keeps at least 40 % of the time.
            look.deadline = began + budget_s * (1.0 if part is CHECKS[-1] else 0.6)
        problems += part(look)
    look.facts["seconds"] = round(time.process_time() - began, 3)
    problems.sort(key=lambda problem: ORDER[problem.level])
    return CheckReport(problems, look.seen, look.total, look.facts)
