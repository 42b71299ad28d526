"""`dojo train PROJECT --search 20`: settings are tried on validation rows alone, the best is trained once more and
opens the held-out rows. One folder, which can be resumed:

    ID/trials/K/     a trial: a run of its own that leaves the held-out rows closed
    ID/search.json   what each trial set and what it reached on validation rows
    ID/              the winner, a plain run whose [search] says of how many it is the best
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepdojo.data.dataset import Dataset
from deepdojo.errors import DojoError, RunError, UsageError
from deepdojo.locks import locked
from deepdojo.places import write_json
from deepdojo.recipes import Recipe
from deepdojo.runs import PARTIAL, Run
from deepdojo.session.listener import Listener, Part
from deepdojo.session.search_space import Dimension, said, space_of
from deepdojo.session.start import Asked, begin, recorded_data, session_of
from deepdojo.session.train import Options, Session

__all__ = ["Search", "begin_search", "is_search", "resumed_search"]

MOST_TRIALS = 10_000
WINNER_REST = 1.3  # the winner's training with its scoring, beside the longest trial
EXTRAS_SHARE = 0.15  # of a budget, for floors, explanations and report
RECORD = "search.json"


@dataclass
class Search:
    """One search: `session` is that of the winner, with the recipe that the search began from until it is known.

    Attributes:
        trials: of each trial number, params, value (on validation rows; None where it failed or is under way), seconds,
            and reason where it failed.
    """

    session: Session
    count: int
    space: list[Dimension]
    trials: list[dict[str, Any]] = field(default_factory=list)
    packed: Any = None

    @property
    def folder(self) -> Path:
        return self.session.folder

    def run(self) -> Run:
        """The trials that are missing, then the winner."""
        with locked(self.folder, name=self.session.id):
            if "params" not in (self.session.search or {}):
                self.try_all()
                self.choose()
            return self.session._run()

    def try_all(self) -> None:
        listener = self.session.listener
        while True:
            number = len(self.trials)
            if self.trials and self.trials[-1].get("state") == "running":
                number -= 1  # it was interrupted, and goes on
            elif number >= self.count:
                return
            elif not self.fits():
                listener.say(f"search: {number} of {self.count} trials fit the budget, with the winner's own training")
                return
            else:
                self.trials.append({"number": number, "params": self.ask(number), "state": "running"})
                self.write()
            self.try_one(self.trials[number])
            self.write()
            best = self.best()
            if best is not None:
                done = self.trials[number]
                reached = "failed" if done["value"] is None else f"{done['value']:.4g}"
                listener.say(
                    f"trial {number + 1} of {self.count}: {reached} on validation rows (best {best['value']:.4g})"
                )

    def fits(self) -> bool:
        """Whether one more trial, and then the winner with its floors and report, end in time."""
        session = self.session
        if session.options.budget_s is None or not self.trials:
            return True
        longest = max(trial.get("seconds") or 0.0 for trial in self.trials)
        extras = session.options.baselines or session.options.explain or session.options.report
        after = WINNER_REST * longest + (EXTRAS_SHARE * session.options.budget_s if extras else 0.0)
        return longest + after <= session.seconds_left()

    def ask(self, number: int) -> dict[str, Any]:
        """The settings of a trial: the first is the recipe as it stands, the others Optuna's, by the values before it.

        The sampler is seeded with the number of the trial, so that a search that was interrupted goes on as if not.
        """
        optuna = the_optuna()
        if number == 0:
            return {one.key: one.now for one in self.space}
        higher = self.session.judge.higher_is_better
        seed = (self.session.seed * 1_000_003 + number) % 2**32
        study = optuna.create_study(
            direction="maximize" if higher else "minimize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        spaces = {one.key: distribution(optuna, one) for one in self.space}
        for trial in self.trials:
            held = all(one.holds(trial["params"][one.key]) for one in self.space)  # the recipe's own may lie outside
            if trial.get("value") is not None and held:
                study.add_trial(
                    optuna.trial.create_trial(params=trial["params"], distributions=spaces, value=trial["value"])
                )
        asked = study.ask(spaces)
        return {key: float(f"{v:.4g}") if isinstance(v, float) else v for key, v in asked.params.items()}

    def try_one(self, trial: dict[str, Any]) -> None:
        session = self.session
        folder = self.folder / "trials" / str(trial["number"])
        part = Part(session.listener, f"trial {trial['number'] + 1} of {self.count}")
        began = time.monotonic()
        partial = folder.with_name(folder.name + PARTIAL)
        try:
            if not folder.is_dir():
                one = self.trial_session(trial, partial, part)
                one.run()
                self.packed = one.packed  # no setting of a search changes the rows or their encoding
            trial["value"] = Run(folder).score["validation"]["value"]
            trial["loss"] = next((e["validation_loss"] for e in reversed(Run(folder).metrics()) if e.get("best")), None)
        except (UsageError, RunError):
            raise
        except DojoError as error:  # a width that the model cannot have, a rate at which the loss is not finite
            trial |= {"value": None, "reason": error.what}
        trial |= {"state": "done", "seconds": time.monotonic() - began}

    def trial_session(self, trial: Mapping[str, Any], partial: Path, part: Listener) -> Session:
        session = self.session
        if (partial / "metrics.jsonl").is_file():
            one = session_of(
                Run(partial), session.dataset, listener=part, started=time.monotonic(), trust=False, budget_s=None
            )
        else:
            options = Options(None, False, False, False, validation_only=True, share=session.options.share)
            partial.mkdir(parents=True, exist_ok=True)
            one = Session(
                session.dataset, with_params(session.recipe, trial["params"]), session.recipe_name, session.judge,
                session.seed, options, partial, part, time.monotonic(), chosen=dict(session.chosen),
                overrides=session.overrides, problems=session.problems,
            )  # fmt: skip
        one.group, one.packed = self.folder, self.packed
        return one

    def best(self) -> dict[str, Any] | None:
        """The best validation value; of equal ones (coarse metrics tie often) that with the lowest validation loss."""
        sign = 1.0 if self.session.judge.higher_is_better else -1.0
        known = [trial for trial in self.trials if trial.get("value") is not None]

        def order(trial: dict[str, Any]) -> tuple[float, float]:
            loss = trial.get("loss")
            return sign * trial["value"], -loss if isinstance(loss, int | float) else -math.inf

        return max(known, key=order) if known else None

    def choose(self) -> None:
        """The winner's settings become the session's; its head is written anew, so a kill from here on resumes it."""
        best = self.best()
        if best is None:
            reasons = {str(trial.get("reason")) for trial in self.trials}
            raise RunError(f"every trial failed: {'; '.join(sorted(reasons))}", where=self.session.id,
                           todo="train without --search, and mend that first")  # fmt: skip
        done = sum(trial.get("value") is not None for trial in self.trials)
        session = self.session
        session.recipe = with_params(session.recipe, best["params"])
        session.search = {
            "trials": done, "asked": self.count, "params": best["params"], "best": best["number"],
            "validation": best["value"], "space": [one.as_toml() for one in self.space],
        }  # fmt: skip
        shown = ", ".join(f"{key} {value:.4g}" for key, value in best["params"].items())
        session.chosen["search"] = f"{shown} (the best of {done} trials on validation rows, of {said(self.space)})"
        session.listener.say(f"search: {shown}, the best of {done} trials")
        session.write_head()
        session.resume, session.packed = False, self.packed

    def write(self) -> None:
        write_json(self.folder / RECORD, {"trials": self.trials})


def with_params(recipe: Recipe, params: Mapping[str, Any]) -> Recipe:
    return recipe.overridden(dict(params))


def the_optuna() -> Any:
    """The library, silent. Raises UsageError where the extra is missing."""
    try:
        import optuna
    except ImportError:
        raise UsageError(
            "a search needs Optuna, which is not installed", where="--search", todo='pip install "deepdojo[search]"'
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def distribution(optuna: Any, one: Dimension) -> Any:
    kinds = optuna.distributions
    if one.choices:
        return kinds.CategoricalDistribution(one.choices)
    return kinds.FloatDistribution(one.low, one.high, log=one.log)


def begin_search(
    project: str | Path,
    recipe: str | None,
    *,
    count: int,
    changes: Mapping[str, Any] | Iterable[str] | None,
    options: Options,
    **given: Any,
) -> Search:
    """Everything up to the run folder; `given` as `start.begin` takes it."""
    if not 2 <= count <= MOST_TRIALS:
        raise UsageError(f"{count} trials are no search", where="--search", todo="give 2 or more: --search 20")
    if options.validation_only or options.find_lr:
        name = "--validation-only" if options.validation_only else "--find-lr"
        raise UsageError(
            f"{name} does not go with --search, which tries rates on validation rows and opens the held-out rows once",
            where=name, todo="leave one of them away",
        )  # fmt: skip
    the_optuna()  # before any work
    listener: Listener = given["listener"]
    fixed = Asked.of(project, recipe, changes, given["seed"], given["trust"]).overrides
    session = begin(project, recipe, changes=changes, options=options, **given)
    space = space_of(session.recipe, fixed)
    if not space:
        raise UsageError("--set has left nothing to search", where="--search", todo="leave some of --set away")
    listener.say(f"search: {count} trials over {said(space)}, judged on validation rows")
    session.search = {"trials": 0, "asked": count, "space": [one.as_toml() for one in space]}
    session.write_head()
    return Search(session, count, space)


def is_search(run: Run) -> bool:
    """Whether a run was interrupted while its settings were being tried."""
    return "search" in run.info and "params" not in run.info["search"]


def resumed_search(
    run: Run, *, listener: Listener, started: float, trust: bool, offline: bool, budget_s: float | None
) -> Search:
    """The search of a run that was interrupted before its winner was known."""
    dataset: Dataset = recorded_data(run, trust=trust, offline=offline)
    session = session_of(run, dataset, listener=listener, started=started, trust=trust, budget_s=budget_s)
    path = run.folder / RECORD
    trials = run.read_json(RECORD)["trials"] if path.is_file() else []
    used = sum(trial.get("seconds") or 0.0 for trial in trials)
    session.started = started - (0.0 if budget_s else used)
    found = run.info["search"]
    space = [Dimension.of(dict(one)) for one in found["space"]]
    return Search(session, int(found["asked"]), space, [dict(trial) for trial in trials])
