"""Reference submissions of a project: tables whose score, or whose refusal, is known, run through the real scorer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepdojo.competition.hosting.expected import EXPECTED, Expected, read_expected
from deepdojo.data.checks.look import Problem
from deepdojo.data.dataset import SPLITS, Dataset
from deepdojo.errors import DojoError
from deepdojo.scoring.score import Score
from deepdojo.scoring.submission import Submission
from deepdojo.session.evaluate import Judge
from deepdojo.tables import check_cells

__all__ = ["EXPECTED", "Expected", "check_references", "read_expected", "score_file"]


def score_file(dataset: Dataset, judge: Judge, path: Path) -> Score:
    """Score a prediction table on the held-out rows, as a board would. Raises ScoreError for a table with a fault."""
    contract = judge.contract
    predictions = Submission.read(path, contract, metric=None if judge.custom else judge.metric).table
    found = judge.score(dataset.truth("test"), predictions, groups=dataset.groups("test"))
    # Columns that the metric does not look at must be right as well: whoever sends them means them.
    kinds = {name: kind for name, kind in contract.predictions.items() if name in predictions.columns}
    known = {row["label"] for split in SPLITS for row in dataset.truth(split)} if "label" in contract.targets else None
    check_cells(predictions, kinds, labels=known)
    return found


def check_references(dataset: Dataset, judge: Judge) -> tuple[list[Problem], dict[str, Any]]:
    """(an error for each file that is not judged as expected, what each file got).

    Held-out labels are read by the scorer, as by `dojo score`.
    """
    folder = dataset.project.folder
    problems: list[Problem] = []
    facts: dict[str, Any] = {}
    for name, expected in read_expected(folder).items():
        value, refused = _judged(dataset, judge, folder / "submissions" / name)
        facts[name] = {"score": value, "error": refused, "as_expected": expected.fits(value, refused)}
        if not facts[name]["as_expected"]:
            got = f"is refused: {refused}" if refused is not None else f"has {judge.metric} {value:.6g}"
            problems.append(
                Problem(
                    "reference submission", f"submissions/{name}", f"{name} {got}; expected is {expected.said}",
                    f"mend the metric, the split or the file, or what {EXPECTED} expects", "error",
                )
            )  # fmt: skip
    return problems, facts


def _judged(dataset: Dataset, judge: Judge, path: Path) -> tuple[float | None, str | None]:
    try:
        return score_file(dataset, judge, path).value, None
    except DojoError as error:
        return None, str(error)
