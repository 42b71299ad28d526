"""From SQuAD's JSON to a project of questions: a file, or one to learn from and one held out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from deepdojo.contracts import CONTRACTS, contract_of
from deepdojo.data.files import Files
from deepdojo.data.infer.inferred import Choices, Inferred, split_of
from deepdojo.data.readers import RawRow, read
from deepdojo.errors import DataError, UsageError

__all__ = ["infer_questions", "is_squad"]

HEAD_BYTES = 1 << 16
LEAST_GROUPS = 10
"""Of fewer articles no fifth can be held out: paragraphs are."""


def is_squad(path: Path, choices: Choices) -> bool:
    """Whether a file is JSON, and the task asks questions on texts or the file begins with such."""
    if not path.name.lower().removesuffix(".gz").endswith(".json"):
        return False
    if choices.task is not None:
        return bool(contract_of(choices.task).within)
    with Files([path.parent]).open(path.name) as file:
        return re.search(rb'"(paragraphs|qas)"\s*:', file.read(HEAD_BYTES)) is not None


def infer_questions(files: Files, paths: list[Path], choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred`.

    Raises:
        DataError: a file of another form, or without a question that has an answer. UsageError: a choice that only
        tables know.
    """
    for option in ("target", "id", "time"):
        if getattr(choices, option) is not None:
            raise UsageError(f"--{option} names a column of a table; this file is SQuAD's JSON", todo="leave it out")
    names = [path.relative_to(inferred.root).as_posix() for path in paths]
    parts = [_rows(files, name, path) for name, path in zip(names, paths, strict=True)]
    task = choices.task or next(name for name, contract in CONTRACTS.items() if contract.within)
    why = "as given" if choices.task else "the file asks questions on paragraphs (SQuAD's form)"
    metric = choices.metric or contract_of(task).metric
    for path, rows in zip(paths, parts, strict=True):
        inferred.say(f"{path.name}: {len(rows):,} questions with answers on {_different(rows, 'context'):,} paragraphs")
    inferred.say(f"task: {task}, because {why}" if not choices.task else f"task: {task} (as given)", "task", why)
    inferred.say(f"metric: {metric}", "metric", "as given" if choices.metric else f"the default of {task}")
    inferred.files = names
    if len({path.name for path in paths}) == len(paths) > 1:
        inferred.shown, names = paths, [path.name for path in paths]
    data: dict[str, Any] = {"reader": "squad", "file": names[0]}
    ids = [str(row.cells["id"]).strip() for rows in parts for row in rows]
    if len(set(ids)) == len(ids):
        data["id"] = "id"
    else:
        inferred.say("id: numbers of questions, for some ids occur more than once")
    if len(paths) > 1:
        data.pop("file")
        data["split"] = {"train": {"file": names[0]}, "test": {"file": names[1]}}
    group = choices.group or ("title" if _different(parts[0], "title") >= LEAST_GROUPS else "context")
    if group == "context" and choices.group is None:
        articles = _different(parts[0], "title")
        inferred.say(f"{articles:,} articles are too few to part them: questions of one paragraph stay together")
    inferred.spec |= {"task": task, "metric": metric, "data": data, "columns": {}}
    given = Choices(group=group)
    inferred.spec["split"] = split_of(inferred, given, classes=False, test=len(paths) > 1, inputs="question")


def _rows(files: Files, name: str, path: Path) -> list[RawRow]:
    rows = [row for row in read("squad", files, file=name) if row.reject is None and row.cells["answers"]]
    if not rows:
        raise DataError("no question has an answer", where=str(path), todo="give a file with answers")
    return rows


def _different(rows: list[RawRow], column: str) -> int:
    return len({row.cells[column] for row in rows})
