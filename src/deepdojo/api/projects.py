"""Verbs on a project: make one, check it, look at what a model will see, take it along."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.session.listener import Listener

if TYPE_CHECKING:
    from deepdojo.data.check import CheckReport
    from deepdojo.data.dataset import Dataset
    from deepdojo.data.project import Project

__all__ = ["bundle", "check", "look", "new", "open_dataset"]


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


def bundle(
    folder: str | Path,
    projects: Sequence[str | Path] = (),
    *,
    offline: bool = False,
    yes: bool = False,
    store: str | Path | None = "dojo-server",
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Write all that a computer like this one needs to install DeepDojo and to train these projects without a network.

    Args:
        folder: is made; wheels, projects with their data, and INSTALL.txt.
        yes: download more than 100 MB of data without asking.
        store: a server's folder, if it is there: notes tell which projects hold what its events hide.

    Returns:
        folder, install (the one line that installs from it, and that for Windows), wheels, projects, bytes, notes.
    """
    from deepdojo.competition.bundle import write_bundle

    said = listener or Listener()
    place = None if store is None else Path(store).expanduser()
    return write_bundle(
        Path(folder), projects, offline=offline, yes=yes, progress=said.progress, say=said.stage, store=place
    )
