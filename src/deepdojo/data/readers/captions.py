"""Pictures and what people wrote about them: all captions of one picture make one row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from deepdojo.data.encodings import text_lines
from deepdojo.data.files import printable
from deepdojo.data.readers import RawRow
from deepdojo.data.readers.captions_json import Line, json_captions
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]

_NUMBERED = re.compile(r"(?P<image>[^\t]+?)#\d+\t(?P<caption>.*)")
"""Flickr8k's and Flickr30k's own form."""


def read(
    files: Files,
    file: str | Sequence[str],
    *,
    only: str | Sequence[str] | None = None,
    images: str | None = None,
    names: Sequence[str] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Iterator[RawRow]:
    """Cells `image` (its name as the file has it) and `captions` (texts), in the order in which pictures first occur.

    A file is a table with a line a caption and columns `image` and `caption` (or the two of `names`), lines `name#0`,
    tab, caption as Flickr8k has them, or JSON (`captions_json`): COCO's, or a list of pictures with captions. A caption
    without a word is left out by itself, and a picture without any other with it. The number of a row is that of its
    first caption in the file.

    Args:
        file: a name, a pattern, or a list of them.
        only: files with the name of a picture a line: others are not read. A name without captions is rejected.
        images: the pattern of picture files; one that no caption names is rejected, unless `only` says which are meant.
        names: the columns of picture and caption. delimiter: between them.
        encoding: given, or found.

    Raises:
        DataError: a file without captions, or of none of these forms.
    """
    wanted = None if only is None else _listed(files, only, encoding)
    gathered: dict[str, RawRow] = {}
    for name in files.expand(file):
        any_line = False
        for line in _lines(files, name, names, delimiter, encoding):
            any_line = True
            if isinstance(line, RawRow):
                yield line
                continue
            number, picture, caption = line
            if wanted is not None and picture not in wanted:
                continue
            row = gathered.setdefault(picture, RawRow({"image": picture, "captions": []}, name, number))
            if re.search(r"\w", caption):
                row.cells["captions"].append(caption.strip())
            else:
                yield RawRow({"image": picture}, name, number, "the caption holds no word")
        if not any_line:
            raise DataError("the file holds no caption", where=printable(name))
    yield from (row for row in gathered.values() if row.cells["captions"])
    for picture, (name, number) in (wanted or {}).items():
        if picture not in gathered:
            yield RawRow({"image": picture}, name, number, f"the picture {printable(picture)} has no caption")
    if images is not None and wanted is None:
        yield from _unlisted(files, images, gathered)


def _listed(files: Files, only: str | Sequence[str], encoding: str | None) -> dict[str, tuple[str, int]]:
    """Name of a picture -> where it stands."""
    found: dict[str, tuple[str, int]] = {}
    for name in files.expand(only):
        for number, line in enumerate(text_lines(lambda n=name: files.open(n), encoding, where=name), 1):  # type: ignore[misc]
            if line.strip():
                found.setdefault(line.strip(), (name, number))
    return found


def _unlisted(files: Files, images: str, named: Mapping[str, RawRow]) -> Iterator[RawRow]:
    known = {PurePosixPath(picture).name for picture in named}
    for name in files.glob(images):
        if PurePosixPath(name.rpartition("!")[2]).name not in known:
            yield RawRow({"image": name}, name, None, "no caption names this picture")


def _lines(
    files: Files, name: str, names: Sequence[str] | None, delimiter: str | None, encoding: str | None
) -> Iterator[Line | RawRow]:
    """Each caption, in the form that the file has; a line that holds none as a row that is rejected."""
    if files.is_empty(name):
        raise DataError("the file is empty", where=printable(name))
    if name.lower().removesuffix(".gz").endswith(".json"):
        yield from json_captions(files, name, encoding)
        return
    lines = text_lines(lambda: files.open(name), encoding, where=name)
    first = next((line for line in lines if line.strip()), "")
    if names is None and _NUMBERED.fullmatch(first.rstrip("\r\n")):
        yield from _numbered(files, name, encoding)
    else:
        yield from _table(files, name, names, delimiter, encoding)


def _numbered(files: Files, name: str, encoding: str | None) -> Iterator[Line | RawRow]:
    for number, line in enumerate(text_lines(lambda: files.open(name), encoding, where=name), 1):
        match = _NUMBERED.fullmatch(line.rstrip("\r\n"))
        if match is not None:
            yield number, match["image"].strip(), match["caption"]
        elif line.strip():
            yield RawRow({}, name, number, "the line is no name#number, tab, caption, as the first one is")


def _table(
    files: Files, name: str, names: Sequence[str] | None, delimiter: str | None, encoding: str | None
) -> Iterator[Line | RawRow]:
    from deepdojo.data.readers.csv_reader import read as read_csv
    from deepdojo.data.readers.csv_reader import table_header

    given: dict[str, Any] = {"delimiter": delimiter, "encoding": encoding}
    columns = list(names or ("image", "caption"))
    found = table_header(files, name, **given)
    if len(columns) != 2 or not set(columns) <= set(found):
        raise DataError(
            f"its columns are {', '.join(map(repr, found[:8]))}, and captions need {' and '.join(map(repr, columns))}",
            where=printable(name), todo="give the columns of picture and caption as data.names",
        )  # fmt: skip
    for raw in read_csv(files, name, **given):
        cells = [str(raw.cells.get(column) or "").strip() for column in columns]
        if raw.reject is not None or not cells[0]:
            yield RawRow({}, name, raw.line, raw.reject or "no picture is named")
        else:
            yield raw.line or 0, cells[0], cells[1]
