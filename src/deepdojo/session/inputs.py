"""New rows for `predict`: a file or folder like the project's own, or a list from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepdojo.data.dataset import load_rows
from deepdojo.data.files import Media
from deepdojo.errors import DataError
from deepdojo.runs import Run

__all__ = ["rows_from"]


def rows_from(run: Run, rows: str | Path | Sequence[Any]) -> tuple[list[dict[str, Any]], list[Any]]:
    """(rows with the contract's inputs, what was left out). Raises DataError for a cell of a wrong kind."""
    if isinstance(rows, str | Path):
        return load_rows(run.project(), Path(rows).expanduser())
    name, kind = next(iter(run.contract.inputs.items()))
    return [{"id": str(i + 1), name: _cell(row, kind, i)} for i, row in enumerate(rows)], []


def _cell(value: Any, kind: str, position: int) -> Any:
    if kind == "text" and isinstance(value, str):
        return value
    if kind == "record" and isinstance(value, dict):
        return value
    if kind == "image":
        if isinstance(value, str | Path):
            return Media.of(Path(value))
        if hasattr(value, "dtype"):
            return value
    wanted = {"text": "a text", "record": "a mapping of columns to cells", "image": "a path or a uint8 array"}[kind]
    raise DataError(f"the row is a {type(value).__name__}, expected {wanted}", where=f"row {position + 1}")
