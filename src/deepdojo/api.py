"""One function for each verb. The command line calls these only; `import deepdojo as dd` offers them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.errors import DataError, RunError, UnknownNameError, UsageError
from deepdojo.launch import rank, under_torchrun
from deepdojo.session.listener import Listener
from deepdojo.session.loaded import LoadedRun

if TYPE_CHECKING:
    from deepdojo.data.check import CheckReport
    from deepdojo.data.dataset import Dataset
    from deepdojo.data.project import Project
    from deepdojo.runs import Run
    from deepdojo.scoring.score import Score
    from deepdojo.tables import Table

__all__ = [
    "Comparison", "LoadedRun", "Reproduction", "board", "bundle", "check", "compare", "curve", "errors",
    "event_board", "explain", "export", "host", "join", "load", "look", "manage", "new", "predict", "report",
    "reproduce", "runs", "score", "serve", "submit", "train", "train_all",
]  # fmt: skip


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
                 "--search": search}  # fmt: skip
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


def _check_limits(share: float, budget: float | None) -> None:
    if not 0 < share <= 1:
        raise UsageError(f"share is {share:g}; it must lie above 0 and not above 1", where="--share")
    if budget is not None and budget < 5:
        raise UsageError(f"a budget of {budget:g} s is too short", where="--budget", todo="give at least 5s")


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


def load(run: str | Path) -> LoadedRun:
    """A run by path, id, unique beginning of one, or `last`; or an exported folder, which can `predict`."""
    if isinstance(run, str | Path) and _exported(run):
        from deepdojo.interop.onnx import Exported

        return LoadedRun(Exported(Path(run).expanduser()))
    return _load_run(run)


def _exported(run: str | Path) -> bool:
    return (Path(run).expanduser() / "export.json").is_file()


def _load_run(run: str | Path) -> LoadedRun:
    """Where a whole run is needed. Raises RunError for an exported folder, which holds the model alone."""
    from deepdojo.runs import find_run

    if isinstance(run, str | Path) and _exported(run):
        raise RunError("is an exported model, which predicts and no more", where=str(run), todo="give the run itself")

    found = find_run(run)
    if not found.finished:
        raise RunError("the run is not finished", where=found.id, todo=f"go on with dojo train --resume {found.id}")
    return LoadedRun(found)


def check(
    project: str | Path,
    *,
    offline: bool = False,
    trust: bool = False,
    budget: float | None = None,
    listener: Listener | None = None,
) -> CheckReport:
    """What is wrong with a project: faults, leaks, duplicates, shift; held-out labels stay unread.

    Where the project has `submissions/expected.toml`, its reference submissions are scored as well.

    Args:
        budget: seconds for the checks once the data are read (None: all rows are looked at).
    """
    from deepdojo.data.check import check as run_check
    from deepdojo.session.references import check_references, read_expected
    from deepdojo.session.start import judge_of

    dataset = open_dataset(project, offline=offline, trust=trust)
    judge = judge_of(dataset.project, trust)  # a metric that does not exist is a fault of the project too
    read_expected(dataset.project.folder)
    told = (listener or Listener()).progress
    report = run_check(dataset, budget_s=budget, clock=time.monotonic, progress=told)
    if not report.errors:  # of data with errors there is nothing to score
        problems, judged = check_references(dataset, judge)
        report = report.with_more(problems, submissions=judged)
    return report


def bundle(
    folder: str | Path,
    projects: Sequence[str | Path] = (),
    *,
    offline: bool = False,
    yes: bool = False,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Write all that a computer like this one needs to install DeepDojo and to train these projects without a network.

    Args:
        folder: is made; wheels, projects with their data, and INSTALL.txt.
        yes: download more than 100 MB of data without asking.

    Returns:
        folder, install (the one line that installs from it, and that for Windows), wheels, projects, bytes, notes.
    """
    from deepdojo.competition.bundle import write_bundle

    said = listener or Listener()
    return write_bundle(Path(folder), projects, offline=offline, yes=yes, progress=said.progress, say=said.stage)


def look(
    project: str | Path,
    recipe: str | None = None,
    *,
    output: str | Path | None = None,
    seed: int = 0,
    language: str = "en",
    offline: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
) -> Path:
    """Write a sheet of what a model will really see: rows after encoding, augmentation and batching.

    Args:
        recipe: as in `train`.
        output: the page; default NAME-look.html in the present folder.
    """
    from deepdojo.places import write_text
    from deepdojo.report import look_page
    from deepdojo.report.words import Words
    from deepdojo.session.look import look as look_at

    Words(language)  # a language that does not exist is said before the work
    found = look_at(project, recipe, seed=seed, offline=offline, trust=trust, listener=listener)
    path = Path(output) if output is not None else Path(f"{found['project']}-look.html")
    write_text(path, look_page(found, language=language))
    return path


def open_dataset(project: str | Path, *, offline: bool = False, trust: bool = False) -> Dataset:
    from deepdojo.data.dataset import load_dataset
    from deepdojo.data.project import find_project
    from deepdojo.session.start import code_trusted

    found = find_project(project)
    return load_dataset(found, offline=offline, trusted=code_trusted(found, trust))


def new(folder: str | Path, source: str | Path, **choices: Any) -> tuple[Project, list[str]]:
    """Write `folder/project.toml` for the user's data; gives the project and what was inferred, in sentences.

    Args:
        source: a file or folder, or `hf:owner/name@revision`, a data set of the Hugging Face hub.
        choices: target, id, group, time, task, metric, test, copy, offline, yes, as `dojo new` has them.
    """
    from deepdojo.contracts import contract_of
    from deepdojo.data.new import create
    from deepdojo.scoring.metrics import columns_of

    def check_metric(task: str, metric: str) -> None:
        if not metric.startswith("python:"):
            columns_of(contract_of(task), metric)

    return create(Path(folder), Path(source), check_metric=check_metric, **choices)


def predict(
    run: str | Path,
    rows: str | Path,
    output: str | Path | None = None,
    *,
    listener: Listener | None = None,
    trust: bool = False,
) -> tuple[Table, list[Any]]:
    """Predictions of new rows as a table, written to `output` (.csv, .parquet, .jsonl, or a .zip that also holds
    sounds and pictures) when given; and what was left out, which is listed beside it (`predictions.rejected.csv`)."""
    from deepdojo.runs import write_rejected
    from deepdojo.scoring.submission import Manifest
    from deepdojo.scoring.submission_files import write_submission
    from deepdojo.session.evaluate import table_of
    from deepdojo.tables import write_table
    from deepdojo.tables_io import require_table_name

    loaded = load(run)
    if output is not None:  # before the work, not after it
        require_table_name(Path(output), loaded.run.contract.predictions)
    found, rejected = loaded.predict_with_rejected(rows, listener=listener, trust=trust)
    if not found:
        raise DataError(
            "none of the rows can be predicted", where=str(rows), todo=rejected[0].reason if rejected else None
        )
    contract = loaded.run.contract
    table = table_of(found, contract)
    if output is not None:
        if Path(output).suffix.lower() == ".zip":
            info = loaded.run.info
            made = Manifest(project=str(info["project"]), run=str(info["id"]))
            write_submission(output, table, dict(contract.predictions), made)
        else:
            write_table(Path(output), table, dict(contract.predictions))
        if rejected:
            write_rejected(Path(output).with_suffix(".rejected.csv"), rejected)
    return table, rejected


def score(project: str | Path, table: str | Path, *, trust: bool = False, offline: bool = False) -> Score:
    """Score a prediction table on the project's held-out rows.

    Raises:
        UsageError: for a task whose tables prove nothing, since whoever makes one has read the answers.
    """
    from deepdojo.data.project import find_project
    from deepdojo.session.references import score_file
    from deepdojo.session.start import judge_of

    if find_project(project).contract.host_run:
        raise UsageError(
            "a table from outside proves nothing here: whoever makes it has read the text that it is judged on",
            where=str(table), todo=f"train with dojo train {project}, whose run reads that text itself",
        )  # fmt: skip
    dataset = open_dataset(project, offline=offline, trust=trust)
    return score_file(dataset, judge_of(dataset.project, trust), Path(table))


def board(project: str | Path, *, runs: str | Path | None = None) -> list[dict[str, Any]]:
    """The leaderboard of a project: runs, baselines and published results; or of an event, by its address."""
    from deepdojo.competition.address import is_address

    if is_address(project):
        shown: list[dict[str, Any]] = event_board(str(project))["rows"]
        return shown
    from deepdojo.competition.board import rows
    from deepdojo.data.project import find_project
    from deepdojo.places import runs_folder

    found = find_project(project)
    return rows(runs_folder(found.name, None if found.builtin else found.folder, runs), found)


def event_board(url: str, part: str = "public") -> dict[str, Any]:
    """An event's board with its head, over HTTP.

    Args:
        part: "public", or "private" once the final board is open.

    Returns:
        event, title, metric, higher_is_better, part, frozen, closed, version, teams (how many), and rows as `board`
        has them.
    """
    from deepdojo.competition.client import client_of
    from deepdojo.competition.entrant import told_board

    client, name = client_of(url, signed_in=False)
    return told_board(client.board(name, part))


def follow_board(url: str, part: str = "public") -> Iterator[tuple[dict[str, Any] | None, str, float]]:
    """An event's board now and after each change, without end; lost connections are taken up again.

    Returns:
        (board as `event_board` has it where it is new, else None; "live", "polling" or "lost"; seconds until the next
        try) of each moment.
    """
    from deepdojo.competition.address import parse_address
    from deepdojo.competition.client import Client
    from deepdojo.competition.entrant import told_board
    from deepdojo.competition.follow import follow

    place = parse_address(url)
    for seen in follow(Client(place.server, tries=1), place.event, part):
        yield None if seen.board is None else told_board(seen.board), seen.state, seen.again_s


def host(
    project: str | Path,
    *,
    store: str | Path = "dojo-server",
    db: str | None = None,
    port: int = 8000,
    anyway: bool = False,
    offline: bool = False,
    yes: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
    shown: Callable[[list[dict[str, Any]]], None] | None = None,
    **rules: Any,
) -> dict[str, Any]:
    """Make a project an event of a competition server: private answers, public folder, rules, a join link.

    Args:
        store: the server's folder, made the first time. db: `postgresql://...` where its database is one.
        port: of the link.
        anyway: host it in spite of what `dojo check` calls an error.
        shown: called with what gives the answers away, before anything is handed out.
        rules: fields of `deepdojo.competition.event.Rules`: name, title, public_share, starts, ends, team_size,
            per_day, practice, code (with run_s, run_bytes, broken_per_day, show_printed), description, freeze_at.
            Moments may be texts: "2027-01-31T18:00".

    Returns:
        event, link, code, public, rows, public_rows, references, sample, problems, notes, rules, token_file.
    """
    from deepdojo.session.competing import host_project

    return host_project(
        project, store=store, db=db, port=port, anyway=anyway, offline=offline, yes=yes, trust=trust,
        listener=listener or Listener(), shown=shown, given=rules,
    )  # fmt: skip


def manage(
    event: str | Path,
    verb: str,
    argument: str | None = None,
    *,
    store: str | Path = "dojo-server",
    db: str | None = None,
    listener: Listener | None = None,
    **options: Any,
) -> dict[str, Any]:
    """What a host does to an event, on the store itself: it needs no running server.

    Args:
        verb: freeze, unfreeze, extend (until), announce (argument: the text), rescore (reason, preview, apply, cancel,
            project), audit, backup and restore (argument: the file), archive (argument: the folder), link, people,
            token and revoke (argument: whose; role), password (secret), log.

    Returns:
        what the verb gives; of `audit` equal and different.
    """
    from deepdojo.session.competing import manage_event

    return manage_event(event, verb, argument, store=store, db=db, listener=listener or Listener(), **options)


def serve(store: str | Path = "dojo-server", db: str | None = None, **options: Any) -> None:
    """Pages, API and scoring workers of a store, until Ctrl-C.

    Args:
        options: host, port, workers, names, certificate, key, say, stop, ready, as
            `deepdojo.competition.serving.serve_store` has them.
    """
    from deepdojo.competition.serving import serve_store

    serve_store(store, db, **options)


def join(
    url: str,
    name: str | None = None,
    folder: str | Path | None = None,
    *,
    invite: str | None = None,
    token: str | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Take part in an event by its join link: keeps the token, fetches the public folder, which is a project.

    Args:
        name: how the board shall call you. folder: default: the event's name, here. invite: of a team.
        token: that the host handed out, or your own from another computer.

    Returns:
        event, title, name, role, folder, team, members, invite, rules, address.
    """
    from deepdojo.competition.entrant import join_event

    told = listener or Listener()
    told.stage("fetch", "the public folder")
    return join_event(url, name, folder, invite=invite, token=token, progress=told.progress)


def submit(
    what: str | Path,
    url: str,
    *,
    note: str = "",
    cost: Mapping[str, object] | None = None,
    wait: float = 0.0,
    told: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Send a run's predictions, a table, or for events that take programs a folder or run, to an event.

    Args:
        cost: what you state of parameters, train_flops, seconds; where you state nothing, a run's own figures are sent.
        wait: seconds to wait for the result; told: called with what is known meanwhile.

    Returns:
        id, event, state, before; waited for also value, low, high, n, moved, fault and the rest of a submission.
    """
    from deepdojo.competition.entrant import send

    run = getattr(what, "run", what)  # what dd.train gives
    return send(getattr(run, "folder", run), url, note=note, cost=cost, wait_s=wait, told=told)


def own_submissions(url: str, *, choose: Sequence[str] | None = None) -> dict[str, Any]:
    """A team's own submissions in an event; with `choose` it first names those that count at the end.

    Args:
        choose: ids of submissions; an empty list takes the choice back: then the best by the public rows counts.

    Returns:
        title, metric, finals (how many may be chosen), team, submissions (the newest first, each with `chosen`).
    """
    from deepdojo.competition.entrant import submissions_of

    return submissions_of(url, choose=choose)


def runs(
    project: str | None = None, *, state: str | None = None, sort: str = "time", runs: str | Path | None = None
) -> list[dict[str, Any]]:
    """All runs seen from here, finished or not: what each is, how far it is, what to do about it (`run_list.py`)."""
    from deepdojo.run_list import list_runs

    places = None
    if runs is not None:
        place = Path(runs)
        places = [place, *sorted(p for p in place.iterdir() if p.is_dir())] if place.is_dir() else [place]
    return list_runs(places, project=project, state=state, sort=sort)


def report(run: str | Path, *, language: str = "en") -> Path:
    """Write report.html again from the run folder alone, in English ("en") or Chinese ("zh")."""
    from deepdojo.report import write_report

    return write_report(_load_run(run).folder, language=language)


def explain(
    run: str | Path, *, listener: Listener | None = None, offline: bool = False, trust: bool = False
) -> dict[str, Any]:
    """Explain decisions on held-out rows anew and put them into the run and its report."""
    from deepdojo.session.again import explain_again

    whole = _load_run(run).run
    explained = explain_again(whole.with_model(), listener or Listener(), offline=offline, trust=trust)
    if whole.group is not None:  # its page shows what its member knows
        report(whole.folder)
    return explained


def errors(
    run: str | Path,
    *,
    suspect_labels: bool = False,
    n: int = 50,
    output: str | Path | None = None,
    listener: Listener | None = None,
    offline: bool = False,
    trust: bool = False,
) -> dict[str, Any]:
    """The held-out rows that a run got most wrong; or the training rows whose labels are likely wrong.

    Args:
        suspect_labels: judge each row to learn from by a model of the same recipe that did not see it (five folds).
        n: rows to give, the worst first.
        output: a .csv file for all of them; one of suspects has the columns that `[labels] corrections` reads.

    Returns:
        `rows`, one dict each; `labels`, whether the task has labels that can be suspected. Of suspects also
        `suspects`, `judged` and `wrong`, the estimated share with its interval.
    """
    from deepdojo.places import write_text
    from deepdojo.session.errors import worst_held_out
    from deepdojo.session.suspects import find_suspects

    if output is not None and Path(output).suffix.lower() != ".csv":  # before the work, not after it
        raise UsageError("the rows are written as CSV", where=str(output), todo="let the name end in .csv")
    whole, listener = load(run).run, listener or Listener()
    one = whole.with_model()
    found: dict[str, Any] = {"run": whole.id, "project": whole.info["project_path"] or whole.info["project"]}
    found["labels"] = whole.contract.target_kind == "label"
    if suspect_labels:
        suspects = find_suspects(one, listener, offline=offline, trust=trust)
        everything = [vars(item) for item in suspects.found]
        found |= {
            "suspects": len(everything), "judged": suspects.rows, "folds": suspects.folds, "wrong": vars(suspects.wrong)
        }  # fmt: skip
    else:
        everything = worst_held_out(one, listener, count=n, offline=offline, trust=trust)
    found["rows"] = everything[:n]
    if output is not None:
        written = [{"id": row["id"], "label": row["given"], **row} if "given" in row else row for row in everything]
        write_text(Path(output), _as_csv(written))
        found |= {"output": str(output), "written": len(written)}
    return found


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["id"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def export(
    run: str | Path,
    folder: str | Path | None = None,
    *,
    to: str = "onnx",
    listener: Listener | None = None,
    offline: bool = False,
    trust: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Write a run's model for onnxruntime, checked against torch; gives the folder and what its export.json says.

    `predict` and `load` take the folder where they take a run; it needs neither the run, nor its data, nor its weights.

    Args:
        folder: what to write; default `onnx` inside the run. An older export there is replaced.

    Raises:
        RunError: the model has no graph that gives what torch gives; the sentence says where it differs.
        UsageError: the extra `onnx` is not installed.
    """
    from deepdojo.session.exporting import FORMATS, export_run

    if to not in FORMATS:
        raise UnknownNameError("format", to, FORMATS, where="--to")
    target = Path(folder).expanduser() if folder is not None else None
    return export_run(_load_run(run).run, target, listener or Listener(), offline=offline, trust=trust)


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same held-out rows: the paired difference a - b, and what each costs.

    Attributes:
        rows_sd, seeds_sd: the parts of the difference's standard error; seeds_sd None where both have one seed.
        seeds_share: the seeds' part of its square.
    """

    a: dict[str, Any]
    b: dict[str, Any]
    metric: str
    higher_is_better: bool
    difference: float
    low: float
    high: float
    p: float
    n: int
    better: str
    rows_sd: float
    seeds_sd: float | None
    seeds_share: float | None


def compare(
    a: str | Path, b: str | Path, *, project: str | Path | None = None, runs: str | Path | None = None
) -> Comparison:
    """Is the difference between two runs real, and what does each cost? Refuses runs scored on different rows.

    Of runs with several seeds the means are compared, and the choice of seeds counts like that of rows
    (`deepdojo.scoring.seeds.paired_seeds`).

    Args:
        a, b: runs; with `project` names of recipes (or baselines), which stand for their newest run there.
        runs: where the project's runs are, as in `train`.
    """
    from deepdojo.session.again import compare_runs, named_run

    if project is not None:
        from deepdojo.data.project import find_project
        from deepdojo.places import runs_folder
        from deepdojo.runs import run_folders

        found = find_project(project)
        place = runs_folder(found.name, None if found.builtin else found.folder, runs)
        folders = run_folders([place], baselines=True) + run_folders([place])
        return Comparison(**compare_runs(named_run(str(a), folders), named_run(str(b), folders)))
    return Comparison(**compare_runs(_load_run(a).run, _load_run(b).run))


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
