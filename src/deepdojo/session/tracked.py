"""The score of a run that somebody else's program logged, by our scorer on the project's held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepdojo.places import write_json
from deepdojo.runs import Run, write_toml

__all__ = ["score_tracked", "write_unscored"]


def _cost(cost: Mapping[str, Any]) -> dict[str, Any]:
    unknown = dict.fromkeys(("parameters", "train_flops", "forward_flops", "peak_bytes", "inference_ms"))
    return {**unknown, "train_seconds": cost["seconds"], **cost}


def write_unscored(folder: Path, cost: Mapping[str, Any]) -> None:
    """score.json of a run that has only been logged."""
    write_json(folder / "score.json", {
        "metric": "", "value": None, "low": None, "high": None, "n": 0, "higher_is_better": True, "baselines": [],
        "cost": _cost(cost), "data_share": 1.0, "replaced": {}, "digest": "", "verdict": "logged, not scored",
    })  # fmt: skip


def score_tracked(folder: Path, project: str, table: Path, cost: Mapping[str, Any]) -> None:
    """Score `table` on the held-out rows and put the result into the run.

    Raises:
        DojoError: no such project, or a table that does not fit it.
    """
    from deepdojo.data.dataset import load_dataset
    from deepdojo.data.project import find_project
    from deepdojo.scoring.submission import Submission
    from deepdojo.session.evaluate import write_predictions, write_rows
    from deepdojo.session.start import code_trusted, judge_of

    info = Run(folder).info
    place = folder.parent.parent
    found = find_project(place if (place / "project.toml").is_file() else project)
    dataset = load_dataset(found, offline=True, trusted=code_trusted(found, False))
    judge = judge_of(found, False)
    predictions = Submission.read(table, judge.contract, metric=None if judge.custom else judge.metric).table
    truth, groups = dataset.truth("test"), dataset.groups("test")
    judged = judge.score(truth, predictions, groups=groups)
    write_predictions(folder, "predictions.parquet", predictions, judge.contract)
    write_rows(folder, judge.contract, truth, judged, groups)
    write_toml(folder / "run.toml", {**info, "task": found.spec.task, "metric": judge.metric})
    write_json(folder / "score.json", {
        "metric": judged.metric, "value": judged.value, "low": judged.low, "high": judged.high, "n": judged.n,
        "higher_is_better": judged.higher_is_better, "interval": judged.interval, "digest": dataset.digest("test"),
        "groups": groups is not None, "others": judge.others(truth, predictions, groups), "baselines": [],
        "cost": _cost(cost), "data_share": 1.0, "replaced": {},
        "verdict": "trained by another program; scored here on its table of predictions",
    })  # fmt: skip
