"""From a table that names video files to a project that tells the videos apart."""

from __future__ import annotations

import re
from collections import Counter

from deepdojo.contracts import CONTRACTS
from deepdojo.data.cells import is_missing
from deepdojo.data.infer.inferred import Choices, Inferred, class_metric, said_classes, two_classes
from deepdojo.data.infer.moving import VIDEO_SUFFIXES
from deepdojo.data.infer.reading import TARGETS, TableFile
from deepdojo.data.infer.text import media_cells
from deepdojo.data.videos import require_decoder
from deepdojo.errors import DataError

__all__ = ["SOURCES", "infer_video_table", "video_column"]

TASK = "video-classification"
FOLDERS = ("", "video/", "videos/", "clips/", "train/")
SOURCES = re.compile(
    r"(source|group|film|movie|camera|scene|patient|subject|person|speaker)s?($|[ _-]?(id|no|nr|name)$)", re.IGNORECASE
)
_FEWEST = 5  # of fewer sources no split by them is drawn


def video_column(table: TableFile, choices: Choices) -> tuple[str, str] | None:
    """(column that names videos that are there, pattern of their files), or None; never where another task is asked
    for."""
    if choices.task not in (None, TASK):
        return None
    for name in table.names:
        if name in (choices.target, choices.group, choices.time):
            continue
        pattern = media_cells(table, name, VIDEO_SUFFIXES, FOLDERS)
        if pattern is not None:
            return name, pattern
    return None


def infer_video_table(
    table: TableFile, video: tuple[str, str], choices: Choices, inferred: Inferred
) -> tuple[str, Choices]:
    """Fill task, columns and metric of `inferred`; returns the target's column, and the choices with clips of one
    source kept together.

    Raises:
        DataError: no column is left for a target, or it holds one class.
    """
    require_decoder()
    column, pattern = video
    target = choices.target or _target(table, column, choices)
    inferred.say(f"target: {target}{'' if choices.target else ' (another one: --target COLUMN)'}")
    reason = f"{column} names video files and {target} holds classes"
    inferred.say(f"task: {TASK}, because {reason}", "task", reason)
    inferred.spec |= {
        "task": TASK,
        "columns": {CONTRACTS[TASK].input: {"column": column, "file": pattern}, CONTRACTS[TASK].target: target},
    }
    counts = Counter(str(cell).strip() for cell in table.targets(target) if not is_missing(cell))
    two_classes(counts, f"the target {target!r}", table.shown, "add rows of another class")
    inferred.say(said_classes(counts))
    metric, why = (choices.metric, "as given") if choices.metric is not None else class_metric(counts)
    inferred.spec["metric"] = metric
    inferred.say(f"metric: {metric}, {why}", "metric", why)
    return target, _by_source(table, target, choices, inferred)


def _target(table: TableFile, column: str, choices: Choices) -> str:
    free = [n for n in table.names if n not in (column, choices.id, choices.group, choices.time)]
    named = [n for name in TARGETS for n in free if n.lower().strip() == name]
    other = [n for n in free if not SOURCES.match(n.strip())] or free
    if not other:
        raise DataError(
            "nothing is left to predict", where=table.shown, todo="add a column with the class of each video"
        )
    return named[0] if named else other[-1]


def _by_source(table: TableFile, target: str, choices: Choices, inferred: Inferred) -> Choices:
    """Clips of one source stay together, unless asked otherwise: a model that has seen a camera knows it."""
    if choices.group is not None or choices.time is not None:
        return choices
    for name in table.names:
        if name == target or not SOURCES.match(name.strip()):
            continue
        n = len({str(cell).strip() for cell in table.column(name) if not is_missing(cell)})
        if _FEWEST <= n < table.n:
            inferred.say(f"{name} names {n:,} sources: no source stands on both sides of the split")
            return Choices(**{**vars(choices), "group": name})
    return choices
