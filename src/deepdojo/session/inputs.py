"""New rows for `predict`: a file or folder like the project's own, or a list from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.data.cells import parse_numbers
from deepdojo.data.files import Media
from deepdojo.data.new_rows import load_rows
from deepdojo.data.skeletons import checked_motion, motion_of
from deepdojo.data.sounds import Sound
from deepdojo.errors import DataError, UnknownNameError, nearest
from deepdojo.runs import Run

__all__ = ["columns_note", "rows_from"]


_WANTED = {
    "text": "a text", "tokens": "a list of words", "record": "a mapping of columns to cells",
    "image": "a path or a uint8 array", "audio": "a path or a file's bytes",
    "vector": "a list of finite numbers", "matrix": "lists of finite numbers",
    "skeleton": "frames of joints of three finite numbers", "video": "a path or a uint8 array of frames",
}  # fmt: skip


def rows_from(
    run: Run, rows: str | Path | Sequence[Any], *, trust: bool = False
) -> tuple[list[dict[str, Any]], list[Any]]:
    """(rows with the contract's inputs, what was left out). Raises DataError for a cell of a wrong kind."""
    if isinstance(rows, str | Path):
        from deepdojo.session.start import code_trusted

        project = run.project()
        return load_rows(project, Path(rows).expanduser(), trusted=code_trusted(project, trust))
    inputs = run.project().contract.inputs if run.contract.optional else run.contract.inputs
    if len(inputs) > 1:
        return [{"id": str(i + 1), **_cells(row, inputs, i)} for i, row in enumerate(rows)], []
    name, kind = run.contract.input, run.contract.input_kind
    return [{"id": str(i + 1), name: _cell(row, kind, i)} for i, row in enumerate(rows)], []


def columns_note(run: Run, rows: Sequence[Mapping[str, Any]], where: str) -> str | None:
    """What to say where new rows lack columns that the model learned from, which are then read as missing.

    Raises:
        UnknownNameError: they have none of them, so that every prediction would be the same guess.
    """
    role = next((name for name, kind in run.contract.inputs.items() if kind == "record"), None)
    if role is None or not rows:
        return None
    columns = run.read_json("task.json")["columns"]
    learned = [column["name"] for part in ("numbers", "categories") for column in columns[part]]
    there = {name for row in rows for name in row[role]}
    lacking = [name for name in learned if name not in there]
    if not lacking:
        return None
    if len(lacking) == len(learned):
        raise UnknownNameError("column", lacking[0], there, where=where)
    guess = nearest(lacking[0], there - set(learned))
    shown = ", ".join(lacking[:5]) + (", …" if len(lacking) > 5 else "")
    return (
        f"{where} lacks {len(lacking)} of the {len(learned)} columns that the model learned from ({shown}): "
        "read as missing" + (f"; is {guess!r} meant to be {lacking[0]!r}?" if guess is not None else "")
    )


def _cells(row: Any, inputs: Mapping[str, str], position: int) -> dict[str, Any]:
    """Of a task with several inputs a row is a mapping."""
    if not isinstance(row, Mapping) or not set(inputs) <= set(row):
        raise DataError(
            f"the row lacks an input, expected a mapping with {', '.join(inputs)}", where=f"row {position + 1}"
        )
    return {name: _cell(row[name], kind, position) for name, kind in inputs.items()}


def _cell(value: Any, kind: str, position: int) -> Any:
    if kind == "text" and isinstance(value, str):
        return value
    if kind == "record" and isinstance(value, dict):
        return value
    if kind in ("image", "video"):
        if isinstance(value, str | Path):
            return Media.of(Path(value))
        if hasattr(value, "dtype"):
            return value
    if kind == "audio" and isinstance(value, str | Path | bytes | Sound):
        return Media.of(Path(value)) if isinstance(value, str | Path) else value
    if kind == "tokens" and isinstance(value, str | list | tuple):
        return value.split() if isinstance(value, str) else list(value)
    if kind in ("vector", "matrix"):
        values = parse_numbers(value)
        if values is not None and values.ndim == (1 if kind == "vector" else 2) and np.isfinite(values).all():
            return values
    if kind == "skeleton" and (motion := motion_of(value)) is not None:
        return checked_motion(motion)
    wanted = _WANTED.get(kind, kind)
    raise DataError(f"the row is a {type(value).__name__}, expected {wanted}", where=f"row {position + 1}")
