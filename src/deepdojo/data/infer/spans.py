"""From texts with marked spans, as annotation programs write them, to a project of tags."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from deepdojo.chunks import chunks_of
from deepdojo.contracts import contract_of
from deepdojo.data.files import Files
from deepdojo.data.infer.inferred import Choices, Inferred, listed, split_of
from deepdojo.data.readers import RawRow, read
from deepdojo.data.readers.spans import SpanFault, entry_of, looks_like_span, values_of
from deepdojo.errors import DataError, DojoError, UnknownNameError

__all__ = ["infer_spans", "is_spans"]

ENDINGS = (".json", ".jsonl", ".ndjson")
HEAD = 100
"""So many entries are looked at for a first span."""


def is_spans(path: Path, choices: Choices) -> bool:
    """Whether a file is JSON, the task may tag words, and an entry near its begin marks a span of its text."""
    if not path.name.lower().removesuffix(".gz").endswith(ENDINGS):
        return False
    if choices.task is not None and not contract_of(choices.task).aligned:
        return False
    try:
        return any(_marked(value, choices) for _, value in islice(values_of(Files([path.parent]), path.name), HEAD))
    except DojoError:
        return False


def _marked(value: Any, choices: Choices) -> bool:
    try:
        _, text, spans = entry_of(value, "text", choices.target)
    except SpanFault:
        return False
    return isinstance(text, str) and isinstance(spans, list) and any(map(looks_like_span, spans))


def infer_spans(files: Files, paths: list[Path], choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred` from a file, or from one to learn from and one held out; `choices.target` is the key of spans.

    Raises:
        DataError: no text whose spans can become tags. UnknownNameError: a key that no entry has.
    """
    names = [path.relative_to(inferred.root).as_posix() for path in paths]
    options = {} if choices.target is None else {"spans": choices.target}
    parts = [_rows(files, name, path, options, inferred) for name, path in zip(names, paths, strict=True)]
    good = [row for row in parts[0] if row.reject is None]
    kinds = Counter(kind for row in good for kind, _, _ in chunks_of(row.cells["tags"]))
    if not kinds:
        raise DataError("no text has a marked span", where=str(paths[0]), todo="give a file with spans")
    shown = listed(f"{kind} {n:,}" for kind, n in kinds.most_common())
    why = "texts have marked spans; each word gets a tag"
    inferred.say(f"task: tagging, because {why} ({kinds.total():,} spans: {shown})", "task", why)
    metric = choices.metric or "chunk_f1"
    why = "as given" if choices.metric else "all of a span must be right"
    inferred.say(f"metric: {metric}, {why}", "metric", why)
    inferred.files = names
    if len({path.name for path in paths}) == len(paths) > 1:
        inferred.shown, names = paths, [path.name for path in paths]
    data: dict[str, Any] = {"reader": "spans", **options}
    if len(paths) > 1:
        data["split"] = {"train": {"file": names[0]}, "test": {"file": names[1]}}
    else:
        data["file"] = names[0]
    _columns([row for rows in parts for row in rows], choices, data, inferred)
    inferred.spec |= {"task": "tagging", "metric": metric, "data": data, "columns": {}}
    inferred.spec["split"] = split_of(inferred, choices, classes=False, test=len(paths) > 1, inputs="words")


def _rows(files: Files, name: str, path: Path, options: dict[str, Any], inferred: Inferred) -> list[RawRow]:
    """All rows of a file; those with spans that cannot become tags are counted aloud."""
    rows = list(read("spans", files, file=name, **options))
    good = [row for row in rows if row.reject is None and row.cells["tags"]]
    if not good:
        first = next((row.reject for row in rows if row.reject is not None), "its entries have no list of spans")
        raise DataError(f"no text can be used; the first: {first}", where=str(path))
    inferred.say(f"{path.name}: {len(good):,} texts with spans of characters")
    if len(good) < len(rows):
        first = next((f"line {row.line}: {row.reject}" for row in rows if row.reject is not None), "no list of spans")
        inferred.say(f"{len(rows) - len(good):,} texts cannot be used ({first}); dojo check says why")
    return [row for row in rows if row.reject is not None or row.cells["tags"]]


def _columns(rows: list[RawRow], choices: Choices, data: dict[str, Any], inferred: Inferred) -> None:
    """The id, asked for or found; and whether the columns that were asked for exist."""
    known = dict.fromkeys(name for row in rows for name in row.cells if name not in ("words", "tags"))
    for option in ("id", "group", "time"):
        column = getattr(choices, option)
        if column is not None and column not in known:
            raise UnknownNameError("column", column, list(known), where=f"--{option}")
    ids = [row.cells.get("id") for row in rows if row.reject is None]
    if choices.id is not None:
        data["id"] = choices.id
    elif None not in ids and len(set(map(str, ids))) == len(ids):
        data["id"] = "id"
        inferred.say("id: the id of each text", "data.id", "each has its own")
