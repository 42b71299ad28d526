"""One training by several processes that `torchrun` started: the first has the run, the others help it train.

Each process reads and packs the rows itself and builds the same model. The helpers work in temporary folders, say
nothing, and leave after training; scoring, floors, explanations, report and board are the first one's.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepdojo.data.project import find_project
from deepdojo.errors import RunError, UsageError
from deepdojo.launch import launch_name, rank, restarts
from deepdojo.places import runs_folder
from deepdojo.runs import PARTIAL, Run, find_run, run_folders
from deepdojo.session.listener import Listener
from deepdojo.session.start import begin, resumed
from deepdojo.session.train import Session
from deepdojo.training.distributed import Ranks, process_group

__all__ = ["train_together"]

HEAD = ("run.toml", "data.json", "split.parquet")  # all that a session is made of


def train_together(
    project: str | Path | None, recipe: str | None, *, resume: str | Path | None, given: Mapping[str, Any]
) -> Run:
    """The finished run, for every process that can see its folder.

    Args:
        given: the arguments of `begin`.

    Raises:
        RunError: another process has ended before its time; or the folder lies on another machine, whose first
            process has the run.
    """
    try:
        with process_group() as ranks, tempfile.TemporaryDirectory(prefix="deepdojo-rank-") as place:
            session = _session(ranks, project, recipe, resume, given, Path(place))
            run = session.run()
            folder = ranks.from_first(run.folder)
    except RuntimeError as error:
        if not _lost(error):
            raise
        raise RunError(
            "another process of this training has ended", where=f"process {rank()}",
            todo="look at its message; torchrun --max-restarts 3 starts all again, and they go on",
        ) from None  # fmt: skip
    if not (folder / "score.json").is_file():
        raise RunError("the run lies on the machine of the first process", where=str(folder))
    return Run(folder)


def _lost(error: RuntimeError) -> bool:
    """Whether the words are those of a broken connection; torch has no class of its own for it with gloo."""
    words = str(error)
    return "gloo" in words or "NCCL" in words or "Connection closed" in words


def _session(
    ranks: Ranks,
    project: str | Path | None,
    recipe: str | None,
    resume: str | Path | None,
    given: Mapping[str, Any],
    place: Path,
) -> Session:
    options = given["options"]
    how = {"trust": given["trust"], "offline": given["offline"], "budget_s": options.budget_s}
    if ranks.first:
        run = _unfinished(project, resume, given["runs"])
        ranks.from_first(None if run is None else {name: (run.folder / name).read_bytes() for name in HEAD})
        if run is None:
            assert project is not None
            session = begin(project, recipe, **given)
        else:
            session = resumed(run, listener=given["listener"], started=given["started"], **how)
    else:
        head = ranks.from_first(None)
        silent = Listener()
        if head is None:
            assert project is not None
            session = begin(project, recipe, **{**given, "listener": silent, "runs": place})
        else:
            folder = place / f"helper{PARTIAL}"
            folder.mkdir()
            for name, content in head.items():
                (folder / name).write_bytes(content)
            session = resumed(Run(folder), listener=silent, started=time.monotonic(), **how)
        session.options = replace(session.options, baselines=False, explain=False, report=False)
    session.ranks = ranks
    return session


def _unfinished(project: str | Path | None, resume: str | Path | None, runs: str | Path | None) -> Run | None:
    """The run to go on with: the one that was asked for, or what an earlier start of this very `torchrun` left."""
    if resume is not None:
        run = find_run(resume, unfinished=True)
        if run.finished:
            raise UsageError(f"{run.id} is finished; there is nothing to resume", where="--resume")
        if run.group is not None:
            raise UsageError("several trainings cannot share processes", where="--resume", todo="leave torchrun away")
        return run
    if restarts() == 0:
        return None
    assert project is not None
    found = find_project(project)
    place = runs_folder(found.name, None if found.builtin else found.folder, runs)
    left = [Run(f) for f in run_folders([place]) if f.name.endswith(PARTIAL) and all((f / n).is_file() for n in HEAD)]
    return next((run for run in reversed(left) if run.info.get("launch") == launch_name()), None)
