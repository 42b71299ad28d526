"""What a host is shown before anything is handed out: what gives the answers of the test rows away."""

from __future__ import annotations

from collections.abc import Callable

from deepdojo.competition.hosting.openly import public_because
from deepdojo.competition.hosting.revealed import revealed
from deepdojo.data.check import ORDER, check
from deepdojo.data.checks.look import Problem
from deepdojo.data.dataset import Dataset

__all__ = ["CURED", "giving_away"]

KINDS = (
    "duplicates across splits", "near-duplicates across splits", "shared inputs", "leak", "id-like columns", "groups",
    "order", "ids", "file names", "file sizes", "file times", "image dimensions", "text length",
    "test rows reveal one another",
)  # fmt: skip
CURED = ("order", "ids", "file names", "file times")
"""What `publish` takes away by itself: keyed ids, rows sorted by them, files renamed and of one time."""


def giving_away(
    dataset: Dataset, *, budget_s: float | None = None, progress: Callable[[int, int, str], None] | None = None
) -> list[Problem]:
    """Findings of `dojo check` that are about answers given away, and of test rows that reveal one another.

    Args:
        budget_s: CPU seconds after which scans stop.
    """
    found = [problem for problem in check(dataset, budget_s=budget_s, progress=progress).problems
             if problem.kind in KINDS or problem.level == "error"]  # fmt: skip
    found += revealed(dataset)
    why = public_because(dataset.project)
    if why is not None:
        found.append(Problem(
            "public answers", "project.toml", f"anybody can have the answers of the test rows: {why}",
            "host it with --practice, and the page says so", "warning",
        ))  # fmt: skip
    return sorted(found, key=lambda problem: ORDER[problem.level])
