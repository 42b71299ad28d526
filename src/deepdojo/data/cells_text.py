"""Cells that are texts: one of several columns, one whose every blank counts, words, a list of texts."""

from __future__ import annotations

from contextlib import suppress

from deepdojo.contracts import KindName
from deepdojo.data.cells import as_text
from deepdojo.data.json_text import load_json
from deepdojo.data.raw_columns import Make, RawColumns, Reject, reject
from deepdojo.data.readers import RawRow

__all__ = ["exact_text_cells", "text_cells", "texts_of", "words_cells"]


def text_cells(columns: RawColumns, role: str) -> Make:
    """A text; of several columns their texts with a blank between."""
    given = columns.spec.columns.get(role)
    names = given if isinstance(given, list) else [columns.of(role)]

    def make(raw: RawRow) -> str:
        parts = [as_text(columns.cell(raw, name)) for name in names]
        text = " ".join(part for part in parts if part and part.strip())
        if not text.strip():
            raise Reject(f"the {role} is empty")
        return text

    return make


def exact_text_cells(columns: RawColumns, role: str) -> Make:
    """A text with its blanks and line ends, every one of which counts. Beside the first a column may be absent."""
    column, needed = columns.of(role), role == columns.contract.input

    def make(raw: RawRow) -> str:
        text = as_text(columns.cell(raw, column) if needed else raw.cells.get(column)) or ""
        return text if text or not needed else reject(f"the {role} is empty")

    return make


def words_cells(columns: RawColumns, role: str, kind: KindName) -> Make:
    """A list of texts: the reader's, a text parted at blanks (tokens), a JSON list or one text (texts)."""
    column = columns.of(role)

    def make(raw: RawRow) -> list[str]:
        cell = columns.cell(raw, column)
        if isinstance(cell, list | tuple):
            parts = [as_text(part) or "" for part in cell]
        else:
            text = as_text(cell) or ""
            parts = text.split() if kind == "tokens" else texts_of(text)
        if not any(part.strip() for part in parts):
            raise Reject(f"the {role} are empty")
        if kind == "tokens" and any(not part or " " in part for part in parts):
            raise Reject(f"one of the {role} is empty or holds a blank")
        return parts

    return make


def texts_of(text: str) -> list[str]:
    """Several texts of a JSON list, else one."""
    if text.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            found = load_json(text)
            if isinstance(found, list) and all(isinstance(part, str) for part in found):
                return found
    return [text]
