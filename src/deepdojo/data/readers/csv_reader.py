"""Delimited text. Every cell stays text, so that a training file and a later file to predict are read the same way.

The records are cut by Python's csv module in strict form rather than by DuckDB: it is as fast for text cells, needs no
temporary copy in UTF-8, and a stray quotation mark costs one line with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from deepdojo.data.encodings import text_lines
from deepdojo.data.readers import RawRow
from deepdojo.data.readers.sniff import Found, sniff
from deepdojo.data.readers.tokens import Record, records
from deepdojo.errors import DataError, ProjectError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read", "table_header"]


def read(
    files: Files,
    file: str | Sequence[str],
    *,
    delimiter: str | None = None,
    quote: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    header: bool = True,
    names: Sequence[str] | None = None,
    skip: int = 0,
    beside: Sequence[Mapping[str, Any]] = (),
) -> Iterator[RawRow]:
    """One row a record.

    Args:
        file: a name, a pattern, or a list of them: files that stand below one another.
        delimiter, quote, decimal, encoding: given, or found for each file (`sniff`).
        header: whether the first record (after `skip` lines) holds the names.
        names: names of the columns; with `header` they replace those of the file. Without both: "0", "1", ...
        beside: more tables whose columns stand beside these, each with the options above; record k belongs to record k.

    Raises:
        DataError: a file that is empty, holds a header only or doubles a name; tables of unequal length.
    """
    options = {
        "delimiter": delimiter,
        "quote": quote,
        "decimal": decimal,
        "encoding": encoding,
        "header": header,
        "names": names,
        "skip": skip,
    }
    if not beside:
        for name in files.expand(file):
            yield from _Table(files, name, options).rows()
        return
    yield from _side_by_side(
        [_tables(files, file, options), *(_tables(files, b["file"], b) for b in map(dict, beside))]
    )


def table_header(files: Files, file: str, **options: Any) -> list[str]:
    """The names of a file's columns. Options as in `read`."""
    return _Table(files, file, {k: v for k, v in options.items() if k not in ("file", "beside")}).names


def _tables(files: Files, file: str | Sequence[str], options: Mapping[str, Any]) -> list[_Table]:
    own = {k: v for k, v in options.items() if k != "file"}
    for key in own:
        if key not in _OPTIONS:
            raise ProjectError(f"a table beside another has no option {key!r}", where="data.beside")
    return [_Table(files, name, own) for name in files.expand(file)]


_OPTIONS = ("delimiter", "quote", "decimal", "encoding", "header", "names", "skip")


class _Table:
    """One file: what was found, its names and its records."""

    def __init__(self, files: Files, file: str, options: Mapping[str, Any]) -> None:
        self.files, self.file = files, file
        self.header: bool = options.get("header", True)
        self.skip: int = options.get("skip", 0) or 0
        self.given: Sequence[str] | None = options.get("names")
        if files.is_empty(file):
            raise DataError("the file is empty", where=file, todo="export it again")
        kept = {k: options.get(k) for k in ("delimiter", "quote", "decimal", "encoding")}
        self.found: Found = sniff(files, file, header=self.header, skip=self.skip, **kept)
        self.names = self._names()

    def records(self, width: int | None) -> Iterator[Record]:
        lines = text_lines(lambda: self.files.open(self.file), self.found.encoding, where=self.file)
        for record in records(islice(lines, self.skip, None), self.found.dialect, width):
            record.line += self.skip
            yield record

    def _names(self) -> list[str]:
        first = next((r for r in self.records(None) if r.cells or r.fault), None)
        if first is None:
            raise DataError("the file holds no line", where=self.file)
        where = f"{self.file}:{first.line}"
        if first.fault:
            raise DataError(f"the first line cannot be read: {first.fault}", where=where)
        names = [str(i) for i in range(len(first.cells))]
        if self.header:
            names = [name.strip() or f"column {i + 1}" for i, name in enumerate(first.cells)]
        if self.given is not None:
            if len(self.given) != len(names):
                raise DataError(
                    f"the file has {len(names)} columns, and `names` gives {len(self.given)}",
                    where=where,
                    todo="mend data.names",
                )
            names = [str(name) for name in self.given]
        doubled = [name for name, count in Counter(names).items() if count > 1]
        if doubled:
            shown = ", ".join(repr(name) for name in doubled[:5])
            raise DataError(
                f"more than one column is named {shown}",
                where=where,
                todo="rename them, or give all names as data.names",
            )
        return names

    def raw(self, *, blank_counts: bool) -> Iterator[RawRow]:
        """All records after the header; empty lines are rows when `blank_counts` or when there is one column only."""
        width = len(self.names)
        names, file, decimal = self.names, self.file, self.found.decimal
        blanks: list[int] = []
        header = self.header
        for record in self.records(width):
            cells = record.cells
            if not cells and record.fault is None:
                blanks.append(record.line)
                continue
            if header:
                header = False
                blanks.clear()
                continue
            if blanks:
                if blank_counts or width == 1:
                    yield from (RawRow({}, file, line, "the line is empty", decimal) for line in blanks)
                blanks.clear()
            if record.fault is not None:
                yield RawRow({}, file, record.line, record.fault, decimal)
            elif len(cells) == width + 1 and not cells[-1].strip():  # a delimiter at the end of each line
                yield RawRow(dict(zip(names, cells[:-1], strict=True)), file, record.line, None, decimal)
            elif len(cells) != width:
                yield RawRow({}, file, record.line, _ragged(len(cells), width), decimal)
            else:
                yield RawRow(dict(zip(names, cells, strict=True)), file, record.line, None, decimal)

    def rows(self) -> Iterator[RawRow]:
        empty = True
        for row in self.raw(blank_counts=False):
            empty = False
            yield row
        if empty:
            blank = not any(self.names) or self.names == ["column 1"]
            what = "the file holds blank lines only" if blank else "the file has a header but no rows"
            raise DataError(what, where=self.file, todo="export it again")


def _ragged(got: int, wanted: int) -> str:
    return f"the line has {got} cell{'s' if got != 1 else ''}, {wanted} {'are' if wanted != 1 else 'is'} expected"


def _side_by_side(tables: Sequence[Sequence[_Table]]) -> Iterator[RawRow]:
    columns = [chain.from_iterable(t.raw(blank_counts=True) for t in below) for below in tables]
    labels = [below[0].file for below in tables]
    seen: dict[str, str] = {}
    for below in tables:
        for name in below[0].names:
            if name in seen:
                raise DataError(
                    f"{seen[name]} and {below[0].file} both have a column {name!r}", todo="rename one with data.names"
                )
            seen[name] = below[0].file
    counts = [0] * len(columns)
    while True:
        rows = [next(column, None) for column in columns]
        for i, row in enumerate(rows):
            counts[i] += row is not None
        present = [row for row in rows if row is not None]
        if not present:
            break
        if len(present) < len(rows):
            for i, column in enumerate(columns):
                counts[i] += sum(1 for _ in column)
            said = ", ".join(f"{label} has {count}" for label, count in zip(labels, counts, strict=True))
            raise DataError(f"the files stand side by side but have unequal numbers of rows: {said}")
        yield _joined(present)
    if not any(counts):
        raise DataError("the files have headers but no rows", where=labels[0])


def _joined(rows: Sequence[RawRow]) -> RawRow:
    first = rows[0]
    for row in rows:
        if row.reject is not None:
            reason = row.reject if row is first else f"{row.reject} (line {row.line} of {row.file})"
            return RawRow({}, first.file, first.line, reason, first.decimal)
    cells: dict[str, Any] = {}
    decimals: dict[str, str] = {}
    for row in rows:
        cells.update(row.cells)
        if row.decimal != first.decimal:
            decimals.update(dict.fromkeys(row.cells, row.decimal))
    return RawRow(cells, first.file, first.line, None, first.decimal, decimals or None)
