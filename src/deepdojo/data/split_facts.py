"""What a split is made from: the facts about rows by which it is drawn, or the parts of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepdojo.columns import Mapped
from deepdojo.data.files import Files
from deepdojo.data.gathered import PackedRead, Read, keyed_by_input
from deepdojo.data.project import Project
from deepdojo.data.row_keys import input_key
from deepdojo.data.rowset import column
from deepdojo.data.split import SPLITS, sort_keys
from deepdojo.data.twins import TWIN, TWIN_NAME
from deepdojo.errors import DataError

__all__ = ["LEFT_OUT", "facts_for_split", "recorded_parts"]

Row = dict[str, Any]
LEFT_OUT = 255
"""The number of no part."""


def facts_for_split(project: Project, files: Files, got: Read | PackedRead) -> dict[str, Any]:
    """What `assign` needs beside the split itself."""
    spec, contract = project.spec, project.contract
    split = spec.split
    keys: Sequence[str]
    if split.group is not None:
        keys = Mapped(got.extra[split.group], str)
    elif not keyed_by_input(project, set(got.fixed)):
        keys = column(got.rows, "id")
    else:
        keys = got.keys if got.keys is not None else [input_key(row, contract, files) for row in got.rows]
    label = next((name for name, kind in contract.targets.items() if kind == "label"), None)
    stratify = split.stratify if split.stratify is not None else split.group is None and split.order is None
    classes = column(got.rows, label) if stratify and label is not None else None
    order = sort_keys(got.extra[split.order], split.order_format) if split.order is not None else None
    in_test = None
    if split.test is not None:
        values = {str(value).lower() if isinstance(value, bool) else str(value) for value in split.test.values}
        in_test = Mapped(got.extra[split.test.column], lambda cell: _plain(cell) in values)
    return {"keys": keys, "fixed": got.fixed, "classes": classes, "order": order, "in_test": in_test,
            "ids": column(got.rows, "id") if split.validation_by == "rows" else None}  # fmt: skip


def _plain(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def recorded_parts(rows: Sequence[Row], split_of: Mapping[str, str], *, strict: bool = True) -> np.ndarray:
    """(n,) uint8 the part of each row. Raises DataError for a row without one, where `strict`; else it is left out."""
    number = {**{part: code for code, part in enumerate(SPLITS)}, TWIN_NAME: TWIN}
    parts = np.full(len(rows), LEFT_OUT, dtype=np.uint8)
    unknown: list[str] = []
    missing = 0
    for at, key in enumerate(column(rows, "id")):
        part = split_of.get(key)
        if part is not None:
            parts[at] = number[part]
        elif strict:
            missing += 1
            unknown += [key] if missing <= 3 else []
    if missing:
        shown = ", ".join(unknown)
        raise DataError(
            f"{missing:,} rows are not in the recorded split ({shown})", todo="the data have changed: train anew"
        )
    return parts
