"""Files that go side by side, line beside line: a text and its translation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING

from deepdojo.data.encodings import text_lines
from deepdojo.data.files import printable
from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError, ProjectError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]


def read(files: Files, sides: Mapping[str, str], *, encoding: str | None = None) -> Iterator[RawRow]:
    """One row a line, its cells the lines of that number, one of each file.

    An empty line keeps its place: the row that it belongs to cannot be used, and no other moves.

    Args:
        sides: column -> file.
        encoding: given, or found for each file.

    Raises:
        ProjectError: `sides` names no file. DataError: a file without lines; files of different numbers of lines.
    """
    if not sides or not all(isinstance(name, str) and name for name in sides.values()):
        raise ProjectError(
            "names no file for each column", where="data.sides", todo='write {source = "train.de", target = "train.en"}'
        )
    names = [files.expand(name)[0] for name in sides.values()]
    for name in names:
        if files.is_empty(name):
            raise DataError("the file is empty", where=printable(name))
    counts = [0] * len(names)
    lines = [text_lines(lambda n=name: files.open(n), encoding, where=name) for name in names]  # type: ignore[misc]
    for number, row in enumerate(zip_longest(*lines), 1):
        counts = [count + (line is not None) for count, line in zip(counts, row, strict=True)]
        if None not in row:
            cells = {column: line.rstrip("\r\n") for column, line in zip(sides, row, strict=True)}
            yield RawRow(cells, names[0], number)
    if len(set(counts)) > 1:
        said = " and ".join(f"{printable(name)} has {n:,} lines" for name, n in zip(names, counts, strict=True))
        raise DataError(
            f"{said}: they are not parallel", where=printable(names[0]),
            todo="give files whose lines belong together, one for one",
        )  # fmt: skip
