"""Which columns of a table may be inputs: those that hold free text, names of pictures, ids, one value alone."""

from __future__ import annotations

from deepdojo.data.column_facts import ColumnFacts
from deepdojo.data.infer.reading import TableFile
from deepdojo.data.infer.table_id import like_id
from deepdojo.data.infer.text import image_cells, text_facts

__all__ = ["DISTINCT", "FREE_WORDS", "LONG_WORDS", "Inputs"]

LONG_WORDS, FREE_WORDS, DISTINCT = 12.0, 4.0, 0.6
"""Words in the mean that make a text long (enough to count beside other columns) or free; share of different ones."""


class Inputs:
    """The columns that may be inputs: which hold free text, file names of images, ids, one value."""

    def __init__(self, table: TableFile, facts: dict[str, ColumnFacts], names: list[str]) -> None:
        self.names = names
        self.constant = [n for n in names if facts[n].distinct == 1 and not facts[n].missing and table.n > 1]
        self.texts = {n: text_facts(table.column(n)) for n in names if not facts[n].numeric}
        self.unique = [n for n in names if like_id(table, n, facts[n])]
        self.ids = [n for n in self.unique if n not in self.texts or self.texts[n].words < FREE_WORDS]
        self.images = {n: cell for n in names if (cell := image_cells(table, n)) is not None}
        left = [n for n in names if n not in self.constant]
        self.rest = [n for n in left if n not in self.ids] or left
        free = [n for n in self.rest if n in self.texts and self.texts[n].free(FREE_WORDS, DISTINCT)]
        self.text = max(free, key=lambda n: self.texts[n].signs, default=None)
        if self.text is None and len(left) == 1 and left[0] in self.texts and self.texts[left[0]].distinct >= DISTINCT:
            self.text = left[0]
        if len(self.rest) == 1 and self.text is None and self.rest[0] in self.texts and table.n >= 20:
            self.text = self.rest[0] if self.texts[self.rest[0]].distinct >= DISTINCT else None
