"""`dojo train PROJECT --all`: the floors, then every recipe that fits the project and the time, one after another.

The order: the project's own default first, then the others by the time that they are expected to take, the shortest
first; so whatever ends it early leaves as many rows on the board as could be had. What is finished is found again.
"""

from __future__ import annotations

import copy
import json
import math
import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.data.dataset import Dataset
from deepdojo.errors import DojoError, UnknownNameError
from deepdojo.runs import Run, new_run_folder
from deepdojo.session.found import facts_of, finished_trainings, unfinished_runs
from deepdojo.session.listener import Listener, Part
from deepdojo.session.start import Asked, checked, session_of, spent
from deepdojo.session.train import Options, Session

if TYPE_CHECKING:
    from deepdojo.session.network import Network

__all__ = ["EveryRecipe", "Left", "begin_every_recipe"]

FITS = 0.8
"""A recipe is begun where its expected time is at most so much of what is left: the guess has an error, and scoring and
the report follow."""
FLOORS_SHARE = 0.3  # of the whole time, for the floors at most
TIMED_STEPS = 4
OPTIMIZER = 1.15  # a whole step beside its forward and backward pass
SCORING_S = 3.0


@dataclass(frozen=True)
class Left:
    """A recipe that was not trained, and why; `needs_s` is the expected time where that is the reason."""

    recipe: str
    reason: str
    needs_s: float | None = None


@dataclass
class EveryRecipe:
    """One walk over the recipes of a project.

    Attributes:
        wanted: name to what is asked; the default first.
        runs_found: finished runs by recipe, in the order in which they ended. left: what was not trained.
    """

    wanted: dict[str, Asked]
    dataset: Dataset
    options: Options
    seed: int
    runs: Path
    problems: list[dict[str, Any]]
    listener: Listener
    started: float
    trust: bool
    runs_found: dict[str, Run] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    packed: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float:
        budget = self.options.budget_s
        return math.inf if budget is None else self.started + budget - time.monotonic()

    def train(self) -> None:
        """Floors, the default, then the others by expected time. Ctrl-C ends it; what is finished stays."""
        if self.options.baselines and not self.dataset.withheld:
            self.floors()
        names = list(self.wanted)
        for name in names[:1]:
            self.consider({name: self.expected_s(name)})
        expected = {name: self.expected_s(name) for name in names[1:]}
        self.consider(dict(sorted(expected.items(), key=lambda item: item[1] if item[1] is not None else math.inf)))
        self.listener.finish()

    def floors(self) -> None:
        from deepdojo.session.floors import Floors

        self.listener.stage("baselines", "without a network, one thread each")
        asked, dataset = next(iter(self.wanted.values())), self.dataset
        floors = Floors(
            dataset, asked.judge, self.runs, train=self.train_rows(), test=dataset.rows("test"), seed=0,
            share=self.options.share,
        )  # fmt: skip
        floors.start()
        until = None if self.options.budget_s is None else time.monotonic() + FLOORS_SHARE * self.options.budget_s
        for folder in floors.finish(self.listener, deadline=until):
            run = Run(folder)
            self.listener.say(f"floor: {run.info['title']} {run.score['value']:.4g}")

    def train_rows(self) -> Any:
        from deepdojo.session.train import share_of_rows

        return share_of_rows(self.dataset, self.options.share, self.seed)

    def expected_s(self, name: str) -> float | None:
        """Seconds that the recipe is expected to take; None where it is there already, does not fit, or cannot be
        tried in the time that is left."""
        if self.find(name):
            return None
        if self.seconds_left < SCORING_S:
            self.left.append(Left(name, "the time was over before it could be looked at"))
            return None
        from deepdojo.session.network import Network

        with tempfile.TemporaryDirectory(prefix="deepdojo-look-") as place:
            folder = Path(place) / "look.partial"
            folder.mkdir()
            session = self.session(name, folder, Part(self.listener, f"look at {name}"))
            session.write_head()
            try:
                network = Network.prepare(session)
                expected = expected_seconds(network)
            except DojoError as error:  # a model for another kind of row, or a recipe that these data do not allow
                self.left.append(Left(name, error.what))
                return None
        self.packed[self.packing_of(name)] = session.packed
        return expected

    def find(self, name: str) -> bool:
        """Whether the recipe has a finished run with this seed and share."""
        asked = self.wanted[name]
        facts = facts_of(asked, self.dataset, asked.resolved(self.dataset, self.options.share)[0])
        for share, seed, run in finished_trainings(self.runs, facts):
            if (share, seed) == (self.options.share, self.seed):
                self.runs_found[name] = run
                self.listener.say(f"{name}: found again, {run.id}")
                return True
        return False

    def consider(self, expected: Mapping[str, float | None]) -> None:
        """Train what fits into the time; the others are named with what they need."""
        for name, seconds in expected.items():
            if seconds is None:
                continue
            if seconds > FITS * self.seconds_left:
                self.left.append(Left(name, "does not fit the time that is left", seconds))
                continue
            said = f"about {_minutes(seconds)}"
            self.listener.say(f"{name}: {said}" + ("" if self.options.budget_s is None else
                              f" of the {_minutes(self.seconds_left)} that are left"))  # fmt: skip
            try:
                self.runs_found[name] = self.train_one(name)
            except DojoError as error:  # one recipe that fails is no reason to leave the others
                self.left.append(Left(name, f"failed: {error.what}"))
                self.listener.say(f"{name} failed: {error}")

    def train_one(self, name: str) -> Run:
        from deepdojo.report import write_report

        part = Part(self.listener, name)
        session = self.begun(name, part) or self.session(name, None, part)
        session.packed = self.packed.get(self.packing_of(name))
        session.floored = True
        run = session.run()
        self.listener.stage("report", name)
        write_report(run.folder)
        return run

    def begun(self, name: str, listener: Listener) -> Session | None:
        """The run of the recipe that was interrupted."""
        asked = self.wanted[name]
        facts = facts_of(asked, self.dataset, asked.resolved(self.dataset, self.options.share)[0])
        for run in unfinished_runs(self.runs, facts):
            same = run.info["options"].get("share", 1.0) == self.options.share and run.info["seed"] == self.seed
            if run.group is None and same:
                budget = None if self.options.budget_s is None else self.seconds_left + spent(run)
                return session_of(
                    run, self.dataset, listener=listener, started=time.monotonic(), trust=self.trust, budget_s=budget
                )  # fmt: skip
        return None

    def session(self, name: str, folder: Path | None, listener: Listener) -> Session:
        asked = self.wanted[name]
        recipe, chosen = asked.resolved(self.dataset, self.options.share)
        left = None if self.options.budget_s is None else max(1.0, self.seconds_left)
        options = Options(left, self.options.baselines, explain=False, report=False, share=self.options.share)
        session = Session(
            self.dataset, recipe, asked.recipe_name, asked.judge, self.seed, options,
            folder or new_run_folder(self.runs, asked.recipe_name), listener, time.monotonic(), chosen=chosen,
            overrides=asked.overrides, problems=self.problems,
        )  # fmt: skip
        session.packed = self.packed.get(self.packing_of(name))
        return session

    def packing_of(self, name: str) -> str:
        """Recipes with the same options of the task read and pack the rows in the same way."""
        asked = self.wanted[name]
        return json.dumps(asked.resolved(self.dataset, self.options.share)[0].task, sort_keys=True, default=str)


def expected_seconds(network: Network) -> float:
    """By a few timed steps on a copy, the timed prediction of rows, and how many of each the recipe asks for."""
    import torch

    from deepdojo.training.precision import using_threads
    from deepdojo.training.schedules import batch_size, planned_steps

    train, store, device = network.session.recipe.train, network.store, network.hardware.device
    size = batch_size(train)
    epoch_steps = store.steps(size)
    steps = planned_steps(train, epoch_steps)
    model = copy.deepcopy(network.model).train()
    times = []
    with using_threads(network.hardware.threads), torch.random.fork_rng():
        generator = torch.Generator().manual_seed(0)
        for index in store.batches(size, generator=generator)[:TIMED_STEPS]:
            began = time.monotonic()
            losses, _ = network.task.loss(model, store.cut(index, device))
            losses.sum().backward()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.monotonic() - began)
    step_s = OPTIMIZER * statistics.median(times[1:] or times)  # the first one warms up
    dataset, row_s = network.session.dataset, network.prediction_s()
    validations = math.ceil(steps / (epoch_steps * train.validate_every))
    predicted = validations * len(dataset.rows("validation")) + len(dataset.rows("test"))
    return steps * step_s + predicted * row_s + SCORING_S


def begin_every_recipe(
    project: str | Path,
    *,
    changes: Mapping[str, Any] | Iterable[str] | None,
    seed: int,
    options: Options,
    runs: str | Path | None,
    offline: bool,
    yes: bool,
    trust: bool,
    listener: Listener,
    started: float,
) -> EveryRecipe:
    """Project, data, check, and which recipes there are: each once, those first that the project names."""
    first = Asked.of(project, None, changes, seed, trust)
    dataset = first.load(listener, offline=offline, yes=yes)
    problems = checked(dataset, listener)
    wanted, left, seen = {first.recipe_name: first}, [], {}
    seen[_content(first, dataset, options.share)] = first.recipe_name
    for name in first.project.recipes():
        if name in wanted:
            continue
        try:
            asked = Asked.of(project, name, changes, seed, trust)
            content = _content(asked, dataset, options.share)
        except UnknownNameError as error:  # a --set that this recipe's model does not know
            left.append(Left(name, error.what))
            continue
        if content in seen:
            left.append(Left(name, f"is the same here as {seen[content]}"))
            continue
        seen[content], wanted[name] = name, asked
    listener.say(f"{len(wanted)} recipes: {', '.join(wanted)}")
    return EveryRecipe(wanted, dataset, options, seed, first.runs(runs), problems, listener, started, trust, left=left)


def _content(asked: Asked, dataset: Dataset, share: float) -> str:
    recipe = asked.resolved(dataset, share)[0]
    return json.dumps([recipe.model.model_dump(), recipe.task, recipe.train.model_dump()], sort_keys=True, default=str)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
