"""Cells that are pictures, videos or sounds: a file that a cell names, its bytes, or pixels in columns."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from deepdojo.contracts import KindName
from deepdojo.data.cells import as_text
from deepdojo.data.files import Files, Media, printable
from deepdojo.data.images import check_image
from deepdojo.data.raw_columns import Make, RawColumns, Reject, reject
from deepdojo.data.readers import RawRow
from deepdojo.data.sounds import check_sound
from deepdojo.data.spec import FileColumn, PixelColumns
from deepdojo.data.videos import check_video, require_decoder
from deepdojo.errors import DojoError, ProjectError, SourceError

__all__ = ["file_cell", "media_cells", "require_readable"]

_CHECKS: Mapping[str, Callable[[BinaryIO], None]] = {"image": check_image, "video": check_video, "audio": check_sound}


def media_cells(columns: RawColumns, role: str, kind: KindName) -> Make:
    """A picture, a video or a sound. New ones come as files, also where the project's own stand in columns or are named
    by cells."""
    if kind == "video":
        require_decoder()  # else every single row would be refused for it
    given = columns.given(role, role)
    if isinstance(given, PixelColumns) and kind != "audio":
        make: Make = partial(_pixels, columns, given)
    else:
        pictures = "video" if "video" in columns.contract.reads.values() else "picture"
        make = _encoded(columns, given, "sound" if kind == "audio" else pictures)
    if columns.targets:
        return make

    def of_new_file(raw: RawRow) -> Any:
        cell = raw.cells.get(role)
        return cell if isinstance(cell, Media) else make(raw)

    return of_new_file


def _encoded(columns: RawColumns, given: Any, what: str) -> Make:
    """An encoded file: named by a cell, or the bytes of one. `what` it is called where it is missing."""
    if isinstance(given, FileColumn):

        def from_cell(raw: RawRow) -> Media:
            name = (as_text(columns.cell(raw, given.column)) or "").strip()
            if not name:
                raise Reject(f"no {what} is named")
            return file_cell(columns.files, given.file.replace("{}", name), what, given.file)

        return from_cell
    if not isinstance(given, str):
        raise ProjectError(f"a {what} stands in one column, got {given!r}", where=columns.spec.name)

    def plain(raw: RawRow) -> Any:
        cell = columns.cell(raw, given)
        if isinstance(cell, Media) or (isinstance(cell, np.ndarray) and what != "sound"):
            return cell
        if isinstance(cell, bytes | bytearray):
            return _inline(raw, bytes(cell))
        if isinstance(cell, Mapping) and isinstance(cell.get("bytes"), bytes):  # as the Hugging Face hub stores media
            return _inline(raw, cell["bytes"], cell.get("path"))
        if not isinstance(cell, str) or not cell.strip():
            raise Reject(f"no {what} is named")
        files = columns.files
        return files.media(cell, listed=True) if cell == raw.file else file_cell(files, cell.strip(), what)

    return plain


def _inline(raw: RawRow, data: bytes, name: Any = None) -> Media:
    return Media(str(name or f"{raw.file}:{raw.line}"), lambda: data, inline=True)


def file_cell(files: Files, name: str, what: str, group: str | None = None) -> Media:
    """The file of that name. Raises Reject where there is none."""
    try:
        there = files.has(name)
    except DojoError as error:
        raise Reject(str(error)) from None
    return files.media(name, group) if there else reject(f"the {what} {printable(name)} is not there")


def _pixels(columns: RawColumns, given: PixelColumns, raw: RawRow) -> np.ndarray:
    first, last = given.columns
    cells = list(raw.cells.values())
    count = last - first + 1
    if not columns.targets and len(cells) == count:  # a new file without the label's column
        first, last = 0, count - 1
    if last >= len(cells) or count != math.prod(given.shape):
        raise ProjectError(
            f"columns.image takes columns {first} to {last} for {' x '.join(map(str, given.shape))} pixels,"
            f" the file has {len(cells)} columns",
            where=printable(raw.file),
        )
    try:
        values = np.array(cells[first : last + 1], dtype=np.float64)
    except (ValueError, TypeError):
        raise Reject("a pixel is not a number") from None
    values = np.rint(values * given.scale)
    if not ((values >= 0) & (values <= 255)).all():  # also false for NaN
        raise Reject("a pixel is not within 0 to 255")
    return values.astype(np.uint8).reshape(given.shape)


def require_readable(files: Files, media: Media, kind: KindName) -> None:
    """What is no picture, video or sound is left out before the split is drawn: it must take no place in a part or a
    class. Raises Reject."""
    check = _CHECKS[kind]
    try:
        if files.has(media.name):
            with files.opened(media.name) as file:
                check(file)
        else:  # a cell that holds the bytes, or a link that leads nowhere
            check(io.BytesIO(media.read()))
    except DojoError as error:
        if isinstance(error, SourceError):
            files.unreadable.add(media.name)
        raise Reject(error.what) from None
