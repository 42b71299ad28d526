"""What a delimited file says about itself: encoding, delimiter, quoting, decimal sign. Found on its first 256 kB."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from deepdojo.data.encodings import detect_encoding, text_lines
from deepdojo.data.readers.tokens import Dialect, Record, records

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["Found", "sniff"]

_SAMPLE_CHARS = 1 << 18
_SAMPLE_RECORDS = 2000
_DELIMITERS = (",", ";", "\t", "|")
_QUOTINGS = (('"', None), ('"', "\\"), ("", None))
_COMMA_FRACTION = re.compile(r"[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:[.]\d{3})+,\d*|0\d*,\d+)(?:[eE][+-]?\d+)?")
_COMMA_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")
_POINT_FRACTION = re.compile(r"[+-]?\d*(?:,\d{3})*\.\d+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Found:
    """How one file is written. `dojo new` writes these into project.toml, where they are then authoritative."""

    encoding: str
    dialect: Dialect
    decimal: str

    def options(self) -> dict[str, str]:
        """As options of the csv reader; the usual ones (UTF-8, comma, double quotes, point) are left out."""
        options: dict[str, str] = {}
        if self.encoding not in ("utf-8", "utf-8-sig"):
            options["encoding"] = self.encoding
        if self.dialect.delimiter not in (",", None):
            options["delimiter"] = self.dialect.delimiter or ","
        if self.dialect.quote != '"':
            options["quote"] = self.dialect.quote
        if self.decimal != ".":
            options["decimal"] = self.decimal
        return options


def sniff(
    files: Files,
    file: str,
    *,
    delimiter: str | None = None,
    quote: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    header: bool = True,
    skip: int = 0,
) -> Found:
    """Looks at the beginning of a file; what is given is kept.

    The delimiter is the one of `, ; tab |` (a blank if none of these parts anything) that cuts most records into as
    many cells as the first; quoting is what makes the fewest records faulty; a decimal comma is believed when cells
    such as `3,5` occur and none with a point do.
    """
    encoding = encoding or detect_encoding(lambda: files.open(file), where=file)
    lines: list[str] = []
    size = 0
    for line in islice(text_lines(lambda: files.open(file), encoding, where=file), skip, None):
        lines.append(line)
        size += len(line)
        if size > _SAMPLE_CHARS:
            lines.pop() if len(lines) > 1 else None  # it may be cut short
            break
    dialect = _dialect(lines, delimiter, quote, header)
    if decimal is None:
        cells = [r.cells for r in islice(records(lines, dialect), 1 if header else 0, _SAMPLE_RECORDS)]
        decimal = _decimal(cells, dialect.delimiter)
    return Found(encoding, dialect, decimal)


def _dialect(lines: Sequence[str], delimiter: str | None, quote: str | None, header: bool) -> Dialect:
    base = Dialect(delimiter, '"' if quote is None else quote)
    if delimiter is None:
        base = replace(base, delimiter=_delimiter(lines, base.quote, header))
    if quote is None:
        base = _quoting(lines, base)
    first = lines[0] if lines else ""
    padded = f"{base.delimiter} "
    if base.delimiter in _DELIMITERS and base.delimiter in first:
        base = replace(base, skip_blank=first.count(padded) == first.count(base.delimiter or ""))
    if base.delimiter == " ":
        base = replace(base, skip_blank=True)
    return base


def _widths(lines: Sequence[str], dialect: Dialect) -> list[int]:
    return [len(r.cells) for r in islice(records(lines, dialect), _SAMPLE_RECORDS) if r.cells and r.fault is None]


def _delimiter(lines: Sequence[str], quote: str, header: bool) -> str | None:
    best: tuple[float, int] = (0.0, 0)
    chosen: str | None = None
    for candidate in (*_DELIMITERS, " "):
        if candidate == " " and chosen is not None:
            break
        widths = _widths(lines, Dialect(candidate, quote, skip_blank=candidate == " "))
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        if header:  # the header decides how many cells there are; rows may end in one delimiter more
            width = widths[0]
            count = sum(w == width or (w == width + 1 > 2) for w in widths)
        share = round(count / len(widths), 1)
        if width >= 2 and (share, width) > best and share >= (1.0 if candidate == " " else 0.3):
            best, chosen = (share, width), candidate
    return chosen


def _quoting(lines: Sequence[str], base: Dialect) -> Dialect:
    if not any('"' in line for line in lines):
        return base
    scored = []
    for order, (quote, escape) in enumerate(_QUOTINGS):
        dialect = replace(base, quote=quote, escape=escape)
        found = list(islice(records(lines, dialect), _SAMPLE_RECORDS))
        if not quote and _mostly_closed(found):
            continue
        width = Counter(len(r.cells) for r in found if r.fault is None).most_common(1)
        bad = sum(1 for r in found if r.fault is not None or (width and len(r.cells) not in (0, width[0][0])))
        good = len(found) - bad
        # Without quotation marks a record of several lines falls into many: more good ones are then no merit.
        scored.append((bad / max(1, bad + good), order, dialect))
    return min(scored, key=lambda s: (round(s[0], 3), s[1]))[2]


def _mostly_closed(found: Sequence[Record]) -> bool:
    """Cells that begin with a quotation mark end with one: a few broken lines do not make the marks ordinary signs."""
    opened = [cell for record in found for cell in record.cells if cell.startswith('"')]
    return bool(opened) and 2 * sum(len(cell) > 1 and cell.endswith('"') for cell in opened) >= len(opened)


def _decimal(rows: Sequence[Sequence[str]], delimiter: str | None) -> str:
    comma = point = thousands = 0
    for row in rows:
        for cell in row:
            if "," in cell:
                text = cell.strip()
                comma += _COMMA_FRACTION.fullmatch(text) is not None
                thousands += _COMMA_THOUSANDS.fullmatch(text) is not None
            elif "." in cell:
                point += _POINT_FRACTION.fullmatch(cell.strip()) is not None
    if comma > point:
        return ","
    # `1,234` alone says nothing; a file parted by semicolons was most likely written where the comma is decimal.
    return "," if delimiter == ";" and thousands and not point else "."
