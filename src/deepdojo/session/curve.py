"""`dojo curve`: one recipe trained on growing shares of the training rows, with several seeds. What is there is found
again; what the time does not suffice for is left out and said, never cut short."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deepdojo.data.dataset import Dataset
from deepdojo.errors import DataError, UsageError
from deepdojo.locks import locked
from deepdojo.recipes import Recipe
from deepdojo.runs import PARTIAL, Run, new_run_folder
from deepdojo.session.found import Facts, facts_of, finished_trainings, unfinished_runs
from deepdojo.session.group import Group, Plan, write_heads
from deepdojo.session.listener import Listener, Part
from deepdojo.session.start import LARGEST_SEED, Asked, checked, say_chosen, session_of
from deepdojo.session.train import Options, Session, share_of_rows
from deepdojo.training.schedules import usual_batch

__all__ = ["SHARES", "Curve", "begin_curve"]

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
FEWEST_ROWS = 10
FEWEST_SHARES = 3
FEWEST_STEPS = 800
"""A training on few rows takes so many steps at least, or as many as that on all rows if those are fewer: with the
epochs of the recipe alone the curve would show how short the training was, not how few the rows."""
MOST_SEEDS = 100
TRAINING_SHARE_OF_BUDGET = 0.85  # floors follow each share


@dataclass(frozen=True)
class ForShare(Asked):
    """A recipe that trains long enough on a share of the rows."""

    def resolved(self, dataset: Dataset, share: float) -> tuple[Recipe, dict[str, str]]:
        recipe, chosen = super().resolved(dataset, share)
        if share >= 1.0:
            return recipe, chosen
        whole, _ = super().resolved(dataset, 1.0)
        changes, sentence = long_enough(whole, recipe, share, len(dataset.rows("train")))
        return (recipe.overridden(changes), {**chosen, "length": sentence}) if changes else (recipe, chosen)


def long_enough(whole: Recipe, recipe: Recipe, share: float, rows: int) -> tuple[dict[str, Any], str]:
    """What is to be changed in a share's recipe so that its steps are max(min(800, T), share T), T being the steps of
    the training on all rows; and the sentence that says so. Validations stay about as many as the recipe's epochs."""
    if whole.train.steps is not None:  # steps that do not follow the rows would hide what the rows give
        steps = max(min(FEWEST_STEPS, whole.train.steps), round(share * whole.train.steps))
        return {"train.steps": steps}, f"{steps} steps ({share:.0%} of the recipe's, at least {FEWEST_STEPS})"
    train = recipe.train
    assert train.epochs != "auto"
    assert whole.train.epochs != "auto"
    epoch, whole_epoch = (
        math.ceil(n / usual_batch(r.train)) for n, r in ((max(1, round(share * rows)), recipe), (rows, whole))
    )
    least = min(FEWEST_STEPS, math.ceil(whole.train.epochs * whole_epoch))
    if train.epochs * epoch >= least:
        return {}, ""
    epochs = math.ceil(least / epoch)
    every = max(1, round(epochs / train.epochs)) * train.validate_every
    return {"train.epochs": epochs, "train.validate_every": every}, f"{epochs} epochs (about {least} steps)"


@dataclass
class Curve:
    """One walk over all (share, seed) that are wanted.

    Attributes:
        rows: training rows of each share, for the first seed.
        found: (share, seed) to its finished run.
        late: what the time did not suffice for.
    """

    asked: ForShare
    dataset: Dataset
    shares: Sequence[float]
    seeds: Sequence[int]
    rows: Mapping[float, int]
    options: Options
    runs: Path
    problems: list[dict[str, Any]]
    listener: Listener
    started: float
    budget_s: float | None
    trust: bool
    found: dict[tuple[float, int], Run] = field(default_factory=dict)
    late: list[tuple[float, int]] = field(default_factory=list)
    groups: dict[float, Group] = field(default_factory=dict)

    def facts(self, share: float) -> Facts:
        return facts_of(self.asked, self.dataset, self.asked.resolved(self.dataset, share)[0])

    def look(self) -> None:
        """What is finished, and where it lies now: a group's folder is renamed when it is whole."""
        self.found = {}
        for share in self.shares:
            for of, seed, run in finished_trainings(self.runs, self.facts(share)):
                if of == share and seed in self.seeds:
                    self.found.setdefault((share, seed), run)

    def train(self) -> None:
        """Seed by seed, the small shares first: whatever ends it early leaves a whole curve of fewer seeds."""
        wanted = [(share, seed) for seed in self.seeds for share in self.shares]
        self.look()
        if self.found:
            self.listener.say(f"found again: {len(self.found)} of {len(wanted)} trainings")
        for number, (share, seed) in enumerate(wanted, 1):
            if (share, seed) in self.found:
                continue
            if not self.fits(share):
                self.late.append((share, seed))
                continue
            name = f"{100 * share:g} % ({self.rows[share]:,} rows), seed {seed} ({number} of {len(wanted)})"
            self.train_one(share, seed, name)
            self.look()
        for group in self.groups.values():
            self.close(group)
        self.look()
        self.listener.finish()

    def fits(self, share: float) -> bool:
        """Whether one more training of the share ends in time, by what the others took for their steps."""
        if self.budget_s is None:
            return True
        left = self.started + TRAINING_SHARE_OF_BUDGET * self.budget_s - time.monotonic()
        same = [run for (of, _), run in self.found.items() if of == share]
        if same:
            return max(_seconds(run) for run in same) <= left
        if not self.found:
            return left > 0
        (of, _), run = max(self.found.items(), key=lambda item: item[0][0])
        ratio = self.rows[share] / self.rows[of] if self.rows[share] > self.rows[of] else 1.0
        return _seconds(run) * ratio <= left

    def train_one(self, share: float, seed: int, name: str) -> None:
        missing = [one for one in self.seeds if (share, one) not in self.found]
        group = self.groups.get(share) or self.group_with(share, missing)
        if group is None:
            session = self.single(share, seed)
            session.listener = Part(self.listener, name)
            session.run()
            return
        self.groups[share] = group
        number = group.plan.seeds.index(seed)
        with locked(group.folder, name=group.id):
            group.train_member(number, None, name)
        if all((group.folder / member.path).is_dir() for member in group.plan.members()):
            self.close(group)

    def close(self, group: Group) -> None:
        """The group's own score, with the floors on the same rows, where all its trainings are there."""
        whole = all((group.folder / member.path).is_dir() for member in group.plan.members())
        if not whole or not group.folder.is_dir():
            return
        group.listener = Part(self.listener, f"{100 * group.options.share:g} %")
        if self.budget_s is not None:  # floors end in time as well
            group.started = time.monotonic()
            group.options = replace(group.options, budget_s=max(1.0, self.seconds_left()))
        with locked(group.folder, name=group.id):
            group.close()

    def digest(self) -> str:
        """Of what the curve is: the same recipe on the same data, however many shares and seeds, has one page."""
        return hashlib.sha256(json.dumps(self.facts(1.0), sort_keys=True).encode()).hexdigest()[:8]

    def board_runs(self) -> list[Run]:
        """The runs that the trainings are parts of, each once."""
        whole = {run.folder.parents[1] if "/" in run.id else run.folder for run in self.found.values()}
        return [Run(folder) for folder in sorted(whole) if not folder.name.endswith(PARTIAL)]

    def seconds_left(self) -> float:
        return math.inf if self.budget_s is None else self.started + self.budget_s - time.monotonic()

    def group_with(self, share: float, missing: Sequence[int]) -> Group | None:
        """The interrupted group of these seeds, else a new one; None where one seed alone is missing."""
        options = replace(self.options, share=share)
        for run in unfinished_runs(self.runs, self.facts(share)):
            if run.group is None or run.info["options"].get("share", 1.0) != share or run.group.get("folds"):
                continue
            if set(missing) <= set(run.group["seeds"]):
                return self.group_of(Plan.of(run), run.folder, options, resumed=True)
        if len(missing) == 1:
            return None
        plan = Plan(tuple(missing))
        group = self.group_of(plan, new_run_folder(self.runs, self.asked.recipe_name), options, resumed=False)
        write_heads(group, self.asked, {}, self.problems)
        return group

    def group_of(self, plan: Plan, folder: Path, options: Options, *, resumed: bool) -> Group:
        return Group(
            plan, folder, options, self.asked.judge, {None: self.dataset}, self.listener, time.monotonic(), self.trust,
            resumed=resumed, cpu_before=0.0,
        )  # fmt: skip

    def single(self, share: float, seed: int) -> Session:
        """One training as a run of its own; one that was interrupted goes on."""
        for run in unfinished_runs(self.runs, self.facts(share)):
            same = run.info["options"].get("share", 1.0) == share and run.info["seed"] == seed
            if run.group is None and same:
                return session_of(
                    run, self.dataset, listener=self.listener, started=time.monotonic(), trust=self.trust, budget_s=None
                )  # fmt: skip
        recipe, chosen = self.asked.resolved(self.dataset, share)
        return Session(
            self.dataset, recipe, self.asked.recipe_name, self.asked.judge, seed, replace(self.options, share=share),
            new_run_folder(self.runs, self.asked.recipe_name), self.listener, time.monotonic(), chosen=chosen,
            overrides=self.asked.overrides, problems=self.problems,
        )  # fmt: skip


def _seconds(run: Run) -> float:
    return float(run.score["cost"]["seconds"])


def begin_curve(
    project: str | Path,
    recipe: str | None,
    *,
    changes: Mapping[str, Any] | Iterable[str] | None,
    shares: Sequence[float],
    seeds: int,
    seed: int,
    budget_s: float | None,
    baselines: bool,
    runs: str | Path | None,
    offline: bool,
    yes: bool,
    trust: bool,
    listener: Listener,
    started: float,
) -> Curve:
    """Everything up to the first training: project, recipe, data, check, which shares there are rows for."""
    if not 1 <= seeds <= MOST_SEEDS or seed + seeds - 1 > LARGEST_SEED:
        raise UsageError(f"{seeds} seeds cannot be trained", where="--seeds", todo=f"give 1 to {MOST_SEEDS}")
    given = sorted(set(shares))
    if len(given) < FEWEST_SHARES or not all(0 < share <= 1 for share in given):
        raise UsageError(
            "a curve takes three shares or more, each above 0 and at most 100 %", where="--shares",
            todo="for example --shares 5,20,100",
        )  # fmt: skip
    asked = Asked.of(project, recipe, changes, seed, trust)
    asked = ForShare(**vars(asked))
    dataset = asked.load(listener, offline=offline, yes=yes)
    dataset.refuse_withheld()
    problems = checked(dataset, listener)
    rows = {share: len(share_of_rows(dataset, share, seed)) for share in given}
    kept = _distinct(rows, dataset, listener)
    listener.say(f"{len(kept) * seeds} trainings: {len(kept)} shares of {rows[kept[-1]]:,} rows × {seeds} seeds")
    say_chosen(asked.resolved(dataset, 1.0)[1], listener)
    options = Options(None, baselines, explain=False, report=True)
    return Curve(
        asked, dataset, kept, range(seed, seed + seeds), rows, options, asked.runs(runs), problems, listener, started,
        budget_s, trust,
    )  # fmt: skip


def _distinct(rows: Mapping[float, int], dataset: Dataset, listener: Listener) -> list[float]:
    """The shares that hold enough rows, and more than the share before them."""
    kept: list[float] = []
    for share, n in rows.items():
        if n >= FEWEST_ROWS and (not kept or n > rows[kept[-1]]):
            kept.append(share)
    if len(kept) < FEWEST_SHARES:
        raise DataError(
            f"{len(dataset.rows('train')):,} training rows are too few for a curve: {FEWEST_SHARES} of the shares "
            f"{_listed(rows)} must give {FEWEST_ROWS} rows or more, and {len(kept)} do",
            where=dataset.project.name, todo="give larger shares (--shares 40,60,80,100), or gather more rows",
        )  # fmt: skip
    left = [share for share in rows if share not in kept]
    if left:
        listener.say(f"left out: {_listed(left)}, fewer than {FEWEST_ROWS} rows or no more than a smaller share")
    return kept


def _listed(shares: Iterable[float]) -> str:
    return ", ".join(f"{100 * share:g} %" for share in shares)
