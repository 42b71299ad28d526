"""`dojo train`, step by step: check, fit, train, score, floors, explanations, report. Held-out labels are read after
training."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepdojo import __version__
from deepdojo.data.dataset import SPLITS, Dataset
from deepdojo.data.rowset import column, select
from deepdojo.data.shares import share_of
from deepdojo.errors import DataError, DojoError, RecipeError, RunError, UnknownNameError, UsageError
from deepdojo.launch import launch_name
from deepdojo.locks import locked
from deepdojo.places import write_json
from deepdojo.recipes import Recipe
from deepdojo.runs import PARTIAL, Run, command_line, environment, finish, now_utc, write_rejected, write_toml
from deepdojo.session.evaluate import Judge
from deepdojo.session.listener import Listener
from deepdojo.stand_ins.own import OwnCode

__all__ = ["Options", "Refit", "Session", "share_of_rows"]

TRAINING_SHARE_OF_BUDGET = 0.6
REST_S = 120.0
"""Of a long budget what floors, explanations and report have at most."""
BUDGET_RESERVE_S = 1.0


@dataclass(frozen=True)
class Options:
    """What the user asked for beside project and recipe; kept in run.toml so that --resume does the same."""

    budget_s: float | None = None
    baselines: bool = True
    explain: bool = True
    report: bool = True
    validation_only: bool = False
    share: float = 1.0
    find_lr: bool = False


@dataclass(frozen=True)
class Refit:
    """How long to train on all rows, where no row is left to choose the epoch: as the folds of the same recipe did.

    Attributes:
        epochs: after which training stops: the median of the folds' best epochs.
        planned: that the learning rate is planned for: the median of the folds' own plans.
        threshold: of the positive label, where the project asks for one: the median of the folds' thresholds.
    """

    epochs: float
    planned: float
    threshold: float | None = None

    def schedule(self, epoch_steps: int) -> Any:
        """The same in steps, of which one pass takes so many."""
        from deepdojo.training.schedules import Schedule

        total = max(1, math.ceil(self.planned * epoch_steps))
        return Schedule(total, stop=min(total, max(1, round(self.epochs * epoch_steps))))


@dataclass
class Session:
    """One walk from a loaded data set to a finished run.

    Attributes:
        packed: what an earlier training on the same rows has fitted and packed.
        group: the folder of the runs that this one is a part of; None for a run of its own.
        members: how many trainings share the time that the user gave.
        refit: train on all rows; none is held out and none validates.
        origin: what the run goes on from, as run.toml has it (`session/origin.py`).
        ranks: this process among those that train together (`session/together.py`).
        floored: the floors are there already, so that training may have their time.
        search: of what search the recipe is the winner: kept in run.toml as [search] and on the board row.
        own: the learner's code that stands in for parts of this training (`--with`).
        pieces_from: so many characters the pieces of words are learned from, where a budget had no time for all.
    """

    dataset: Dataset
    recipe: Recipe
    recipe_name: str
    judge: Judge
    seed: int
    options: Options
    folder: Path
    listener: Listener
    started: float
    chosen: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    resume: bool = False
    replay: Any = None
    packed: Any = None
    group: Path | None = None
    members: int = 1
    refit: Refit | None = None
    ranks: Any = None
    origin: Mapping[str, Any] | None = None
    floored: bool = False
    search: dict[str, Any] | None = None
    pieces_from: int | None = None
    own: OwnCode = field(default_factory=OwnCode)
    cpu_before: float = field(default_factory=lambda: sum(os.times()[:4]))

    @property
    def id(self) -> str:
        """The folder's name; within a group the place in it: `2026-11-27-1143-cnn-8229/seeds/3`."""
        if self.group is None:
            return self.folder.name.removesuffix(PARTIAL)
        inside = self.folder.relative_to(self.group).as_posix()
        return f"{self.group.name.removesuffix(PARTIAL)}/{inside.removesuffix(PARTIAL)}"

    @property
    def runs(self) -> Path:
        """Where the runs of the project lie, and their baselines."""
        return (self.group or self.folder).parent

    def cpu_seconds(self) -> float | None:
        """CPU seconds of this process and its children since the session began; not known for one that was resumed."""
        return None if self.resume else sum(os.times()[:4]) - self.cpu_before

    @property
    def unscored(self) -> bool:
        """Whether no held-out row is scored: they are left closed, or somebody else has their answers."""
        return self.options.validation_only or self.dataset.withheld

    @property
    def deadline(self) -> float | None:
        """When the whole command must end."""
        return None if self.options.budget_s is None else self.started + self.options.budget_s - BUDGET_RESERVE_S

    def training_deadline(self, after_s: float) -> float | None:
        """When training must end, so that scoring, floors, explanations and report find their time.

        Args:
            after_s: what must follow in any case takes so long.

        Raises:
            UsageError: nothing would be left to train in.
        """
        if self.options.budget_s is None or self.deadline is None:
            return None
        extra = (self.options.baselines and not self.floored) or self.options.explain or self.options.report
        share = TRAINING_SHARE_OF_BUDGET if extra and not self.unscored else 0.85
        now = time.monotonic()
        left = self.deadline - now
        if left <= after_s:
            enough = self.members * (self.options.budget_s - left + 2 * after_s + 5)
            raise UsageError(
                f"a budget of {self.options.budget_s:g} s is too short: reading took {now - self.started:.1f} s, "
                f"and scoring needs about {after_s:.1f} s",
                where="--budget", todo=f"give at least {enough:.0f}s",
            )  # fmt: skip
        return now + min(max(share * left, left - REST_S - after_s), left - after_s)

    def seconds_left(self) -> float:
        """Until the command must end; infinite without a budget."""
        return math.inf if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def run(self) -> Run:
        """Everything, to the renamed folder; another process that has begun the same is refused."""
        if self.group is not None:
            with self.own.at_work():
                return self._run()
        with locked(self.folder, name=self.id), self.own.at_work():
            return self._run()

    def _run(self) -> Run:
        from deepdojo.session.finish import finish_run, finish_withheld
        from deepdojo.session.network import Network
        from deepdojo.training.precision import using_threads

        if not self.resume:
            self.write_head()
        try:
            network = Network.prepare(self)
        except (RecipeError, UnknownNameError):  # does not fit: nothing to go on with
            if not self.resume:
                shutil.rmtree(self.folder, ignore_errors=True)
            raise
        except DojoError:
            self.write_left_out()
            raise
        self.write_left_out()
        network.train()
        if self.ranks is not None and not self.ranks.first:
            return Run(self.folder)
        with using_threads(network.hardware.threads):
            if self.refit is not None:
                network.write_validation_score("trained on all rows; its score is that of the folds")
            elif self.options.validation_only:
                network.write_validation_score("the held-out rows were left closed (--validation-only)")
            elif self.dataset.withheld:
                finish_withheld(self, network)
            else:
                finish_run(self, network)
            self.write_left_out()
        if self.options.report:
            self.listener.stage("report")
            from deepdojo.report import write_report

            write_report(self.folder)  # before the folder is renamed: what is interrupted here can be resumed
        run = Run(finish(self.folder))
        self.listener.finish()
        return run

    def train_rows(self) -> Sequence[dict[str, Any]]:
        """Training rows, or the seeded share of them; a larger share holds every smaller one."""
        return share_of_rows(self.dataset, self.options.share, self.seed)

    def write_head(self) -> None:
        """What is known before training: enough for `--resume` after a kill at any later moment."""
        spec, project = self.dataset.project.spec, self.dataset.project
        values = {
            "id": self.id, "kind": "run", "project": spec.name,
            "project_path": "" if project.builtin else str(project.folder.absolute()), "project_digest": project.digest,
            "task": spec.task, "metric": self.judge.metric, "recipe": self.recipe_name,
            "model": self.recipe.model.written(),
            "seed": self.seed, "command": command_line(), "created": now_utc(), "version": __version__,
        }  # fmt: skip
        values["options"] = {k: v for k, v in vars(self.options).items() if v is not None}
        values["overrides"] = self.overrides
        values["chosen"] = self.chosen
        values["task_options"] = self.recipe.task
        values["train"] = self.recipe.train.model_dump()
        if self.origin is not None:
            values["from"] = dict(self.origin)
        if self.ranks is not None:
            values |= {"processes": self.ranks.world, "launch": launch_name()}
        if self.refit is not None:
            values["refit"] = {k: v for k, v in vars(self.refit).items() if v is not None}
        if self.search is not None:
            values["search"] = self.search
        if self.pieces_from is not None:
            values["pieces_from"] = self.pieces_from
        if self.own:
            values["with"] = self.own.written()
            self.own.keep(self.folder)
        write_toml(self.folder / "run.toml", values)
        write_json(self.folder / "data.json", {
            "files": self.dataset.files, "rows": {s: len(self.dataset.rows(s)) for s in ("train", "validation",
            "test")},
            "share": self.options.share, "rejected": len(self.dataset.rejected), "check": self.problems,
        })  # fmt: skip
        self.dataset.write_split(self.folder / "split.parquet")

    def write_left_out(self) -> None:
        """rejected.csv, and the counts of data.json that change when packing finds a row that cannot be used."""
        write_rejected(self.folder / "rejected.csv", self.dataset.rejected)
        rows = {split: len(self.dataset.rows(split)) for split in SPLITS}
        data = Run(self.folder).read_json("data.json")
        write_json(self.folder / "data.json", {**data, "rows": rows, "rejected": len(self.dataset.rejected)})

    def update_head(self, **values: Any) -> None:
        info = dict(Run(self.folder).info)
        write_toml(self.folder / "run.toml", {**info, **values})

    def rejecter(self, split: str) -> Any:
        """For packing: notes a row that cannot be used; an error when none is left."""

        def reject(row: dict[str, Any], reason: str) -> None:
            self.dataset.reject(row["id"], reason)

        return reject

    def usable(self, split: str) -> Sequence[dict[str, Any]]:
        rows = self.train_rows() if split == "train" else self.dataset.rows(split)
        if not rows:
            raise DataError(f"no {split} row can be used", todo="run dojo check and look at what was left out")
        one = rows[0].get("label")
        if split == "train" and one is not None and all(row["label"] == one for row in rows):
            raise DataError(
                f"all {len(rows):,} usable training rows are of one class, {one!r}",
                todo="run dojo check and look at what was left out",
            )
        return rows


def share_of_rows(dataset: Dataset, share: float, seed: int) -> Sequence[dict[str, Any]]:
    """The training rows that a share holds: each class in its part, or whole groups where the split keeps them."""
    rows = dataset.rows("train")
    if share >= 1.0:
        return rows
    contract = dataset.project.contract
    labels = column(rows, contract.target) if contract.target_kind == "label" else None
    return select(rows, share_of(len(rows), share, seed, labels=labels, groups=dataset.groups("train")))


def peak_bytes() -> int:
    """Largest memory of this process so far (CUDA: of the device)."""
    torch_cuda = _cuda_peak()
    if torch_cuda:
        return torch_cuda
    try:
        import resource
    except ImportError:  # Windows has no resource module
        return 0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if os.uname().sysname == "Darwin" else used * 1024


def _cuda_peak() -> int:
    import torch

    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else 0


def write_environment(folder: Path, threads: int, device: str) -> None:
    write_json(folder / "environment.json", environment(threads, device))


def unreadable_model(run: Run) -> RunError:
    return RunError(
        "the run has no trained model", where=str(run.folder), todo=f"finish it with dojo train --resume {run.id}"
    )
