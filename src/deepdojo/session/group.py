"""Several trainings as one run: over seeds, over folds, or both. One folder, one row of the board; inside it each
training is a run of its own, bit for bit the one that its seed and fold alone would give.

    ID/seeds/S/            --seeds          ID/folds/K/            --folds
    ID/seeds/S/folds/K/    both             ID/refit/              --refit
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deepdojo.data.dataset import Dataset
from deepdojo.errors import RecipeError, RunError, UnknownNameError, UsageError
from deepdojo.locks import locked
from deepdojo.runs import PARTIAL, Run, finish, new_run_folder
from deepdojo.session.evaluate import Judge
from deepdojo.session.listener import Listener, Part
from deepdojo.session.start import (
    LARGEST_SEED,
    Asked,
    checked,
    code_trusted,
    recorded_data,
    say_chosen,
    session_of,
    spent,
    split_changes,
    split_of,
)
from deepdojo.session.train import BUDGET_RESERVE_S, Options, Session
from deepdojo.stand_ins.own import OwnCode

__all__ = ["Group", "Plan", "begin_group", "resumed_group"]

MOST_SEEDS = 1000
SHARE_WITH_EXTRAS, SHARE_ALONE = 0.7, 0.95  # of a budget, for the trainings; floors, explanations, report follow
ALONE = {"baselines": False, "explain": False, "report": False}  # what a group does once for all its members
REFIT_TRAININGS = 1.3  # what a training on all rows takes beside one on all but a fold


@dataclass(frozen=True)
class Member:
    """One training: its seed, its fold, and its place in the group's folder."""

    seed: int
    fold: int | None
    path: str

    @property
    def name(self) -> str:
        return (
            self.path.replace("/folds", ", fold")
            .replace("seeds/", "seed ")
            .replace("folds/", "fold ")
            .replace("/", " ")
        )


@dataclass(frozen=True)
class Plan:
    """What the trainings of a group differ in; kept in run.toml as [group].

    Attributes:
        seeds: one or more; folds: how many, or None; refit: whether one more is trained on all rows.
    """

    seeds: tuple[int, ...]
    folds: int | None = None
    refit: bool = False

    @classmethod
    def of(cls, run: Run) -> Plan:
        assert run.group is not None
        return cls(tuple(run.group["seeds"]), run.group.get("folds"), run.group["refit"])

    def as_toml(self) -> dict[str, Any]:
        return {"seeds": list(self.seeds), "folds": self.folds, "refit": self.refit}

    def members(self) -> list[Member]:
        """Fold by fold, so that the rows of a fold are packed once for all seeds."""
        return [
            Member(seed, fold, self.place(seed) + ("" if fold is None else f"folds/{fold}"))
            for fold in (range(self.folds) if self.folds else [None])
            for seed in self.seeds
        ]

    def place(self, seed: int) -> str:
        """Where the training, or the folds, of a seed lie; "" for the group's own folder, else with / at its end."""
        if len(self.seeds) == 1:
            return ""
        return f"seeds/{seed}/" if self.folds else f"seeds/{seed}"


@dataclass
class Group:
    """One walk over all trainings of a group; `data` by fold, None where there are no folds."""

    plan: Plan
    folder: Path
    options: Options
    judge: Judge
    data: Mapping[int | None, Dataset]
    listener: Listener
    started: float
    trust: bool
    resumed: bool
    cpu_before: float
    packed: dict[int | None, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.folder.name.removesuffix(PARTIAL)

    @property
    def runs(self) -> Path:
        return self.folder.parent

    @property
    def deadline(self) -> float | None:
        budget = self.options.budget_s
        return None if budget is None else self.started + budget - BUDGET_RESERVE_S

    def run(self) -> Run:
        """Every training that is missing, then the mean, the floors, explanations and the report."""
        with locked(self.folder, name=self.id):
            self.train_members()
            run = self.close()
        self.listener.finish()
        return run

    def close(self) -> Run:
        """What follows when all trainings are there; the folder gets its name."""
        from deepdojo.session.joined import finish_group

        finish_group(self)
        if self.plan.refit:
            self.refit()
        if self.options.report:
            self.listener.stage("report")
            from deepdojo.report import write_report

            write_report(self.folder)
        return Run(finish(self.folder))

    def train_members(self) -> None:
        members = self.plan.members()
        ends = self.trainings_end()
        for number in range(len(members)):
            left = len(members) - number + (REFIT_TRAININGS if self.plan.refit else 0)
            self.train_member(number, None if ends is None else (ends - time.monotonic()) / left)

    def train_member(self, number: int, budget_s: float | None, name: str | None = None) -> None:
        """One training, where it is not there yet.

        Args:
            name: what it is called to the user; default: its seed or fold, and how many there are.
        """
        members = self.plan.members()
        member = members[number]
        folder = self.folder / member.path
        if folder.is_dir():
            return
        name = name or f"{member.name} ({number + 1} of {len(members)})"
        session = self.session(Run(folder.with_name(folder.name + PARTIAL)), member, name, budget_s)
        try:
            session.run()
        except (RecipeError, UnknownNameError):
            if not self.resumed and number == 0:  # does not fit: nothing to go on with
                shutil.rmtree(self.folder, ignore_errors=True)
            raise
        if self.options.share >= 1.0:  # else each seed has rows of its own
            self.packed = {member.fold: session.packed}

    def trainings_end(self) -> float | None:
        """When the last training must end."""
        if self.deadline is None:
            return None
        extras = not self.options.validation_only and (self.options.baselines or self.options.explain)
        now = time.monotonic()
        return now + (SHARE_WITH_EXTRAS if extras else SHARE_ALONE) * (self.deadline - now)

    def session(self, run: Run, member: Member, name: str, budget_s: float | None) -> Session:
        """The session of a member; one that has been begun before goes on.

        Args:
            budget_s: what is left for it, beside what it has used.
        """
        begun = (run.folder / "metrics.jsonl").is_file()
        total = None if budget_s is None else max(0.1, budget_s) + (spent(run) if begun else 0.0)
        session = session_of(
            run, self.data[member.fold], listener=Part(self.listener, name), started=time.monotonic(),
            trust=self.trust, budget_s=total,
        )  # fmt: skip
        session.resume, session.group, session.members = begun, self.folder, len(self.plan.members())
        session.packed = self.packed.get(member.fold)
        if begun and total is not None:
            session.update_head(options={k: v for k, v in vars(session.options).items() if v is not None})
        return session

    def refit(self) -> None:
        """Train once on all rows, as long as the folds' best epochs say; `predict`, `explain` and `export` take it."""
        from deepdojo.session.refit import refit_session

        folder = self.folder / "refit"
        if folder.is_dir():
            return
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.listener.say(f"the time budget ended before all rows were trained on: dojo train --resume {self.id}")
            return
        session = refit_session(self, folder.with_name(f"refit{PARTIAL}"))
        session.run()

    def cpu_seconds(self) -> float | None:
        """CPU seconds of the whole command; not known for one that was resumed."""
        return None if self.resumed else sum(os.times()[:4]) - self.cpu_before


def begin_group(
    project: str | Path,
    recipe: str | None,
    *,
    changes: Mapping[str, Any] | Iterable[str] | None,
    seed: int,
    seeds: int,
    folds: int | bool,
    refit: bool,
    options: Options,
    runs: str | Path | None,
    offline: bool,
    yes: bool,
    trust: bool,
    listener: Listener,
    started: float,
    cpu_before: float,
    own: OwnCode | None = None,
) -> Group:
    """Everything up to the folders: project, recipe, data, check, the heads of all members."""
    asked = Asked.of(project, recipe, changes, seed, trust, own)
    split = fold_changes(asked, folds, refit, options)
    if not 1 <= seeds <= MOST_SEEDS or seed + seeds - 1 > LARGEST_SEED:
        raise UsageError(f"{seeds} seeds cannot be trained", where="--seeds", todo=f"give 1 to {MOST_SEEDS:,}")
    count = asked.project.changed({**asked.split_changes, **split}).spec.split.folds if folds is not False else None
    plan = Plan(tuple(range(seed, seed + seeds)), count, refit)
    if options.budget_s is not None and options.budget_s < 5 * len(plan.members()):
        raise UsageError(
            f"a budget of {options.budget_s:g} s is too short for {len(plan.members())} trainings", where="--budget",
            todo=f"give at least {5 * len(plan.members())}s",
        )  # fmt: skip
    dataset = asked.load(listener, offline=offline, yes=yes, more=split)
    problems = checked(dataset, listener)
    data: dict[int | None, Dataset] = dict(enumerate(dataset.folds())) if count else {None: dataset}
    say_plan(plan, options, listener)
    say_chosen(asked.resolved(next(iter(data.values())), options.share)[1], listener)
    group = Group(
        plan, new_run_folder(asked.runs(runs), asked.recipe_name), options, asked.judge, data, listener, started, trust,
        resumed=False, cpu_before=cpu_before,
    )  # fmt: skip
    write_heads(group, asked, split, problems)
    return group


def write_heads(group: Group, asked: Asked, split: Mapping[str, Any], problems: list[dict[str, Any]]) -> None:
    """run.toml, data.json and split.parquet of every member, then of the group: what has those can be resumed."""

    def head(member: Member | None, folder: Path) -> Session:
        fold = next(iter(group.data)) if member is None else member.fold
        dataset = group.data[fold]
        resolved, chosen = asked.resolved(dataset, group.options.share)
        overrides = dict(asked.overrides)
        if member is not None and fold is not None:
            overrides |= {**split, "split.fold": fold}
        session = Session(
            dataset, resolved, asked.recipe_name, asked.judge, group.plan.seeds[0] if member is None else member.seed,
            group.options if member is None else replace(group.options, **ALONE, budget_s=None), folder,
            group.listener, group.started, chosen=chosen, overrides=overrides, problems=problems,
            group=None if member is None else group.folder, origin=asked.origin, own=asked.own,
        )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        session.write_head()
        return session

    for member in group.plan.members():
        folder = group.folder / member.path
        head(member, folder.with_name(folder.name + PARTIAL))
    head(None, group.folder).update_head(group=group.plan.as_toml())


def fold_changes(asked: Asked, folds: int | bool, refit: bool, options: Options) -> dict[str, Any]:
    """What `--folds` changes in the project's [split]. Raises UsageError where rows cannot be dealt into folds."""
    if folds is False:
        if refit:
            raise UsageError("there are no folds to choose the epochs by", where="--refit", todo="give --folds too")
        return {}
    spec = asked.project.changed(asked.split_changes).spec
    if options.validation_only:
        raise UsageError("folds hold every row out once, so none can be left closed", where="--validation-only")
    if "split.fold" in asked.split_changes:
        raise UsageError(
            "one fold and all folds are asked for", where="--set split.fold", todo="leave one of them away"
        )
    if folds is True:
        if spec.split.folds is None:
            raise UsageError("the project has no folds of its own", where="--folds", todo="say how many: --folds 5")
        return {}
    if folds < 2:
        raise UsageError(f"{folds} folds are no cross-validation", where="--folds", todo="give 2 or more")
    given = "its data have a test part" if "test" in spec.data.split else "a column gives the test part"
    if "test" in spec.data.split or spec.split.test is not None:
        raise UsageError(f"the rows cannot be dealt into folds: {given}", where="--folds", todo="leave --folds away")
    if spec.split.order is not None:
        raise UsageError(
            "the rows are cut by time; folds would learn from the future", where="--folds", todo="leave --folds away"
        )
    changes: dict[str, Any] = {"split.folds": int(folds)}
    if spec.split.fraction is not None:
        changes["split.fraction"] = {k: v for k, v in spec.split.fraction.items() if k != "test"}
    return changes


def say_plan(plan: Plan, options: Options, listener: Listener) -> None:
    each = {(True, False): "one a seed", (False, True): "one a fold"}.get(
        (len(plan.seeds) > 1, plan.folds is not None), f"{len(plan.seeds)} seeds × {plan.folds} folds"
    )
    also = ", then one on all rows" if plan.refit else ""
    shared = f"; they share {options.budget_s:g} s" if options.budget_s is not None else ""
    listener.say(f"{len(plan.members())} trainings, {each}{also}{shared}")


def resumed_group(
    run: Run, *, refit: bool, listener: Listener, started: float, trust: bool, offline: bool, budget_s: float | None
) -> Group:
    """The group of a run that was interrupted; with `refit` also of one that is finished and has folds."""
    plan = Plan.of(run)
    if refit and not plan.folds:
        raise UsageError("the run has no folds to choose the epochs by", where="--refit", todo="train with --folds")
    heads = [Run(_there(run.folder / member.path)) for member in plan.members()]
    by_fold = {member.fold: head for member, head in zip(plan.members(), heads, strict=True)}
    first = heads[0]
    dataset = recorded_data(first, trust=trust, offline=offline)
    data: dict[int | None, Dataset] = {}
    for fold, head in by_fold.items():
        project = run.project().changed(split_changes(head))
        data[fold] = dataset if fold is None else dataset.on_split(project, split_of(head))
    project = dataset.project
    judge = Judge(project.contract, run.info["metric"], project.folder, code_trusted(project, trust))
    options = Options(**{**run.info["options"], **({"budget_s": budget_s} if budget_s else {})})
    used = sum(_used(head) for head in heads) if not run.finished else 0.0
    return Group(
        replace(plan, refit=plan.refit or refit), run.folder, options, judge, data, listener, started - used, trust,
        resumed=True, cpu_before=0.0,
    )  # fmt: skip


def add_refit(group: Group) -> Run:
    """`--resume RUN --refit`: the model of all rows for folds that are finished."""
    run = Run(group.folder)
    if (run.folder / "refit").is_dir():
        raise RunError("the run has its model of all rows already", where=run.id, todo=f"dojo predict {run.id} FILE")
    group.options = replace(group.options, budget_s=None)
    with locked(group.folder, name=group.id):
        group.refit()
        info = {**run.info, "group": group.plan.as_toml()}
        from deepdojo.runs import write_toml

        write_toml(run.folder / "run.toml", info)
        if group.options.report:
            from deepdojo.report import write_report

            write_report(run.folder)
    group.listener.finish()
    return Run(group.folder)


def _there(folder: Path) -> Path:
    return folder if folder.is_dir() else folder.with_name(folder.name + PARTIAL)


def _used(head: Run) -> float:
    """Seconds that a member has used so far."""
    return float(head.score["cost"]["seconds"]) if head.finished else spent(head)
