"""From text files to a project of running text: what stands last in each file is held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepdojo.contracts import contract_of
from deepdojo.data.files import Files, printable
from deepdojo.data.infer.inferred import Choices, Inferred, listed
from deepdojo.data.readers import read
from deepdojo.data.readers.text import TEXTS
from deepdojo.errors import DataError, UsageError

__all__ = ["infer_running_text"]

VALIDATION, HELD_OUT = 0.05, 0.9
LEAST_CHARS = 1000


def infer_running_text(files: Files, path: Path, choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred` for a task whose rows are blocks of text.

    Args:
        path: a text file, or a folder of such.

    Raises:
        DataError: no text files, or too little in them. UsageError: a choice that only tables know.
    """
    for option in ("target", "id", "group", "time"):
        if getattr(choices, option) is not None:
            raise UsageError(f"--{option} names a column of a table, and {path.name} is text", todo="leave it out")
    name, chars, n_files = _measured(files, path, inferred)
    assert choices.task is not None
    metric = choices.metric or contract_of(choices.task).metric
    shown = "1 file" if n_files == 1 else f"{n_files:,} files"
    inferred.say(f"{path.name}: {chars:,} characters in {shown}")
    inferred.say(f"task: {choices.task}, as given", "task", "as given")
    inferred.say(f"metric: {metric}", "metric", "lower is better")
    split: dict[str, Any] = {"validation": {"stop": VALIDATION}, "train": {"start": VALIDATION, "stop": HELD_OUT}}
    if choices.test is None:
        split["test"] = {"start": HELD_OUT}
        inferred.say("split: the last tenth of each file is held out, its first twentieth validates")
    else:
        split["train"].pop("stop")
        tested, _, _ = _measured(files, choices.test.expanduser().absolute(), inferred)
        split["test"] = {"file": tested}
        inferred.say(f"split: {choices.test.name} is held out, the first twentieth of each other file validates")
    inferred.spec |= {
        "task": choices.task, "metric": metric, "data": {"reader": "text", "file": name, "split": split},
        "columns": {}, "split": {"group": "stretch"},
    }  # fmt: skip
    inferred.comments["split.group"] = "ten blocks in a row: intervals draw these, for neighbours are alike"


def _measured(files: Files, path: Path, inferred: Inferred) -> tuple[str, int, int]:
    """(file or pattern as project.toml has it, characters, files)."""
    below = path.relative_to(inferred.root).as_posix()
    name = below if path.is_file() else TEXTS if below == "." else f"{below}/{TEXTS}"
    found = [below] if path.is_file() else files.glob(name)
    if not found:
        raise DataError("there are no text files in it", where=str(path), todo="give a folder of .txt files")
    chars = sum(len(row.cells["text"]) for row in read("text", files, file=name, context_chars=0))
    if chars < LEAST_CHARS:
        raise DataError(
            f"the text has {chars:,} characters, which is too little to learn from and to be tested on",
            where=str(path), todo=f"give at least {LEAST_CHARS:,}",
        )  # fmt: skip
    inferred.files += found
    if len(found) > 1:
        inferred.say(f"texts: {listed(map(printable, found))}")
    return name, chars, len(found)
