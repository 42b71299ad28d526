"""A project whose answers were corrected, cut as it was when it was hosted.

A split that keeps the share of each class draws other rows once a label is corrected: the event's rows are found by
their keyed ids, wherever the project would put them today.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepdojo.competition.event import INPUTS
from deepdojo.competition.hosting.media_files import FOLDER
from deepdojo.competition.hosting.new_ids import new_id
from deepdojo.competition.hosting.solution import Solution
from deepdojo.data.dataset import Dataset
from deepdojo.data.files import file_sha256

__all__ = ["changed_inputs", "cut_as_hosted"]

_NAMED = re.compile(rf"\b{FOLDER}/[\w.-]+")
"""A file's name, alone in its cell or in the list of a gallery."""


def cut_as_hosted(dataset: Dataset, old: Solution, key: bytes) -> Dataset:
    """The same data with the event's rows as its test part; a row that the event does not ask for is learned from.

    Args:
        old: the event's answers. key: the event's own.
    """
    wanted, length = set(old.ids), len(old.ids[0]) - 1
    drawn = dataset.split_of
    cut = {
        raw: "test" if new_id(key, "row", raw, length) in wanted else "train" if part == "test" else part
        for raw, part in drawn.items()
    }
    return dataset if cut == drawn else dataset.on_split(dataset.project, cut)


def changed_inputs(private: Path, made_public: Path) -> list[str]:
    """Ids of test rows whose inputs are others than those that were handed out, in the table or in a picture, sound or
    video that it names: where ids are row numbers, a line too many or too few gives each row another's answer.

    Args:
        private: the event's private folder. made_public: a public folder made of the present project.
    """
    import duckdb

    hidden = private / INPUTS / "test.parquet"
    old, new = hidden if hidden.is_file() else private.parent / "public" / "test.parquet", made_public / "test.parquet"
    if not old.is_file():
        return []
    with duckdb.connect(":memory:", config={"threads": 1}) as database:
        for name, path in (("old", old), ("new", new)):
            database.read_parquet(str(path)).create(name)
        columns = [{row[0] for row in database.execute(f"DESCRIBE {name}").fetchall()} for name in ("old", "new")]
        both = ", ".join('"' + name.replace('"', '""') + '"' for name in sorted(columns[0] & columns[1]))
        found = database.execute(
            f"SELECT DISTINCT id FROM (SELECT {both} FROM new EXCEPT SELECT {both} FROM old) ORDER BY id"
        ).fetchall()
        rows = database.execute(f"SELECT id, {both} FROM new").fetchall()
    changed = {str(row[0]) for row in found}
    return sorted(changed | _other_files(rows, old.parent, made_public))


def _other_files(rows: Sequence[tuple[Any, ...]], old: Path, new: Path) -> set[str]:
    """Ids of rows that name a file whose bytes are not the same below both folders."""
    seen: dict[str, bool] = {}
    changed = set()
    for row_id, *cells in rows:
        for name in (name for cell in cells if isinstance(cell, str) for name in _NAMED.findall(cell)):
            if name not in seen:
                seen[name] = _same(old / name, new / name)
            if not seen[name]:
                changed.add(str(row_id))
    return changed


def _same(old: Path, new: Path) -> bool:
    if not (old.is_file() and new.is_file()):
        return old.is_file() == new.is_file()  # a text may name what is no file of ours
    return old.stat().st_size == new.stat().st_size and file_sha256(old) == file_sha256(new)
