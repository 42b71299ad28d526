"""Reference submissions of a project: tables whose score, or whose refusal, is known, run through the real scorer.

`submissions/expected.toml` beside project.toml has a table for each file there:

    ["majority.csv"]
    low = 0.48
    high = 0.56

    ["ids_twice.csv"]
    error = "twice"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from deepdojo.data.checks.look import Problem
from deepdojo.data.dataset import SPLITS, Dataset
from deepdojo.errors import DojoError, ProjectError, UnknownNameError
from deepdojo.scoring.score import Score
from deepdojo.scoring.submission import Submission
from deepdojo.session.evaluate import Judge
from deepdojo.tables import check_cells

__all__ = ["EXPECTED", "Expected", "check_references", "read_expected", "score_file"]

EXPECTED = "submissions/expected.toml"
KEYS = ("low", "high", "error")
ROUNDING = 1e-9


@dataclass(frozen=True)
class Expected:
    """What must come of one file.

    Attributes:
        low, high: the band of its score, both ends included, in the metric's unit; None for an open end.
        error: a part of the sentence with which it must be refused.
    """

    low: float | None = None
    high: float | None = None
    error: str | None = None

    @property
    def said(self) -> str:
        if self.error is not None:
            return f"an error with {self.error!r}"
        if self.low is None or self.high is None:
            return f"a score of at least {self.low:g}" if self.high is None else f"a score of at most {self.high:g}"
        return f"a score from {self.low:g} to {self.high:g}"


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


def read_expected(folder: Path) -> dict[str, Expected]:
    """File -> what is expected of it; empty for a project without the page. Raises ProjectError for one with faults."""
    path = folder / EXPECTED
    if not path.is_file():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"is no TOML ({error})", where=EXPECTED) from None
    return {name: _expected(name, table) for name, table in tables.items()}


def _expected(name: str, table: Any) -> Expected:
    where = f"{EXPECTED} [{name!r}]"
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts or "\\" in name:
        raise ProjectError("the file must lie in the folder submissions", where=where, todo="give its name alone")
    if not isinstance(table, Mapping):
        raise ProjectError(
            "expects a table for each file", where=where, todo=f'write ["{name}"], and low, high or error below it'
        )
    for key, value in table.items():
        if key not in KEYS:
            raise UnknownNameError("key", key, KEYS, where=where)
        if isinstance(value, bool) or not isinstance(value, str if key == "error" else int | float) or value == "":
            raise ProjectError(f"{key} is {value!r}, which is no {'text' if key == 'error' else 'number'}", where=where)
    if not table or ("error" in table and len(table) > 1):
        raise ProjectError("needs low, high or both, or else error alone", where=where)
    expected = Expected(**table)
    if expected.low is not None and expected.high is not None and not expected.low <= expected.high:
        raise ProjectError(f"low is {expected.low:g} and high {expected.high:g}", where=where, todo="swap them")
    return expected


def check_references(dataset: Dataset, judge: Judge) -> tuple[list[Problem], dict[str, Any]]:
    """(an error for each file that is not judged as expected, what each file got).

    Held-out labels are read by the scorer, as by `dojo score`.
    """
    folder = dataset.project.folder
    problems: list[Problem] = []
    facts: dict[str, Any] = {}
    for name, expected in read_expected(folder).items():
        value, refused = _judged(dataset, judge, folder / "submissions" / name)
        facts[name] = {"score": value, "error": refused, "as_expected": _fits(expected, value, refused)}
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


def _fits(expected: Expected, value: float | None, refused: str | None) -> bool:
    if refused is not None or value is None:
        return expected.error is not None and expected.error in str(refused)
    low = value >= expected.low - ROUNDING if expected.low is not None else True
    high = value <= expected.high + ROUNDING if expected.high is not None else True
    return expected.error is None and low and high
