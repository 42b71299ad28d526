"""One row a text file of joints: sequences of skeletons, as motion sensors and pose estimators give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from deepdojo.data.readers import RawRow
from deepdojo.data.readers.image_folder import read as read_names
from deepdojo.data.skeletons import parse_motion
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]


def read(
    files: Files,
    glob: str | Sequence[str],
    *,
    joints: int | None = None,
    pattern: str | None = None,
    listed: str | None = None,
    keep: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[RawRow]:
    """One row a file, sorted by name. Cells: those of the `files` reader, and `motion`, (T, J, 3) float32.

    Args:
        joints: joints of a frame, where a line of a file is a joint (`parse_motion`).
        listed: a file that names what counts, a name a line; other files are left out and listed. A name is a file's
            stem or what it begins with.
        keep: column -> its values that count; rows with others are no part of this project.

    Raises:
        SourceError: nothing matches.
    """
    names = None if listed is None else _names(files, listed)
    for raw in read_names(files, glob, pattern=pattern):
        if raw.file == listed:
            continue
        if raw.reject is None and not all(str(raw.cells.get(column)) in values for column, values in _wanted(keep)):
            continue
        if raw.reject is None and names is not None and not _is_listed(raw.cells["stem"], names):
            raw.reject = f"is not listed in {PurePosixPath(str(listed).rpartition('!')[2]).name}"
        if raw.reject is None:
            try:
                raw.cells["motion"] = parse_motion(_text(files, raw.file), joints)
            except DataError as error:
                raw.reject = error.what
        yield raw


def _wanted(keep: Mapping[str, Sequence[str]] | None) -> list[tuple[str, set[str]]]:
    return [(column, set(map(str, values))) for column, values in (keep or {}).items()]


def _names(files: Files, listed: str) -> set[str]:
    return {line.strip() for line in _text(files, listed).splitlines() if line.strip()}


def _is_listed(stem: str, names: set[str]) -> bool:
    return any(stem[:size] in names for size in range(len(stem), 0, -1))


def _text(files: Files, name: str) -> str:
    """Raises DataError for bytes that are no text."""
    data: Any = files.bytes(name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("this is no text file") from None
    if "\0" in text:
        raise DataError("this is no text file")
    return text
