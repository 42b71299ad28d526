"""Running text: consecutive blocks of each file, with the text that stands before them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from deepdojo.data.encodings import text_lines
from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError, ProjectError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["TEXTS", "read"]

TEXTS = "**/*.{txt,md,text,tokens}"
"""What counts as a text in a folder."""
STRETCH = 10
_AT_ONCE = 1 << 16


def read(
    files: Files,
    file: str | Sequence[str],
    *,
    start: float = 0.0,
    stop: float = 1.0,
    block_chars: int = 1000,
    context_chars: int = 1000,
    encoding: str | None = None,
) -> Iterator[RawRow]:
    """One row a block, in the order of the text; cells `text`, `context`, `file` and `stretch`.

    A block ends after a line end where one lies in its second half, else after a blank there, else in the middle of a
    word. The blocks of a file, one after the other, are its characters from int(start n) to int(stop n), none left out
    and none changed: nanoGPT's split is stop = 0.9 to learn from and start = 0.9 to be tested on. The context of a
    block is what stands before it in the file, also where that belongs to another part. Ten blocks in a row are a
    stretch: neighbours are of one scene or article, so `split.group = "stretch"` lets intervals draw stretches.

    Memory: a block, its context and the longest line.

    Args:
        file: a name, a pattern, or a list of them.
        start, stop: shares of each file's characters.
        block_chars: characters of a block at most.
        context_chars: characters of its context at most.
        encoding: given, or found.

    Raises:
        DataError: an empty file, one that holds NUL characters, or one that is not of the encoding given.
        ProjectError: nothing lies between start and stop.
    """
    if start >= stop:
        raise ProjectError(f"from {start:g} to {stop:g} there is no text", where="data.start", todo="let it end later")
    for name in files.expand(file):
        if files.is_empty(name):
            raise DataError("the file is empty", where=name)
        first, last = 0, None
        if (start, stop) != (0.0, 1.0):
            n = sum(map(len, _lines(files, name, encoding)))
            first, last = int(start * n), int(stop * n)
        text = _between(_lines(files, name, encoding), first, last, context_chars)
        yield from _blocks(text, name, first, block_chars, context_chars)


def _lines(files: Files, name: str, encoding: str | None) -> Iterator[str]:
    for line in text_lines(lambda: files.open(name), encoding, where=name):
        if "\0" in line:
            raise DataError("this is no text: it holds NUL characters", where=name, todo="give a text file")
        yield line


def _between(lines: Iterator[str], first: int, last: int | None, context_chars: int) -> Iterator[tuple[str, str, int]]:
    """(context, text, line number) of the characters from `first` to `last`: line by line, the first with its
    context."""
    at, before = 0, ""
    for number, line in enumerate(lines, 1):
        end = at + len(line)
        if end > first and (last is None or at < last):
            begin = max(0, first - at)
            cut = line[begin : None if last is None else last - at]
            if cut:
                yield (before + line[:begin])[-context_chars:] if context_chars else "", cut, number
        if end <= first:
            before = (before + line)[-context_chars:] if context_chars else ""
        at = end


def _blocks(
    pieces: Iterator[tuple[str, str, int]], name: str, at: int, size: int, context_chars: int
) -> Iterator[RawRow]:
    """`at`: the place of the first character in the file."""
    context, waiting, stretch = None, "", ""
    line = number = 0

    def row(text: str) -> RawRow:
        nonlocal at, context, line, number, stretch
        stretch = stretch if number % STRETCH else f"{name}@{at}"
        cells = {"text": text, "context": context, "file": name, "stretch": stretch}
        made = RawRow(cells, name, line)
        context = ((context or "") + text)[-context_chars:] if context_chars else ""
        at, line, number = at + len(text), line + text.count("\n"), number + 1
        return made

    for before, piece, begun in pieces:
        if context is None:
            context, line = before, begun
        for start in range(0, len(piece), _AT_ONCE):  # a line may be the whole file
            waiting += piece[start : start + _AT_ONCE]
            while len(waiting) > size:
                end = _end(waiting, size)
                yield row(waiting[:end])
                waiting = waiting[end:]
    if waiting:
        yield row(waiting)


def _end(text: str, size: int) -> int:
    for sign in ("\n", " "):
        end = text.rfind(sign, size // 2, size) + 1
        if end > 0:
            return end
    return size
