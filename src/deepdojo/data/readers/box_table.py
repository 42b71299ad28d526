"""Boxes in a table, one a line: the picture's file, four sides, a class. One row a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from deepdojo.data.annotated import picture_of, placed
from deepdojo.data.readers import RawRow
from deepdojo.data.readers import read as read_with
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["NAMES", "columns_of", "read"]

NAMES = {
    "picture": ("filename", "file_name", "image", "image_name", "image_path", "path", "file"),
    "label": ("class", "label", "name", "class_name", "category"),
    "xmin": ("xmin", "x_min", "x1", "left"), "ymin": ("ymin", "y_min", "y1", "top"),
    "xmax": ("xmax", "x_max", "x2", "right"), "ymax": ("ymax", "y_max", "y2", "bottom"),
}  # fmt: skip
"""What each column may be called, in any case."""
SIDES = ("xmin", "ymin", "xmax", "ymax")


def columns_of(names: Sequence[str]) -> dict[str, str] | None:
    """Part of a box -> its column; None where one is missing."""
    own = {name.strip().lower(): name for name in names}
    found = {part: next((own[n] for n in known if n in own), None) for part, known in NAMES.items()}
    columns = {part: name for part, name in found.items() if name is not None}
    return columns if len(columns) == len(NAMES) else None


def read(files: Files, file: str | Sequence[str], *, images: str = "{file_name}") -> Iterator[RawRow]:
    """Cells `image`, `boxes`, `file_name`, `width`, `height`.

    Sides are pixels from the left and upper border, as they stand. A box that leaves its picture is cut at the border;
    one without area, outside the picture or without a class is rejected by itself, at its line. A line whose sides and
    class are all empty says that its picture has no objects.

    Memory: the table.

    Args:
        file: a CSV file with a header, a pattern, or a list of them.
        images: where the pictures lie; {file_name} stands for the cell.

    Raises:
        DataError: a column is missing.
    """
    for name in files.expand(file):
        of_picture: dict[str, list[tuple[RawRow, dict[str, str]]]] = {}
        for raw in read_with("csv", files, file=name):
            columns = columns_of(list(raw.cells)) if raw.reject is None else {}
            if columns is None:
                raise DataError("the table has no columns of boxes", where=name,
                                todo="name them filename, xmin, ymin, xmax, ymax, class")  # fmt: skip
            picture = str(raw.cells[columns["picture"]] or "").strip() if columns else ""
            if not picture:
                yield RawRow({}, name, raw.line, raw.reject or "the line names no picture")
                continue
            of_picture.setdefault(picture, []).append((raw, columns))
        for picture, lines in of_picture.items():
            yield from _rows(files, name, picture, lines, images)


def _rows(
    files: Files, name: str, picture: str, lines: list[tuple[RawRow, dict[str, str]]], images: str
) -> Iterator[RawRow]:
    first = {str(column).lower(): cell for column, cell in lines[0][0].cells.items()}
    found = picture_of(files, images.replace("{file_name}", picture), (first.get("width"), first.get("height")))
    if found.fault is not None:
        yield RawRow({}, name, lines[0][0].line, found.fault)
        return
    boxes: list[list[Any]] = []
    for raw, columns in lines:
        label, sides = raw.cells[columns["label"]], [raw.cells[columns[side]] for side in SIDES]
        if not any(str(cell or "").strip() for cell in (label, *sides)):
            continue
        box = placed(str(label or "").strip(), sides, found.size)
        if isinstance(box, str):
            yield RawRow({}, name, raw.line, box)
        else:
            boxes.append(box)
    height, width = found.size
    yield RawRow(
        {"image": found.media, "boxes": boxes, "file_name": picture, "width": width, "height": height},
        name, lines[0][0].line,
    )  # fmt: skip
