"""Lines of delimited text -> records with their line numbers; a broken record costs itself and no other."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Dialect", "Record", "records"]

_RECORD_CHARS = 1 << 24  # a quoted cell that runs on for longer than this was never closed
_SWALLOWED_LINES = 5


@dataclass(frozen=True)
class Dialect:
    """How cells are parted. `delimiter` None: one column. `quote` "" : quotation marks are ordinary characters."""

    delimiter: str | None = ","
    quote: str = '"'
    escape: str | None = None
    skip_blank: bool = False

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            delimiter=self.delimiter or "\x1f",
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape,
            doublequote=True,
            skipinitialspace=self.skip_blank,
            strict=True,
        )


@dataclass(slots=True)
class Record:
    """One record. `cells` is [] for an empty line; `fault` says why it cannot be read."""

    line: int
    cells: list[str]
    fault: str | None = None


class _Tape:
    """Lines for `csv.reader` that can be wound back to just after the line where a broken record began."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = iter(lines)
        self.waiting: deque[str] = deque()
        self.taken: list[str] = []
        self.chars = 0
        self.next_line = 1
        self.too_long = False

    def __iter__(self) -> _Tape:
        return self

    def __next__(self) -> str:
        if self.chars > _RECORD_CHARS:
            self.too_long = True
            raise StopIteration
        line = self.waiting.popleft() if self.waiting else next(self.lines)
        self.taken.append(line)
        self.chars += len(line)
        return line

    def accept(self) -> int:
        """The line where the record just read began; forgets its text."""
        start = self.next_line
        self.next_line += len(self.taken)
        self.taken.clear()
        self.chars = 0
        return start

    def rewind(self) -> int:
        """As `accept`, but all lines after the first are given out again."""
        start = self.next_line
        self.next_line += 1
        self.waiting.extendleft(reversed(self.taken[1:]))
        self.taken.clear()
        self.chars = 0
        self.too_long = False
        return start


def records(lines: Iterable[str], dialect: Dialect, width: int | None = None) -> Iterator[Record]:
    """Records of a text, in order, streaming.

    A quotation mark that is never closed, or that swallows lines which are records themselves, rejects the line
    where it stands; reading goes on with the next line.

    Args:
        width: expected number of cells; only used to recognise swallowed lines.
    """
    if csv.field_size_limit() < _RECORD_CHARS:
        csv.field_size_limit(_RECORD_CHARS)
    tape = _Tape(lines)
    reader = dialect.reader(tape)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            if tape.taken:  # the tape stopped inside a record
                yield Record(tape.rewind(), [], _UNCLOSED)
                reader = dialect.reader(tape)
                continue
            return
        except csv.Error as error:
            yield Record(tape.rewind(), [], _reason(str(error), dialect))
            reader = dialect.reader(tape)
            continue
        if len(tape.taken) > _SWALLOWED_LINES and _swallowed(tape.taken[1:-1], dialect, width or len(cells)):
            yield Record(tape.rewind(), [], _UNCLOSED)
            reader = dialect.reader(tape)
            continue
        yield Record(tape.accept(), cells)


_UNCLOSED = "a quotation mark opens a cell and is never closed"


def _reason(message: str, dialect: Dialect) -> str:
    if "unexpected end of data" in message or "field larger" in message:
        return _UNCLOSED
    if "expected after" in message:
        return f"text follows a closing quotation mark ({dialect.quote})"
    if "new-line character" in message:
        return "a carriage return stands inside a cell without quotation marks"
    return message


def _swallowed(inner: list[str], dialect: Dialect, width: int) -> bool:
    """True when most lines inside a quoted cell are whole records: the quotation mark was a stray one."""
    if width < 2:
        return False
    whole = 0
    for line in inner:
        try:
            whole += len(next(dialect.reader([line]), [])) == width
        except csv.Error:
            continue
    return whole >= 0.9 * len(inner)
