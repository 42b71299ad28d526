"""Cells that are the boxes of a picture's objects."""

from __future__ import annotations

from typing import Any

from deepdojo.boxes import box_fault, parse_boxes
from deepdojo.data.raw_columns import Make, RawColumns, Reject
from deepdojo.data.readers import RawRow

__all__ = ["boxes_cells"]


def boxes_cells(columns: RawColumns, role: str) -> Make:
    """A list of boxes: the reader's, or a JSON list in a cell; an empty one is a picture without objects."""
    column, named = columns.of(role), columns.label_names

    def make(raw: RawRow) -> list[list[Any]]:
        cell = columns.cell(raw, column)
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            raise Reject(f"the {role} are missing")
        try:
            found = parse_boxes(cell)
        except ValueError as error:
            raise Reject(f"the {role}: {error}") from None
        if (fault := box_fault(found)) is not None:
            raise Reject(f"the {role}: {fault}")
        return [[named.get(box[0], box[0]), *box[1:]] for box in found]

    return make
