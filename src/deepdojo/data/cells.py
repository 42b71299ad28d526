"""What a table's cells mean: which are missing, which are numbers, how a decimal comma is read, what a text is."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = [
    "LARGEST",
    "MISSING",
    "MISSING_LABELS",
    "as_text",
    "is_infinite",
    "is_missing",
    "parse_number",
    "parse_numbers",
    "parse_plain",
    "plain_number",
]

#: Cells of a record that mean "nothing stands here". Compared after stripping blanks, as they stand (case counts).
MISSING = frozenset({"", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "None", "?", "-", "."})

#: The same for targets. "None", "?", "-" and "." may well be the name of a class, so they stay labels.
MISSING_LABELS = MISSING - {"None", "?", "-", "."}

#: Numbers beyond this count as infinite: their squares and cubes, which mean, spread and loss need, overflow.
LARGEST = 1e100

_INFINITE = frozenset({"inf", "infinity", "∞"})
_EXPONENT = r"(?:[eE][+-]?\d+)?"
# Digit groups are parted by the sign that is not the decimal one, or by a blank, a no-break blank or an apostrophe.
_NUMBER = {
    ".": re.compile(rf"[+-]?(?=\.?\d)(?:\d+|\d{{1,3}}(?:[,'  \u202f]\d{{3}})+)?(?:\.\d*)?{_EXPONENT}"),
    ",": re.compile(rf"[+-]?(?=,?\d)(?:\d+|\d{{1,3}}(?:[.'  \u202f]\d{{3}})+)?(?:,\d*)?{_EXPONENT}"),
}
_GROUPING = re.compile(r"['  \u202f]")


def as_text(cell: Any) -> str | None:
    """Any plain cell as text: JSON's true is "true", 1 and 1.0 are "1", NaN and null are None."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return None if math.isnan(cell) else str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, Mapping | list | tuple):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell)


def is_missing(cell: object) -> bool:
    """True for None, NaN and the words of `MISSING`."""
    if cell is None:
        return True
    if isinstance(cell, str):
        return cell.strip() in MISSING
    return isinstance(cell, float) and math.isnan(cell)


def is_infinite(text: str) -> bool:
    """True for `inf`, `-Infinity`, `1e999` and the like: a number that no model can use."""
    text = text.strip().lstrip("+-").lower()
    if text in _INFINITE or "e" not in text:
        return text in _INFINITE
    plain = plain_number(text)
    return plain is not None and float(plain) > LARGEST


def plain_number(text: str, decimal: str = ".") -> str | None:
    """The number in `text` spelt so that `float` reads it: no digit groups, a decimal point; None when it is no number.

    Args:
        decimal: "." or ",", the sign before the fraction. `1,234.5` with "." and `1.234,5` with "," are both 1234.5.
    """
    text = text.strip()
    if not any(c.isdigit() for c in text) or not _NUMBER[decimal].fullmatch(text):
        return None
    text = _GROUPING.sub("", text)
    if decimal == ",":
        return text.replace(".", "").replace(",", ".")
    return text.replace(",", "")


def parse_number(cell: object, decimal: str = ".") -> float | None:
    """The number in a cell, or None: missing, not a number, NaN, infinity and what is larger than `LARGEST` alike.

    Args:
        cell: raw text, or a number as JSON and Parquet give it.
        decimal: "." or ",", the sign before the fraction.
    """
    if cell is None:
        return None
    if isinstance(cell, str):
        try:  # the common spelling first: this runs once per cell of a table
            value = float(cell) if decimal == "." and "_" not in cell else None
        except ValueError:
            value = None
        if value is None:
            plain = plain_number(cell, decimal)
            if plain is None:
                return None
            value = float(plain)
    else:
        try:
            value = float(cell)  # type: ignore[arg-type]
        except (OverflowError, TypeError, ValueError):  # an integer of JSON beyond all floats; a list
            return None
    return value if abs(value) <= LARGEST else None  # false for NaN too


def parse_numbers(cell: object, decimal: str = ".") -> np.ndarray | None:
    """float64 of an array, of a list (of lists) of numbers, or of a text of them (JSON, or parted by blanks, commas or
    semicolons); what is no number is NaN. None where it is nothing of these, or lists differ in length."""
    if isinstance(cell, str):
        text = cell.strip()
        if text.startswith("["):
            try:
                cell = json.loads(text)
            except (ValueError, RecursionError):
                return None
        else:
            cell = [part for part in re.split(r"[\s;]+" if decimal == "," else r"[\s,;]+", text) if part]
    if isinstance(cell, np.ndarray):
        return cell.astype(np.float64) if cell.dtype.kind in "biuf" else None
    if not isinstance(cell, list | tuple):
        return None
    if any(isinstance(part, list | tuple | np.ndarray) for part in cell):
        rows = [parse_numbers(part, decimal) for part in cell]
        if any(row is None or row.ndim != 1 for row in rows) or len({len(row) for row in rows if row is not None}) != 1:
            return None
        return np.stack([row for row in rows if row is not None])
    found = (parse_number(part, decimal) for part in cell)
    return np.array([math.nan if value is None else value for value in found], dtype=np.float64)


def parse_plain(cells: Sequence[object]) -> np.ndarray | None:
    """(n,) float64 where every cell is a finite number in its common spelling, NaN at None; else None, and the cells
    must be parsed one by one. Faster than `parse_number` on each, and the same numbers.
    """
    kinds = set(map(type, cells))
    texts = cells if kinds == {str} else [cell for cell in cells if type(cell) is str]
    if not kinds <= {str, float, int, type(None)} or "_" in "".join(texts):  # type: ignore[arg-type]
        return None
    missing = cells.count(None) if type(None) in kinds else 0
    given = (math.nan if cell is None else cell for cell in cells) if missing else cells
    try:
        values = np.fromiter(map(float, given), np.float64, len(cells))  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None
    return values if len(values) - int((np.abs(values) <= LARGEST).sum()) == missing else None
