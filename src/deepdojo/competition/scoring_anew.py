"""Scoring anew from the host's side: the project's corrected labels or metric become a version to look at, then count.

The rows, their ids, and which of them are public stay: the new answers are made with the event's own key, and answers
to other rows are refused.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.competition.database import rescore
from deepdojo.competition.database.events import Event, event_of
from deepdojo.competition.host import Store
from deepdojo.competition.hosting.publish import publish
from deepdojo.competition.hosting.same_rows import changed_inputs, cut_as_hosted
from deepdojo.competition.hosting.solution import Solution, close_to_others, read_solution
from deepdojo.competition.worker import Worker
from deepdojo.data.dataset import Dataset
from deepdojo.errors import UsageError

__all__ = ["apply_version", "cancel_version", "preview_version", "standing_of"]

_RUBRICS = "rubrics"
Progress = Callable[[int, int, str], None]


def preview_version(
    store: Store, name: str, dataset: Dataset, *, reason: str, trusted: bool = False, progress: Progress | None = None
) -> dict[str, Any]:  # fmt: skip
    """Make the new answers and score everything under them; the valid version stays valid.

    Scores here as one more worker, so that it needs no running server, and shares the work where one runs.

    Returns:
        as `standing_of`.

    Raises:
        Refusal: no reason; a preview is there already. UsageError: other rows; nothing has changed.
    """
    event = store.event(name)
    if not reason.strip():
        raise UsageError("no reason is given", where="--reason", todo="entrants will read it")
    private = store.private(name)
    folder, metric, digest = _new_answers(private, event, dataset, trusted, progress)
    try:
        with store.database.write() as connection:
            rescore.preview(
                store.database, connection, event_of(connection, name), reason=reason, metric=metric,
                solution_sha256=digest, folder=folder, who=store.host.name,
            )  # fmt: skip
    except BaseException:
        shutil.rmtree(private / folder, ignore_errors=True)
        raise
    work_until_scored(store, name, progress)
    return standing_of(store, name)


def work_until_scored(store: Store, name: str, progress: Progress | None = None, most_s: float = 86_400.0) -> None:
    """Be a worker until no team of the event waits to be scored anew."""
    worker = Worker(store.database, store.folder / "events")
    end = time.monotonic() + most_s
    try:
        while time.monotonic() < end:
            told = standing_of(store, name)
            state = told["progress"]
            total = sum(state.values())
            if progress is not None:
                progress(total - state["waiting"], total, "teams are scored anew")
            if not state["waiting"] and not _unranked(told):
                return
            if not worker.once():
                time.sleep(0.1)
    finally:
        worker.close()


def _unranked(told: dict[str, Any]) -> bool:
    return any(row["new_value"] is not None and row["new_rank"] is None for row in told["moves"])


def standing_of(store: Store, name: str) -> dict[str, Any]:
    """What is being scored anew: versions, the preview's number (None without one), progress, and who moves."""
    store.event(name)
    told: dict[str, Any] = store.service.desk.anew(name, store.host)
    return told


def apply_version(store: Store, name: str) -> int:
    """Let the preview count; its number."""
    return store.service.desk.apply(name, store.host)


def cancel_version(store: Store, name: str) -> int:
    """Leave the valid version valid; the preview's number. Its scores stay to be read."""
    return store.service.desk.cancel(name, store.host)


def _new_answers(
    private: Path, event: Event, dataset: Dataset, trusted: bool, progress: Progress | None
) -> tuple[str, str, str]:  # fmt: skip
    """(folder below the private one, metric, digest) of the project's present answers."""
    old = read_solution(private)
    key = bytes.fromhex((private / "key").read_text(encoding="ascii").strip())
    with tempfile.TemporaryDirectory(prefix=".anew.", dir=private) as place:
        made = publish(
            cut_as_hosted(dataset, old, key), Path(place) / event.name, title=event.rules.title,
            public_share=event.rules.public_share, practice=True, key=key, trusted=trusted, progress=progress,
        )  # fmt: skip
        new = read_solution(made.private)
        _same_rows(old, new, dataset)
        _same_inputs(changed_inputs(private, made.public), dataset)
        if new.digest == old.digest and new.metric == old.metric and not new.custom:
            raise UsageError(
                "neither an answer nor the metric has changed", where=str(dataset.project.folder),
                todo="correct the project first, or name another with --project",
            )  # fmt: skip
        (private / _RUBRICS).mkdir(exist_ok=True)
        number = 1 + max([1, *(int(p.name) for p in (private / _RUBRICS).iterdir() if p.name.isdecimal())])
        made.private.rename(private / _RUBRICS / str(number))
    close_to_others(private / _RUBRICS)
    return f"{_RUBRICS}/{number}", new.metric, new.digest


def _same_rows(old: Solution, new: Solution, dataset: Dataset) -> None:
    lacking, more = set(old.ids) - set(new.ids), set(new.ids) - set(old.ids)
    if lacking or more:
        raise UsageError(
            f"these are other rows: {len(lacking):,} of the event's test rows are gone, {len(more):,} are new",
            where=str(dataset.project.folder), todo="correct answers only; for other rows host a new event",
        )  # fmt: skip
    if not np.array_equal(old.public, new.public):
        raise UsageError("other rows would be public", where=str(dataset.project.folder),
                         todo="correct answers only, no groups; else host a new event")  # fmt: skip


def _same_inputs(changed: list[str], dataset: Dataset) -> None:
    if changed:
        raise UsageError(
            f"{len(changed):,} of the event's test rows ({changed[0]!r} …) have other inputs than those handed out",
            where=str(dataset.project.folder),
            todo="correct answers only; where ids are row numbers, add and remove no line",
        )
