"""Floors of a run over folds: each fold's in the child process, then one table a floor over all rows."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deepdojo.baselines import FLOORS
from deepdojo.baselines.run import FloorResult
from deepdojo.runs import Run
from deepdojo.session.floors import Floors, write_floor

if TYPE_CHECKING:
    from deepdojo.session.group import Group
    from deepdojo.session.train import Session

__all__ = ["FoldFloors"]


class FoldFloors:
    """Baselines on the folds of a group.

    Those of single folds lie in `floors/` of the group until all are there, so that an interrupted command keeps them;
    what they say together lies beside the runs, as any baseline does.

    Args:
        sessions: of each fold; they know its rows.
    """

    def __init__(self, group: Group, sessions: Mapping[int, Session]) -> None:
        self.group, self.sessions = group, sessions
        self.work = group.folder / "floors"
        self.floors = {
            fold: Floors(
                session.dataset, group.judge, self.work, train=session.train_rows(),
                test=session.dataset.rows("test"), seed=0, share=group.options.share,
            )
            for fold, session in sessions.items()
        }  # fmt: skip
        digests = json.dumps([floors.digest for floors in self.floors.values()])
        self.digest = hashlib.sha256(digests.encode()).hexdigest()[:8]
        self.names = self.floors[0].names

    def folder(self, name: str) -> Path:
        return self.group.runs / f"baseline-{name}-{self.digest}"

    def finish(self, *, deadline: float | None) -> list[Path]:
        """The folders of all floors that there are for every fold; those that are missing are trained first."""
        if not all((self.folder(name) / "score.json").is_file() for name in self.names):
            self._train(deadline)
            for name in self.names:
                if not (self.folder(name) / "score.json").is_file():
                    self._join(name)
        shutil.rmtree(self.work, ignore_errors=True)
        return [self.folder(name) for name in self.names if (self.folder(name) / "score.json").is_file()]

    def _train(self, deadline: float | None) -> None:
        self.work.mkdir(exist_ok=True)
        for number, floors in enumerate(self.floors.values(), 1):
            if deadline is not None and time.monotonic() > deadline:
                self.group.listener.say("the time budget ended before the baselines of every fold were trained")
                return
            self.group.listener.stage("baselines", f"fold {number} of {len(self.floors)}, one thread")
            floors.start()
            floors.finish(self.group.listener, deadline=deadline)

    def _join(self, name: str) -> None:
        from deepdojo.session.joined import fold_digest, joined, judged_run

        folders = [floors.folder(name) for floors in self.floors.values()]
        if not all((folder / "score.json").is_file() for folder in folders):
            return  # what lacks a fold has no score of all rows
        runs = [Run(folder) for folder in folders]
        part = joined([judged_run(run, self.group.judge) for run in runs], self.group.judge)
        seconds = sum(run.score["cost"]["seconds"] for run in runs)
        about = f"one for each of {len(runs)} folds; in the first: {runs[0].info['about']}"
        write_floor(
            self.folder(name), dataset=self.sessions[0].dataset, judge=self.group.judge,
            result=FloorResult(name, FLOORS[name].title, part.table.rows(), seconds, about), table=part.table,
            truth=part.truth, groups=part.groups, digest=fold_digest(part), seed=0, share=self.group.options.share,
        )  # fmt: skip
