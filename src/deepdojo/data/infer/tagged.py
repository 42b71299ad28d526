"""From files of one word a line to a project of tags: the first column holds the words, the last one the tags."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from deepdojo.chunks import SCHEMES, chunks_of, scheme_of
from deepdojo.data.files import Files
from deepdojo.data.infer.inferred import Choices, Inferred, listed, split_of
from deepdojo.data.readers import RawRow, read
from deepdojo.data.readers.conll import DOCUMENT
from deepdojo.errors import DataError, UnknownNameError, UsageError

__all__ = ["infer_tagged"]

MOST_POS = 100
"""Of more different cells a column is no part of speech."""


def infer_tagged(files: Files, paths: list[Path], choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred` from a file, or from one to learn from and one held out.

    Raises:
        DataError: fewer than two columns, or no sentence that can be read. UnknownNameError: --target is no column.
        UsageError: a choice that only tables know.
    """
    for option in ("id", "time"):
        if getattr(choices, option) is not None:
            raise UsageError(f"--{option} names a column of a table; this file has a word a line", todo="leave it out")
    names = [path.relative_to(inferred.root).as_posix() for path in paths]
    rows = _rows(files, names[0], paths[0])
    columns = [name for name in rows[0].cells if name != DOCUMENT]
    if len(columns) < 2:
        raise DataError("the lines have one column: words without tags", where=str(paths[0]))
    target = choices.target or columns[-1]
    if target not in columns[1:]:
        raise UnknownNameError("column", target, columns[1:], where="--target")
    sentences = [row.cells[target] for row in rows]
    scheme = scheme_of(sentences)
    inferred.say(f"{paths[0].name}: {len(rows):,} sentences, {len(columns)} columns, a word a line")
    inferred.say(
        f"target: column {target} ({'as given' if choices.target else 'the last'})", "columns.tags", "the tags"
    )
    inferred.say(
        f"task: tagging, because every word has a tag ({_said(sentences, scheme)})", "task", "every word has a tag"
    )
    metric, why = ("chunk_f1", "all of a chunk must be right") if scheme in SCHEMES else ("token_accuracy", "no chunks")
    metric = choices.metric or metric
    inferred.say(f"metric: {metric}, {why}", "metric", why)
    roles = _roles(rows, columns, target, inferred)
    inferred.files = names
    if len({path.name for path in paths}) == len(paths) > 1:
        inferred.shown = paths
        names = [path.name for path in paths]
    data: dict[str, Any] = {"reader": "conll", "file": names[0]}
    if len(paths) > 1:
        data = {"reader": "conll", "split": {"train": {"file": names[0]}, "test": {"file": names[1]}}}
    group = choices.group or (DOCUMENT if len({row.cells[DOCUMENT] for row in rows}) < len(rows) else None)
    given = Choices(group=group)
    inferred.spec |= {"task": "tagging", "metric": metric, "data": data, "columns": roles}
    inferred.spec["split"] = split_of(inferred, given, classes=False, test=len(paths) > 1, inputs="words")


def _roles(rows: list[RawRow], columns: list[str], target: str, inferred: Inferred) -> dict[str, str]:
    """`[columns]`: words, tags, and parts of speech where the second column may hold them."""
    roles = {"words": columns[0], "tags": target}
    pos = columns[1] if len(columns) > 2 and columns[1] != target else None
    if pos is not None and len({cell for row in rows for cell in row.cells[pos]}) <= MOST_POS:
        roles["pos"] = pos
        inferred.say(
            f"part of speech: column {pos}, which a new file must have, too", "columns.pos", "read beside words"
        )
    return roles


def _rows(files: Files, name: str, path: Path) -> list[RawRow]:
    rows = list(read("conll", files, file=name))
    good = [row for row in rows if row.reject is None]
    if not good:
        raise DataError(f"no sentence can be read: {rows[0].reject}", where=f"{path}:{rows[0].line}")
    return good


def _said(sentences: list[list[str]], scheme: str) -> str:
    if scheme not in SCHEMES:
        return f"{len({tag for tags in sentences for tag in tags}):,} different ones, no chunks"
    types = Counter(kind for tags in sentences for kind, _, _ in chunks_of(tags))
    kinds = f"{len(types):,} type{'s' if len(types) != 1 else ''} of chunks"
    return f"{scheme.upper()}, {kinds}: {listed(kind for kind, _ in types.most_common())}"
