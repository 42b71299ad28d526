"""`dojo train`: from a project to a scored, explained run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from deepdojo.cli.options import Json, Offline, RunsFolder, Trust, Yes, option, parse_duration
from deepdojo.cli.output import answer, err, next_step, out, point, print_json
from deepdojo.cli.words import duration, metric_unit, network_name, plural, score_phrase, threshold_said, verdict
from deepdojo.errors import DojoError, UsageError
from deepdojo.launch import rank
from deepdojo.report.figures import higher_is_better

if TYPE_CHECKING:
    from deepdojo.grader.verdict import Verdict

__all__ = ["parts", "train"]


def train(
    project: Annotated[str | None, option("A project: its folder or a built-in name.", "Arguments")] = None,
    /,
    *,
    recipe: Annotated[
        str | None, option("A recipe by name, or a TOML file; default: the project's own choice.", "What", short="-r")
    ] = None,
    set: Annotated[list[str] | None, option("Change a field, train.lr=3e-4; can be repeated.", "What")] = None,
    seed: Annotated[int, option("Starts everything random; the same seed gives the same run.", "What")] = 0,
    seeds: Annotated[int, option("So many trainings, one board row: mean, and spread over seeds.", "What")] = 1,
    folds: Annotated[
        int | bool, option("Cross-validation; the number, if not the project's own: --folds 5.", "What")
    ] = False,
    refit: Annotated[bool, option("After the folds, train once on all rows: the model to use.", "What")] = False,
    all: Annotated[bool, option("Floors and every recipe that fits, one after another; one board.", "What")] = False,
    share: Annotated[float, option("Share of the training rows to use, .1 for a tenth.", "What")] = 1.0,
    find_lr: Annotated[bool, option("Search for a learning rate first, and train with it.", "How far")] = False,
    source: Annotated[
        str | None, option("Fine-tune: begin with the weights of this run or checkpoint folder.", "What", name="--from")
    ] = None,
    own: Annotated[
        list[str] | None,
        option("A file of yours in the place of ours, graded first; can be repeated.", "What", name="--with"),
    ] = None,
    search: Annotated[int | None, option("Try so many settings on validation rows; train the best.", "How far")] = None,
    budget: Annotated[str | None, option("Longest time for all of it, like 90s, 10m or 1h30m.", "How far")] = None,
    no_baselines: Annotated[bool, option("Skip the floor without a network.", "How far")] = False,
    no_explain: Annotated[bool, option("Skip the explanations.", "How far")] = False,
    validation_only: Annotated[bool, option("Leave the held-out rows closed.", "How far")] = False,
    resume: Annotated[str | None, option("Go on with an unfinished run; takes no project.", "Where")] = None,
    runs: RunsFolder = None,
    offline: Offline = False,
    yes: Yes = False,
    trust: Trust = False,
    json: Json = False,
) -> int:
    """Train a model, score it, explain it, report it.

    dojo train digits                     the project's own recipe
    dojo train reviews -r text_cnn --set train.epochs=5 --budget 10m
    dojo train digits --seeds 5           five trainings, one score, both spreads
    dojo train movie-reviews --folds      each row is held out once
    dojo train reviews -r bert --from RUN go on from what that run has learned
    dojo train digits --with conv2d.py    your own layer in it (dojo list layers)
    dojo train digits --search 20         20 settings tried, the best is scored
    dojo train trec --all --budget 30m    floors and all recipes, one board
    dojo train --resume last              go on where Ctrl-C stopped it
    torchrun --nproc-per-node 2 -m deepdojo.cli train digits       two processes
    """
    from deepdojo.cli.terminal import TerminalListener

    if (project is None) == (resume is None):
        raise UsageError(
            "a project or --resume RUN is needed, and not both", where="dojo train", todo="try dojo train digits"
        )
    seconds = None if budget is None else parse_duration(budget)
    if all:
        given = {"--recipe": recipe, "--seeds": seeds != 1, "--folds": folds, "--refit": refit, "--find-lr": find_lr,
                 "--resume": resume, "--validation-only": validation_only, "--search": search,
                 "--with": own}  # fmt: skip
        train_all(
            str(project), {name for name, there in given.items() if there}, set=set, seed=seed, budget=seconds,
            runs=runs, baselines=not no_baselines, share=share, offline=offline, yes=yes, trust=trust, json=json,
        )  # fmt: skip
        return 0
    listener, began = TerminalListener(), time.time()
    try:
        from deepdojo import api

        if listener.live:  # importing torch takes a second or two
            listener.stage("starting")
        run = api.train(
            project, recipe, set=set, seed=seed, seeds=seeds, folds=folds, refit=refit, budget=seconds, runs=runs,
            baselines=not no_baselines,
            explain=not no_explain, offline=offline, yes=yes, trust=trust, validation_only=validation_only,
            share=share, find_lr=find_lr, search=search, resume=resume, from_=source,
            with_=own or (), listener=listener,
        )  # fmt: skip
    except KeyboardInterrupt as stop:
        listener.finish()
        raise KeyboardInterrupt(*(stop.args or _how_to_go_on(began, resume))) from None
    except DojoError as fault:
        listener.finish()
        if hasattr(fault, "verdict"):  # of a lesson, on a file of --with
            print_verdict(fault.verdict)
        raise
    finally:
        listener.finish()
    if rank() > 0:  # under torchrun the first process has the word
        return 0
    summary = dict(run.summary())
    if json:
        print_json(summary)
    else:
        _print(summary, Path(run.folder), project)
    return 0


def print_verdict(verdict: Verdict) -> None:
    from deepdojo.grader.words import language

    for line in verdict.render(language(None)).split("\n"):
        err(line)


def train_all(project: str, others: Iterable[str], *, json: bool, **given: Any) -> None:
    """`dojo train PROJECT --all`: the board at the end, and what was left out with the reason.

    Args:
        others: options that were given and do not go with --all.
    """
    from deepdojo.cli.board import print_board
    from deepdojo.cli.terminal import TerminalListener

    for name in sorted(others):
        raise UsageError(f"{name} does not go with --all, which trains every recipe once", where=name,
                         todo="leave one of them away")  # fmt: skip
    listener = TerminalListener()
    with listener.kept():
        from deepdojo import api

        found = api.train_all(project, listener=listener, **given)
    if json:
        print_json(found)
        return
    print_board(project, found["board"])
    if found["left"]:
        out()
        out("Not trained:")
        for one in found["left"]:
            needs = f" (about {duration(one['needs_s'])})" if one["needs_s"] else ""
            point(f"{one['recipe']}: {one['reason']}{needs}")
    best = next((r for r in found["board"] if r["kind"] == "run" and r.get("rank") is not None), None)
    if best is not None:
        next_step(f"dojo report {best['id']} --open", "its errors and cost")


def _how_to_go_on(began: float, resumed: str | None) -> tuple[str, ...]:
    """The unfinished run that this command left, as the command that goes on with it."""
    from deepdojo.runs import run_folders

    if resumed is not None:
        return (f"go on with: dojo train --resume {resumed}",)
    left = [f for f in run_folders() if f.name.endswith(".partial") and (f / "run.toml").stat().st_mtime >= began - 2]
    return (f"go on with: dojo train --resume {left[-1].name.removesuffix('.partial')}",) if left else ()


def parts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The first line: how good, how sure, better than the floor or not, how long; each with its style."""
    metric, value = str(summary["metric"]), summary.get("score")
    if value is None:
        good, floor = ("not scored on held-out rows", ""), ""
    else:
        low, high, n = (summary.get(key) for key in ("low", "high", "n"))
        good = (score_phrase(metric, value, low, high, n), "bold")
        better = summary.get("higher_is_better", higher_is_better(metric))
        floor = verdict(metric, summary.get("baselines") or [], higher_is_better=better)
    name = network_name(summary.get("recipe"), summary.get("model")) + trainings(summary)
    return [(str(summary["project"]), "bold"), (name, ""), good, (floor, ""), (duration(summary.get("seconds")), "")]


def trainings(summary: Mapping[str, Any]) -> str:
    """`, 5 seeds`, `, 10 folds`, `, 3 seeds × 10 folds`; empty for one training."""
    seeds, folds = summary.get("seeds") or 1, summary.get("folds")
    parts = [f"{seeds} seeds"] if seeds > 1 else []
    parts += [f"{folds} folds"] if folds else []
    return ", " + " × ".join(parts) if parts else ""


def _print_spread(summary: Mapping[str, Any]) -> None:
    """Each seed's score and the spread over them; what all of it cost."""
    metric, members = str(summary["metric"]), summary.get("members") or []
    if summary.get("sd") is not None and summary.get("score") is not None:
        unit = metric_unit(metric)
        places = unit.decimals(summary["score"], summary.get("low"), summary.get("high")) + 1
        each = ", ".join(f"{m['seed']}: {unit.number(m['score'], places)}" for m in members[:10])
        more = f", … ({len(members)})" if len(members) > 10 else ""
        out(f"Seeds: {each}{more}; standard deviation {unit.number(summary['sd'], places)}")
    spent = summary.get("cpu_seconds")
    if members and spent is not None:
        out(f"Cost: {duration(summary['seconds'])}, {duration(spent)} of CPU time over all processes")


def _print(summary: Mapping[str, Any], folder: Path, project: str | None) -> None:
    answer(parts(summary))
    low = summary.get("validation")
    if summary.get("score") is None and isinstance(low, Mapping):
        text = score_phrase(str(summary["metric"]), low["value"], low.get("low"), low.get("high"), low.get("n"))
        out(f"Validation rows: {text}")
    if summary.get("rejected"):
        out(f"Left out: {plural(int(summary['rejected']), 'item')}, listed in {_short(folder / 'rejected.csv')}")
    if summary.get("threshold"):
        out(f"Threshold: {threshold_said(summary['threshold'])}")
    _print_spread(summary)
    out(f"Run: {_short(folder)}")
    if (folder / "report.html").is_file():
        next_step(f"dojo report {folder.name} --open", "its errors, reasons and cost")
    else:
        next_step(f"dojo board {project or summary['project']}")


def _short(path: Path) -> str:
    """Relative where that is shorter."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
