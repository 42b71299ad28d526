"""`--refit`: one more training on all rows. No row is left to choose its epochs, so the folds choose them."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepdojo.runs import Run
from deepdojo.session.listener import Part
from deepdojo.session.start import session_of
from deepdojo.session.train import Refit, Session

if TYPE_CHECKING:
    from deepdojo.session.group import Group

__all__ = ["refit_session"]


def refit_session(group: Group, folder: Path) -> Session:
    """The session that trains on all rows; one that was interrupted goes on."""
    first = next(iter(group.data.values()))
    dataset = first.on_split(first.project, dict.fromkeys(first.split_of, "train"))
    listener = Part(group.listener, "all rows")
    if (folder / "run.toml").is_file():
        session = session_of(
            Run(folder), dataset, listener=listener, started=time.monotonic(), trust=group.trust, budget_s=None
        )
        session.resume = (folder / "metrics.jsonl").is_file()
        session.group = group.folder
        return session
    member = Run(group.folder / group.plan.members()[0].path)
    like = session_of(member, dataset, listener=listener, started=time.monotonic(), trust=group.trust, budget_s=None)
    wanted = chosen_epochs([Run(group.folder / m.path) for m in group.plan.members()])
    train = like.recipe.train.model_copy(update={"keep": "last", "patience": None})
    said = f"{wanted.epochs:g} of {wanted.planned:g} epochs: the median of the folds' best ones, at their learning rate"
    group.listener.say(f"all rows: {said}")
    folder.mkdir(parents=True, exist_ok=True)
    session = replace(
        like, recipe=like.recipe.model_copy(update={"train": train}), folder=folder, group=group.folder, resume=False,
        refit=wanted, chosen={**like.chosen, "epochs": said}, overrides=dict(Run(group.folder).info["overrides"]),
        options=replace(like.options, budget_s=None, find_lr=False),  # at the rate of the folds
    )  # fmt: skip
    session.write_head()
    return session


def chosen_epochs(folds: list[Run]) -> Refit:
    """The medians of the folds' best epochs, of the epochs that their learning rate was planned for, of their
    thresholds."""
    best, planned = [], []
    for run in folds:
        schedule = run.info["schedule"]
        last = schedule["replans"][-1][1] if schedule.get("replans") else schedule["total"]
        epochs = last * run.info["epochs"] / run.info["steps"]
        planned.append(epochs)
        best.append(min(float(run.info["best_epoch"]) or epochs, epochs))
    found = [(run.score.get("threshold") or {}).get("threshold") for run in folds]
    there = [float(value) for value in found if value is not None]
    threshold = statistics.median(there) if len(there) == len(folds) else None
    return Refit(statistics.median(best), statistics.median(planned), threshold)
