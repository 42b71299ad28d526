"""One row a file: folders of pictures. Cells come from the path; what is in the file is read later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from deepdojo.data.readers import RawRow
from deepdojo.data.readers.lines import compiled
from deepdojo.data.readers.named_pictures import chosen

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]


def read(
    files: Files,
    glob: str | Sequence[str],
    *,
    pattern: str | None = None,
    start: float = 0.0,
    stop: float = 1.0,
    each: Sequence[float] = (0.0, 1.0),
    salt: str = "",
) -> Iterator[RawRow]:
    """One row a file, sorted by name; system files (`.DS_Store`, `Thumbs.db`, hidden ones) are left out.

    Cells: `file` (the name), `folder` (the folder that it lies in), `stem` (without folder and ending), and the
    named groups of `pattern`, which is searched in the name; a name without a match is rejected.

    Args:
        glob: patterns such as `*/*.{jpg,png}`, `**/*.png`, `photos.zip!*/*.jpg`.
        start, stop, each, salt: names, and pictures of each name, by shares (`named_pictures.chosen`).

    Raises:
        SourceError: nothing matches.
    """
    rows = _all(files, glob, pattern)
    return chosen(rows, start, stop, each, salt) if (start, stop, *each) != (0, 1, 0, 1) else rows


def _all(files: Files, glob: str | Sequence[str], pattern: str | None) -> Iterator[RawRow]:
    regex = compiled(pattern, "data.pattern") if pattern is not None else None
    for name in files.expand(glob):
        path = PurePosixPath(name.rpartition("!")[2])
        cells = {"file": name, "folder": path.parent.name, "stem": path.stem}
        match = regex.search(name) if regex is not None else None
        if regex is not None and match is None:
            yield RawRow(cells, name, None, "the name does not match data.pattern")
            continue
        if match is not None:
            cells |= match.groupdict()
        yield RawRow(cells, name, None)
