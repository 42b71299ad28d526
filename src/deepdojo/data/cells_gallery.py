"""Cells that are galleries: names and a picture of each, to be compared with the row's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from deepdojo.data.cells_media import file_cell, require_readable
from deepdojo.data.files import Files, Media, printable
from deepdojo.data.gallery import Gallery, pairs_of
from deepdojo.data.raw_columns import Make, RawColumns, Reject
from deepdojo.data.readers import RawRow
from deepdojo.data.readers import read as read_with
from deepdojo.data.spec import GalleryColumn
from deepdojo.errors import ProjectError

__all__ = ["GalleryCheck", "gallery_cells"]


def gallery_cells(columns: RawColumns, role: str, files: Callable[[], Files]) -> Make:
    """Names and pictures: those of `files`, the same for every row, or what a cell holds."""
    given = columns.spec.columns.get(role)
    if isinstance(given, GalleryColumn):
        everyone = _gallery_of_files(given, files())
        return lambda raw: everyone.without(str(raw.cells.get("file")))
    column = columns.of(role)
    last: tuple[Any, Gallery] | None = None  # rows of one episode share a list

    def make(raw: RawRow) -> Gallery:
        nonlocal last
        cell = columns.cell(raw, column)
        if last is None or last[0] is not cell:
            pairs = pairs_of(cell)
            if not pairs:
                raise Reject(f"the {role} is no list of names and pictures")
            last = (cell, Gallery((name, _picture(columns.files, picture)) for name, picture in pairs))
        return last[1]

    return make


def _picture(files: Files, cell: Any) -> Any:
    if isinstance(cell, np.ndarray | Media):
        return cell
    if not isinstance(cell, str) or not cell.strip():
        raise Reject("no picture is named")
    return file_cell(files, cell.strip(), "picture")


def _gallery_of_files(given: GalleryColumn, files: Files) -> Gallery:
    found = []
    for raw in read_with("files", files, **given.model_dump(exclude_none=True)):
        if raw.reject is None:
            name = raw.cells.get("label", raw.cells["folder"])
            picture = files.media(raw.cells["file"], listed=True)
            with suppress(Reject):  # what is no picture is listed where it is a row
                require_readable(files, picture, "image")
                found.append((name, picture))
    if not found:
        raise ProjectError("no file has a name", where="columns.gallery", todo="look at its pattern")
    return Gallery(found)


class GalleryCheck:
    """Looks at each picture of galleries once: rows share them."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self._faults: dict[str, str | None] = {}

    def __call__(self, gallery: Gallery) -> None:
        """Raises Reject where a picture cannot be used."""
        for _, cell in gallery:
            if not isinstance(cell, Media):
                continue
            if cell.name not in self._faults:
                self._faults[cell.name] = None
                try:
                    require_readable(self.files, cell, "image")
                except Reject as fault:
                    self._faults[cell.name] = str(fault)
            if self._faults[cell.name] is not None:
                raise Reject(f"the gallery's picture {printable(cell.name)} cannot be used: {self._faults[cell.name]}")
