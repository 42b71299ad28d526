"""One word a line, its columns beside it, an empty line after each sentence: CoNLL's files, one row a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from deepdojo.data.encodings import text_lines
from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["DOCUMENT", "read"]

DOCUMENT = "document"
"""The column that says which document a sentence is of."""
_BEGINS = "-DOCSTART-"
_BLANKS = re.compile(r"[ \t]+")


def read(
    files: Files,
    file: str | Sequence[str],
    *,
    names: Sequence[str] | None = None,
    delimiter: str | None = None,
    comment: str | None = None,
    encoding: str | None = None,
) -> Iterator[RawRow]:
    """One row a sentence: each column is the list of its words' cells.

    A line without anything but blanks ends a sentence. A line whose first cell is -DOCSTART- begins a document: the
    column `document` holds the file's name and the document's number; a sentence outside documents is its own. A
    sentence with a line of too few columns is rejected at that line; without `names` also one of too many.

    Args:
        file: a name, a pattern, or a list of them.
        names: the columns from the first on; what a line has beyond them is left out. Default: 1, 2, 3, ..., as many
            as the file's first line has.
        delimiter: the sign between cells. Default: any number of blanks and tabs.
        comment: lines that begin with it are left out. Default: there are none, for # is a word, too.
        encoding: given, or found.

    Raises:
        DataError: a file without words.
    """
    for name in files.expand(file):
        sentence = _Sentence(name, list(names) if names else [])
        documents = count = 0
        lines = text_lines(lambda n=name: files.open(n), encoding, where=name)  # type: ignore[misc]
        for number, line in enumerate(lines, 1):
            text = line.rstrip("\r\n")
            if comment and text.startswith(comment):
                continue
            cells = _cells(text, delimiter)
            begins = bool(cells) and cells[0] == _BEGINS
            if cells and not begins:
                sentence.add(number, cells)
                continue
            if sentence.begin:
                count += 1
                yield sentence.row(documents, count)
            documents += begins
        if sentence.begin:
            count += 1
            yield sentence.row(documents, count)
        if not count:
            raise DataError("the file is empty", where=name)


def _cells(text: str, delimiter: str | None) -> list[str]:
    """[] for a line of nothing but blanks. Signs that are blanks elsewhere, such as U+3000, are words here."""
    bare = text.strip(" \t")
    if not bare:
        return []
    return _BLANKS.split(bare) if delimiter is None else [cell.strip(" ") for cell in text.split(delimiter)]


class _Sentence:
    """The lines of the sentence under way."""

    def __init__(self, file: str, names: list[str]) -> None:
        self.file, self.names, self.named = file, names, bool(names)
        self.begin, self.fault, self.lines = 0, None, []  # type: int, tuple[int, str] | None, list[list[str]]

    def add(self, number: int, cells: list[str]) -> None:
        self.names = self.names or [str(i + 1) for i in range(len(cells))]
        self.begin = self.begin or number
        if self.fault is None and (len(cells) < len(self.names) or (len(cells) > len(self.names) and not self.named)):
            columns, wanted = f"{len(cells)} column{'s' if len(cells) != 1 else ''}", ", ".join(self.names)
            self.fault = number, f"the line has {columns}, {len(self.names)} are needed ({wanted})"
            if len(cells) > len(self.names):
                self.fault = number, f"the line has {columns}, the first line has {len(self.names)}"
        self.lines.append(cells)

    def row(self, document: int, number: int) -> RawRow:
        """The row, and begins the next sentence. `number`: the sentence's in its file."""
        begin, fault, lines = self.begin, self.fault, self.lines
        self.begin, self.fault, self.lines = 0, None, []
        if fault is not None:
            return RawRow({}, self.file, *fault)
        cells: dict[str, object] = {name: [line[i] for line in lines] for i, name in enumerate(self.names)}
        own = f"{self.file}:{document}" if document else f"{self.file}:sentence {number}"
        return RawRow({**cells, DOCUMENT: own}, self.file, begin)
