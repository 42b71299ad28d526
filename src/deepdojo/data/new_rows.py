"""Rows of a user's new files, for `dojo predict`: what the project's model reads, without targets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepdojo.data.files import Files
from deepdojo.data.gathered import Read, Rejected, nothing_left
from deepdojo.data.new_files import new_files
from deepdojo.data.project import Project
from deepdojo.data.readers import RawRow
from deepdojo.data.reading import take
from deepdojo.data.rows import RowMaker
from deepdojo.data.sources import locate
from deepdojo.errors import DojoError

__all__ = ["load_rows"]

Row = dict[str, Any]


def load_rows(project: Project, path: Path, *, trusted: bool = False) -> tuple[list[Row], list[Rejected]]:
    """Rows of a user's new file or folder, for `dojo predict`: inputs without targets.

    The file is read as the project's own are; where that does not fit (another delimiter, a header that the
    project's files lack, pictures instead of a table) it is read by its own form.

    Raises:
        DataError, SourceError, UnknownNameError: the file is missing, empty, or has none of the columns needed.
    """
    faults: list[DojoError] = []
    for files, raws, ragged in new_files(project, Path(path), trusted=trusted):
        try:
            rows, rejected = _read_rows(project, files, raws(), ragged=ragged)
        except DojoError as error:
            faults.append(error)
            continue
        if rows:
            return rows, rejected
        faults.append(nothing_left(rejected))
    raise faults[0]


def _read_rows(
    project: Project, files: Files, raws: Iterator[RawRow], *, ragged: bool
) -> tuple[list[Row], list[Rejected]]:
    """Rows with inputs only, from files that may have no targets; ids are unique within what is read."""
    maker = RowMaker(
        project.spec, project.contract, files, targets=False, ragged=ragged,
        known=lambda: locate(project.spec.source, project.folder, offline=True),
    )  # fmt: skip
    got = Read()
    id_column = project.spec.data.id
    for number, raw in enumerate(raws, 1):
        if number == 1 and id_column is not None and id_column not in raw.cells:
            id_column = None  # a new file need not have ids
        item = take(maker, raw, "", number, id_column)
        if isinstance(item, Rejected):
            got.rejected.append(item)
        else:
            got.add(item)
    maker.finish(got.rows)
    return got.rows, got.rejected
