"""Cells that are numbers: one to predict, a list or a table of them, the joints of a moving skeleton."""

from __future__ import annotations

import numpy as np

from deepdojo.contracts import KindName
from deepdojo.data.cells import LARGEST, MISSING, is_infinite, parse_number, parse_numbers
from deepdojo.data.raw_columns import Make, RawColumns, Reject
from deepdojo.data.readers import RawRow
from deepdojo.data.skeletons import checked_motion, motion_of
from deepdojo.errors import DojoError

__all__ = ["array_cells", "number_cells", "skeleton_cells"]

_TOO_LARGE = f" below {LARGEST:g}"


def number_cells(columns: RawColumns, role: str) -> Make:
    """One finite number."""
    column = columns.of(role)

    def make(raw: RawRow) -> float:
        cell = columns.cell(raw, column)
        value = parse_number(cell, raw.decimal_of(column))
        if value is None:
            missing = cell is None or (isinstance(cell, str) and cell.strip() in MISSING)
            large = _TOO_LARGE if is_infinite(str(cell)) and any(map(str.isdigit, str(cell))) else ""
            fault = f"{str(cell)[:40]!r} is not a finite number{large}"
            raise Reject(f"the {role} is missing" if missing else f"the {role} {fault}")
        return value

    return make


def array_cells(columns: RawColumns, role: str, kind: KindName) -> Make:
    """(n,) or (m, n) float64: an array or a list from the reader, numbers in a text, or one column each."""
    given = columns.spec.columns.get(role)
    names = given if isinstance(given, list) else [columns.of(role)]

    def make(raw: RawRow) -> np.ndarray:
        cells = [columns.cell(raw, name) for name in names]
        cell = cells[0] if len(names) == 1 else cells
        values = parse_numbers(cell, raw.decimal_of(names[0]))
        if values is not None and values.ndim == 1 and kind == "matrix":
            values = values[None]  # a signal of one channel
        if values is None or values.ndim != (1 if kind == "vector" else 2) or not values.size:
            raise Reject(f"the {role} is no {'list' if kind == 'vector' else 'table'} of numbers")
        if not (np.abs(values) <= LARGEST).all():  # false for NaN too
            raise Reject(f"a number of the {role} is missing or not finite")
        return values

    return make


def skeleton_cells(columns: RawColumns, role: str) -> Make:
    """(T, J, 3) float32, J that of the first row: the reader's array, or lists in a text (JSON)."""
    column, joints = columns.of(role), None

    def make(raw: RawRow) -> np.ndarray:
        nonlocal joints
        values = motion_of(columns.cell(raw, column))
        if values is None:
            raise Reject(f"the {role} is no list of frames of joints")
        try:
            values = checked_motion(values, joints)
        except DojoError as error:
            raise Reject(f"the {role}: {error.what}") from None
        joints = values.shape[1]
        return values

    return make
