"""Verbs that train."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.api.comparing import board
from deepdojo.api.finished import _load_run, load
from deepdojo.errors import RunError, UsageError
from deepdojo.launch import rank, under_torchrun
from deepdojo.session.listener import Listener
from deepdojo.session.loaded import LoadedRun

if TYPE_CHECKING:
    from deepdojo.runs import Run

__all__ = ["Reproduction", "curve", "reproduce", "train", "train_all"]


def train(
    project: str | Path | None = None,
    recipe: str | None = None,
    *,
    set: Mapping[str, Any] | Iterable[str] | None = None,
    seed: int = 0,
    seeds: int = 1,
    folds: int | bool = False,
    refit: bool = False,
    budget: float | None = None,
    runs: str | Path | None = None,
    baselines: bool = True,
    explain: bool = True,
    report: bool = True,
    validation_only: bool = False,
    share: float = 1.0,
    find_lr: bool = False,
    search: int | None = None,
    offline: bool = False,
    yes: bool = False,
    trust: bool = False,
    resume: str | Path | None = None,
    from_: str | Path | None = None,
    with_: Sequence[str | Path | Callable[..., Any]] = (),
    listener: Listener | None = None,
) -> LoadedRun:
    """Check the data, train, score on held-out rows, compare with baselines, explain, report.

    Args:
        project: a folder with project.toml, or the name of a built-in project.
        recipe: a name of the project's or the stock recipes, or a path; None takes the project's default.
        set: overrides such as `{"train.lr": 3e-4}` or `["train.lr=3e-4"]`; `split.fold` and others of [split] too.
        seed: of weights, order of examples and dropout.
        seeds: so many trainings, with the seeds from `seed` on; one run that holds their mean and both its spreads.
        folds: cross-validation: so many trainings, each row held out once; True takes the number from the project.
        refit: beside the folds one training on all rows, whose model predicts; with `resume`, for folds that are done.
        budget: seconds for the whole call; several trainings share them.
        runs: where runs go.
        validation_only: leave the held-out rows closed; the run has no score and no place on the board.
        share: share of the training rows to use, 0 to 1.
        find_lr: search for a learning rate first (Smith 2017) and train with it.
        search: try so many settings on validation rows (Optuna, the extra `search`) and train the best once more, which
            alone opens the held-out rows; the board row says of how many it is the best.
        yes: download more than 100 MB without asking. trust: run the project's own code.
        from_: go on from the weights of a run, or of the folder of a Hugging Face checkpoint: fine-tuning.
        with_: your own code in the place of ours: files, or functions and classes of a notebook; each is graded first.
        resume: a run that was interrupted; takes no project.

    Returns:
        the finished run. Under `torchrun` all its processes train it together; the first one scores and writes it, and
        every one that can see its folder gets it.

    Raises:
        DojoError: one sentence that says what is wrong and what to do.

    Example:
        >>> run = train("digits", recipe="cnn")  # doctest: +SKIP
        >>> run.score.value  # doctest: +SKIP
        0.99
    """
    started, cpu_before = time.monotonic(), sum(os.times()[:4])
    listener = listener or Listener()
    if (project is None) == (resume is None):
        raise UsageError("give a project or a run to resume, one of the two", todo="for example dojo train digits")
    if resume is not None:
        asked = {"RECIPE": recipe, "--set": set, "--seed": seed, "--seeds": seeds != 1, "--folds": folds,
                 "--share": share != 1.0, "--from": from_, "--validation-only": validation_only,
                 "--search": search, "--with": with_}  # fmt: skip
        changed = [name for name, value in asked.items() if value]
        if changed:
            raise UsageError(
                f"{changed[0]} does not go with --resume: the run has what it began with", where=changed[0],
                todo="leave it away, or train anew",
            )  # fmt: skip
        if not under_torchrun():
            return _resume(resume, refit, budget, offline, trust, listener, started, cpu_before)
    _check_limits(share, budget)
    if from_ is not None:
        from deepdojo.recipes import parse_overrides

        set = {**parse_overrides(set), "model.from": str(getattr(from_, "folder", from_))}
    from deepdojo.session.train import Options

    options = Options(budget, baselines, explain, report, validation_only, share, find_lr)
    given: dict[str, Any] = {
        "changes": set, "seed": seed, "options": options, "runs": runs, "offline": offline, "yes": yes, "trust": trust,
        "listener": listener, "started": started,
    }  # fmt: skip
    if with_:
        given["own"] = _own(with_, search is not None)
    several = seeds != 1 or folds is not False or refit
    if search is not None and (several or under_torchrun()):
        raise UsageError(
            "a search is of one training by one process", where="--search",
            todo="leave --seeds, --folds, --refit and torchrun away; train the settings that it finds with them",
        )  # fmt: skip
    if under_torchrun():
        from deepdojo.session.together import train_together

        if several:
            raise UsageError(
                "several trainings cannot share processes", where="--seeds, --folds, --refit",
                todo="leave them away, or torchrun",
            )  # fmt: skip
        run = train_together(project, recipe, resume=resume, given=given)
        return _entered(run) if rank() == 0 else LoadedRun(run)
    assert project is not None
    if several:
        from deepdojo.session.group import begin_group

        group = begin_group(project, recipe, **given, seeds=seeds, folds=folds, refit=refit, cpu_before=cpu_before)
        return _entered(group.run())
    if search is not None:
        from deepdojo.session.search import begin_search

        found = begin_search(project, recipe, count=search, **given)
        found.session.cpu_before = cpu_before
        return _entered(found.run())
    from deepdojo.session.start import begin

    session = begin(project, recipe, **given)
    session.cpu_before = cpu_before
    return _entered(session.run())


def _own(with_: Sequence[str | Path | Callable[..., Any]], search: bool) -> Any:
    from deepdojo.session.own_code import own_code

    if search or under_torchrun():
        raise UsageError(
            "--with is of plain trainings", where="--with", todo="leave --search and torchrun away, or --with"
        )
    return own_code(with_)


def train_all(
    project: str | Path,
    *,
    set: Mapping[str, Any] | Iterable[str] | None = None,
    seed: int = 0,
    budget: float | None = None,
    runs: str | Path | None = None,
    baselines: bool = True,
    share: float = 1.0,
    offline: bool = False,
    yes: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Train the floors and every recipe that fits the project: the default first, then the others, the shortest first.

    What is finished is found again, so the same call goes on after an interruption; what is expected to need more than
    the time that is left is not begun. Decisions are not explained (`explain` does it for a run).

    Args:
        project, set, seed, runs, baselines, share, offline, yes, trust: as in `train`.
        budget: seconds for the whole call.

    Returns:
        runs (recipe -> summary), left (recipe, reason, needs_s of what was not trained) and board (rows, as `board`).
    """
    from dataclasses import asdict

    from deepdojo.session.every_recipe import begin_every_recipe
    from deepdojo.session.train import Options

    _check_limits(share, budget)
    walk = begin_every_recipe(
        project, changes=set, seed=seed, options=Options(budget, baselines, share=share), runs=runs, offline=offline,
        yes=yes, trust=trust, listener=listener or Listener(), started=time.monotonic(),
    )  # fmt: skip
    walk.train()
    done = {name: _entered(run).summary() for name, run in walk.runs_found.items()}
    return {"runs": done, "left": [asdict(one) for one in walk.left], "board": board(project, runs=runs)}


def curve(
    project: str | Path,
    recipe: str | None = None,
    *,
    shares: Iterable[float] | None = None,
    seeds: int = 3,
    seed: int = 0,
    set: Mapping[str, Any] | Iterable[str] | None = None,
    budget: float | None = None,
    baselines: bool = True,
    runs: str | Path | None = None,
    language: str = "en",
    offline: bool = False,
    yes: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Train on growing shares of the training rows: score against rows, and whether twice the data would help.

    Every (share, seed) is a training of its own on the board; what is there already is found again, so the same call
    goes on after an interruption, or adds seeds and shares.

    Args:
        project, recipe, set, runs, offline, yes, trust: as in `train`.
        shares: of the training rows, above 0 and at most 1; default 1, 2, 5, 10, 20, 50 and 100 %. Those of one seed
            are nested, each class in its part, or in whole groups where the split keeps groups together.
        seeds: trainings at each share, with the seeds from `seed` on.
        budget: seconds; a training that would not end in time is left out and named, none is cut short.
        language: of the page.

    Returns:
        points (share, rows, score, low, high, sd, seeds, floor), law, back_test, answer, and the paths `page` and
        `data` of what was written beside the runs.
    """
    from deepdojo.places import write_json, write_text
    from deepdojo.report.curve import curve_page
    from deepdojo.report.words import Words
    from deepdojo.session.curve import SHARES, begin_curve
    from deepdojo.session.curve_result import curve_result

    Words(language)  # a language that does not exist is said before the work
    _check_limits(1.0, budget)
    started, listener = time.monotonic(), listener or Listener()
    walk = begin_curve(
        project, recipe, changes=set, shares=SHARES if shares is None else list(shares), seeds=seeds, seed=seed,
        budget_s=budget, baselines=baselines, runs=runs, offline=offline, yes=yes, trust=trust, listener=listener,
        started=started,
    )  # fmt: skip
    walk.train()
    found = curve_result(walk)
    place = walk.runs / f"curve-{walk.asked.recipe_name}-{walk.digest()}"
    found |= {"page": str(place.with_suffix(".html")), "data": str(place.with_suffix(".json"))}
    write_json(place.with_suffix(".json"), found)
    write_text(place.with_suffix(".html"), curve_page(found, language=language))
    for run in walk.board_runs():
        _entered(run)
    return found


def _check_limits(share: float, budget: float | None) -> None:
    if not 0 < share <= 1:
        raise UsageError(f"share is {share:g}; it must lie above 0 and not above 1", where="--share")
    if budget is not None and budget < 5:
        raise UsageError(f"a budget of {budget:g} s is too short", where="--budget", todo="give at least 5s")


def _resume(
    reference: str | Path,
    refit: bool,
    budget: float | None,
    offline: bool,
    trust: bool,
    listener: Listener,
    started: float,
    cpu_before: float,
) -> LoadedRun:
    from deepdojo.runs import find_run
    from deepdojo.session.group import add_refit, resumed_group
    from deepdojo.session.start import resumed

    run = find_run(reference, unfinished=not refit)
    given: dict[str, Any] = {
        "listener": listener, "started": started, "trust": trust, "offline": offline, "budget_s": budget,
    }  # fmt: skip
    if run.finished and not refit:
        listener.say(f"{run.id} is finished; there is nothing to resume")
        return load(run.folder)
    if "/" in run.id:
        whole = run.id.partition("/")[0]
        raise RunError("this is a part of a run", where=run.id, todo=f"go on with dojo train --resume {whole}")
    if run.group is not None:
        group = resumed_group(run, refit=refit, **given)
        return LoadedRun(add_refit(group)) if run.finished else _entered(group.run())
    if refit:
        raise UsageError("the run has no folds to choose the epochs by", where="--refit", todo="train with --folds")
    from deepdojo.session.search import is_search, resumed_search

    if is_search(run):
        return _entered(resumed_search(run, **given).run())
    session = resumed(run, **given)
    session.cpu_before = cpu_before
    return _entered(session.run())


def _entered(run: Run) -> LoadedRun:
    """On the board, where it has a score."""
    if run.score["value"] is not None:
        from deepdojo.competition.board import record

        record(run.folder)
    return LoadedRun(run)


@dataclass(frozen=True)
class Reproduction:
    """A run trained again from its own record."""

    run: str
    model: str
    metric: str
    recorded: float
    score: float
    same_score: bool
    same_weights: bool


def reproduce(
    run: str | Path, *, listener: Listener | None = None, offline: bool = False, trust: bool = False
) -> Reproduction:
    """Train a run again from its own record: recipe, seed, split and steps; says whether score and weights are the
    same."""
    from deepdojo.session.again import reproduce_run

    return Reproduction(**reproduce_run(_load_run(run).run, listener or Listener(), offline=offline, trust=trust))
