"""Lines that fit a terminal: words stay whole, Chinese signs may be parted, closing marks never begin a line."""

from __future__ import annotations

import unicodedata

__all__ = ["columns", "fit", "ranges"]

_CLOSING = set("，。；：！？）】》”’、,.;:!?)]}")
_OPENING = set("（【《“‘([{")


def columns(text: str) -> int:
    """Columns of a terminal: wide signs take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_size, text))


def fit(line: str, width: int, *, indent: int | None = None) -> list[str]:
    """`line` in pieces of at most `width` columns.

    Args:
        indent: blanks before the pieces after the first; default: two more than the line begins with.
    """
    if columns(line) <= width:
        return [line]
    start = len(line) - len(line.lstrip(" "))
    pad = " " * min(start + 2 if indent is None else indent, width // 2)
    first, *rest = ranges(line, width, width - len(pad))
    return [line[slice(*first)], *(pad + line[slice(*each)] for each in rest)]


def ranges(text: str, first: int, later: int) -> list[tuple[int, int]]:
    """Where each piece of `text` begins and ends: the first has `first` columns at most, the others `later`."""
    found: list[tuple[int, int]] = []
    begin, room = 0, max(first, 2)
    while begin < len(text):
        end = _end(text, begin, room)
        found.append((begin, begin + len(text[begin:end].rstrip(" "))))
        begin = end
        while begin < len(text) and text[begin] == " ":
            begin += 1
        room = max(later, 2)
    return found or [(0, 0)]


def _end(text: str, begin: int, room: int) -> int:
    used, last = 0, begin
    for at in range(begin, len(text)):
        if at > begin and _may_part(text, at) and text[begin:at].strip():
            last = at
        used += _size(text[at])
        if used > room and text[at] != " ":
            return last if last > begin else max(at, begin + 1)
    return len(text)


def _may_part(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if before == " ":
        return True
    if after == " " or after in _CLOSING or before in _OPENING:
        return False
    return _size(before) == 2 or _size(after) == 2


def _size(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1
