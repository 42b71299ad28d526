"""Cells that are records: the features of a table's row, name by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepdojo.data.cells import MISSING, as_text, plain_number
from deepdojo.data.files import printable
from deepdojo.data.raw_columns import Make, RawColumns, Reject
from deepdojo.data.readers import RawRow
from deepdojo.data.spec import FileColumn
from deepdojo.errors import ProjectError, UnknownNameError

__all__ = ["NoFeatures", "record_cells"]

_FLOATS = 10**308
Record = dict[str, str | float | None]


@dataclass(frozen=True)
class NoFeatures:
    """Columns that "*" leaves out.

    Attributes:
        columns: all of them.
        required: those of `columns.drop`, where a file must have them: a new one need not.
    """

    columns: set[str]
    required: list[str]

    @classmethod
    def of(cls, columns: RawColumns) -> NoFeatures:
        spec = columns.spec
        drop = spec.columns.get("drop", [])
        dropped = [drop] if isinstance(drop, str) else list(drop) if isinstance(drop, list) else []
        own = {_own_column(columns.given(role, role)) or columns.of(role) for role in columns.contract.targets}
        splits = {column for column in (spec.data.id, spec.split.group) if column is not None}
        return cls({*dropped, *own, *splits}, dropped if columns.targets else [])


def _own_column(given: Any) -> str | None:
    """The column that a role has of its own; that whose cells name files may be the id as well."""
    return given.column if isinstance(given, FileColumn) else given if isinstance(given, str) else None


def record_cells(columns: RawColumns, given: Any, out: NoFeatures) -> Make:
    """A record: one column that holds an object, listed columns, or all but those that are no features."""
    if isinstance(given, str) and given != "*":
        return lambda raw: _object(columns, raw, given)
    listed = given if isinstance(given, list) else None
    features: dict[str, list[str]] = {}  # file -> its columns

    def make(raw: RawRow) -> Record:
        if listed is not None:
            return {name: _record_cell(columns.cell(raw, name), raw.decimal_of(name)) for name in listed}
        cells = raw.cells
        if columns.ragged:
            return {n: _record_cell(c, raw.decimal_of(n)) for n, c in cells.items() if n not in out.columns}
        if raw.file not in features:
            features[raw.file] = _features(raw, out)
        names = features[raw.file]
        if raw.decimal == "." and raw.decimals is None:
            return {name: _record_cell(cells[name], ".") for name in names}
        return {name: _record_cell(cells[name], raw.decimal_of(name)) for name in names}

    return make


def _object(columns: RawColumns, raw: RawRow, column: str) -> Record:
    value = columns.cell(raw, column)
    if not isinstance(value, Mapping):
        raise Reject(f"the cell {column} holds no object")
    return {str(k): _record_cell(v, raw.decimal_of(column)) for k, v in value.items()}


def _features(raw: RawRow, out: NoFeatures) -> list[str]:
    """The columns of a file that are features."""
    for name in out.required:
        if name not in raw.cells:
            raise UnknownNameError("column", name, raw.cells, where=f"{printable(raw.file)}: columns.drop")
    names = [name for name in raw.cells if name not in out.columns]
    if not names:
        raise ProjectError("no column is left for features", where=printable(raw.file), todo="look at columns.drop")
    return names


def _record_cell(cell: Any, decimal: str) -> str | float | None:
    """Raw text without blanks around it, numbers with a decimal point and no digit groups; missing is None."""
    if isinstance(cell, str):
        text = cell.strip()
        if text in MISSING:
            return None
        if decimal == "," or "," in text:
            return plain_number(text, decimal) or text
        return text
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) < _FLOATS:
        return float(cell)
    return as_text(cell)
