"""Lines of text, cut into columns by the named groups of one regular expression."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from deepdojo.data.encodings import text_lines
from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError, ProjectError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]


def read(
    files: Files,
    file: str | Sequence[str],
    *,
    pattern: str = r"(?P<text>.*)",
    encoding: str | None = None,
    skip: int = 0,
) -> Iterator[RawRow]:
    """One row a line that is not blank; a line that the pattern does not match is rejected.

    Args:
        file: a name, a pattern, or a list of them.
        pattern: matched against the whole line; its named groups are the columns.
        encoding: given, or found.
        skip: lines to leave out at the beginning.

    Raises:
        ProjectError: the pattern is no regular expression or names no group. DataError: a file without lines.
    """
    regex = compiled(pattern, "data.pattern")
    for name in files.expand(file):
        empty = True
        lines = text_lines(lambda n=name: files.open(n), encoding, where=name)  # type: ignore[misc]
        for number, line in enumerate(islice(lines, skip, None), skip + 1):
            text = line.rstrip("\r\n")
            if not text.strip():
                continue
            empty = False
            match = regex.fullmatch(text)
            if match is None:
                yield RawRow({}, name, number, "the line does not match data.pattern")
            else:
                yield RawRow(match.groupdict(), name, number)
        if empty:
            raise DataError("the file is empty", where=name)


def compiled(pattern: str, where: str) -> re.Pattern[str]:
    """A regular expression with named groups. Raises ProjectError."""
    try:
        regex = re.compile(pattern)
    except re.error as error:
        raise ProjectError(f"{pattern!r} is no regular expression ({error})", where=where) from None
    if not regex.groupindex:
        raise ProjectError(f"{pattern!r} names no group", where=where, todo="write (?P<label>...) around a column")
    return regex
