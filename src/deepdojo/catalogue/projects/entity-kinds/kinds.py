"""CoNLL-2003 as several labels a sentence: which kinds of names occur in it. Where they stand is not kept."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain

from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow

KINDS = {"PER": "person", "LOC": "place", "ORG": "organisation", "MISC": "other name"}


def read(files: Files, file: str) -> Iterator[RawRow]:
    """Rows of `word POS chunk tag` lines; an empty line ends a sentence. Articles' first lines are no sentences."""
    words: list[str] = []
    kinds: set[str] = set()
    with io.TextIOWrapper(files.open(file), "utf-8") as opened:
        for line, text in enumerate(chain(opened, [""]), 1):
            cells = text.split()
            if cells and cells[0] != "-DOCSTART-":
                words.append(cells[0])
                kinds |= {KINDS[cells[-1].split("-")[1]]} if cells[-1] != "O" else set()
            elif words:
                yield RawRow({"text": " ".join(words), "labels": sorted(kinds)}, file, line - len(words))
                words, kinds = [], set()
