"""The learner's own newest run, as arrays that a lesson's finale can look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepdojo.errors import DojoError
from deepdojo.grader.finale import OwnRun
from deepdojo.learn.folder import LESSONS_FOLDER
from deepdojo.runs import PARTIAL, Run, places_of_runs, run_folders
from deepdojo.tables import align, read_table

__all__ = ["newest_run"]

_LEAST, _MOST = 20, 100_000  # rows


def newest_run(folder: Path) -> OwnRun | None:
    """The newest finished run of single labels that is seen from the learner's folder (`dojo-lessons`: from above it).

    Its held-out labels were opened when it was scored. None where there is none, or where a file of it is damaged.
    """
    here = [folder, folder.resolve().parent] if folder.resolve().name == LESSONS_FOLDER else [folder]
    places = [place for each in here for place in places_of_runs(each)]
    for found in reversed(run_folders(places)):
        if found.name.endswith(PARTIAL):
            continue
        try:
            own = _own(Run(found))
        except (DojoError, OSError, LookupError, TypeError, ValueError):  # a damaged run is no learner's fault here
            continue
        if own is not None:
            return own
    return None


def _own(run: Run) -> OwnRun | None:
    contract = run.contract
    if not run.finished or contract.target_kind != "label" or contract.answer_kind != "label":
        return None
    shown = run.with_model()
    if not (shown.folder / "rows.parquet").is_file():
        return None
    rows = read_table(shown.folder / "rows.parquet", {contract.target: "label"})
    if not _LEAST <= len(rows) <= _MOST:
        return None
    truth = list(rows.columns[contract.target])
    said = align(rows.ids, shown.predictions())
    answers = list(said.columns[contract.answer])
    names = sorted({*truth, *answers})
    number = {name: i for i, name in enumerate(names)}
    second, sure = _seconds(said.columns.get(contract.distribution or ""), answers, number)
    return OwnRun(
        id=run.id, project=str(run.info["project"]), names=names, y=[number[v] for v in truth],
        p=[number[v] for v in answers], second=second, sure=sure, score=shown.score,
        floor=_floor(run, shown.score, rows.ids, number),
    )  # fmt: skip


def _seconds(
    shares: Sequence[Mapping[str, float]] | None, answers: Sequence[str], number: Mapping[str, int]
) -> tuple[list[int] | None, list[float] | None]:
    """The likeliest class that was not the answer, and how sure the answer was."""
    if shares is None:
        return None, None
    second, sure = [], []
    for each, answer in zip(shares, answers, strict=True):
        other = max((name for name in each if name != answer and name in number), key=lambda n: each[n], default=answer)
        second.append(number[other])
        sure.append(float(each.get(answer, 0.0)))
    return second, sure


def _floor(
    run: Run, score: Mapping[str, Any], ids: Sequence[str], number: Mapping[str, int]
) -> tuple[str, list[int]] | None:
    """The best floor beside the run, where its predictions are there and of the run's classes."""
    sign = 1 if score["higher_is_better"] else -1
    for each in sorted(score.get("baselines", []), key=lambda b: -sign * b["score"]):
        folder = run.folder.parent / str(each.get("run"))
        if not (folder / "predictions.parquet").is_file():
            continue
        answers = align(ids, read_table(folder / "predictions.parquet", {run.contract.answer: "label"})).columns
        labels = answers[run.contract.answer]
        if all(label in number for label in labels):
            return str(each["name"]), [number[label] for label in labels]
    return None
