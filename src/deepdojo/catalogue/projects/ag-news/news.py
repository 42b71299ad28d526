"""AG News: the first training rows of the authors, and the rows of a crowd-sourcing study of the same articles."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator

from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow

CLASSES = ("World", "Sports", "Business", "Sci/Tech")
ENTITY = re.compile(r"&?(#\d+|[a-z]{2,6});")
TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


def read(files: Files, file: str | list[str], crowd: bool = False) -> Iterator[RawRow]:
    """Rows of one file, or of several, one below the other; a text of an earlier file is left out of a later one.

    A record of the authors is class (1 to 4), title, description; one of the study is label (0 to 3, the crowd's), gt
    (0 to 3, the authors'), text, group. Of the two classes only one is read.

    Args:
        crowd: take the crowd's label, of which a fifth is wrong, instead of the authors' class.
    """
    before: set[str] = set()
    for name in [file] if isinstance(file, str) else file:
        own: set[str] = set()
        for line, cells in _records(files, name):
            if len(cells) == 4:
                label, text = int(cells[0 if crowd else 1]), cells[2]
            else:
                label, text = int(cells[0]) - 1, f"{cells[1]} . {cells[2]}"
            own.add(text)
            if text not in before:
                yield RawRow({"text": readable(text), "label": CLASSES[label]}, name, line)
        before |= own


def readable(text: str) -> str:
    """Without what the feed left behind: `#39;` becomes an apostrophe, tags and backslashes a blank."""
    text = ENTITY.sub(lambda found: html.unescape(f"&{found[1]};"), text)
    return re.sub(r"\s+", " ", TAG.sub(" ", text.replace("\\", " "))).strip()


def _records(files: Files, name: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each record, the line in which it begins; the study's file has a header."""
    with io.TextIOWrapper(files.open(name), "utf-8", newline="") as file:
        reader = csv.reader(file)
        began = 1
        for cells in reader:
            if cells != ["label", "gt", "text", "group"]:
                yield began, cells
            began = reader.line_num + 1
