"""Which encoding a text file has, decided from all its bytes; and its lines, cut at newlines and nowhere else."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from deepdojo.errors import DataError

__all__ = ["detect_encoding", "text_lines"]

_BLOCK_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 16
_BOMS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_BINARY = [
    (b"PK\x03\x04", "a zip archive or an Excel file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%PDF", "a PDF file"),
    (b"SQLite format 3", "an SQLite database"),
]
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")


def detect_encoding(opened: Callable[[], BinaryIO], *, where: str | None = None) -> str:
    """The name of a codec that decodes every byte of the file.

    A byte-order mark decides; then NUL bytes at every other place (UTF-16); then UTF-8 if the whole file is; then
    GB18030 if its bytes pair up as Chinese text does; else Windows-1252, or Latin-1 where that has no sign for a byte.

    Args:
        opened: gives the file from its beginning, each time it is called.
        where: the file's name, for messages.

    Raises:
        DataError: the file begins as one of a kind that is no text does.
    """
    with opened() as file:
        head = file.read(_SAMPLE_BYTES)
    for mark, kind in _BINARY:
        if head.startswith(mark):
            todo = "export it as CSV, or give the name the ending of its kind"
            raise DataError(f"this is no text, but {kind}", where=where, todo=todo)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    wide = _utf16_without_mark(head)
    if wide is not None:
        return wide
    if _decodes(opened, "utf-8"):
        return "utf-8"
    high = _high_bytes(opened)
    if _pairs_up(high) and _decodes(opened, "gb18030"):
        return "gb18030"
    return "cp1252" if _decodes(opened, "cp1252") else "latin-1"


def _utf16_without_mark(head: bytes) -> str | None:
    even, odd = head[0::2].count(0), head[1::2].count(0)
    quarter = (
        len(head) // 8
    )  # text of Latin letters has a NUL in nearly every pair; binary files have them at both places
    if odd > quarter and even * 20 < odd:
        return "utf-16-le"
    if even > quarter and odd * 20 < even:
        return "utf-16-be"
    return None


def _decodes(opened: Callable[[], BinaryIO], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with opened() as file:
        try:
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _high_bytes(opened: Callable[[], BinaryIO]) -> list[bytes]:
    runs: list[bytes] = []
    with opened() as file:
        while len(runs) < 20_000 and (block := file.read(_BLOCK_BYTES)):
            runs += _HIGH_RUN.findall(block)
    return runs


def _pairs_up(runs: list[bytes]) -> bool:
    """Chinese in GB18030 stands in runs of an even number of high bytes; accented Latin letters stand alone."""
    even = sum(1 for run in runs if len(run) % 2 == 0)
    return bool(runs) and even >= 0.9 * len(runs) and sum(map(len, runs)) >= 3 * len(runs)


def text_lines(opened: Callable[[], BinaryIO], encoding: str | None, *, where: str) -> Iterator[str]:
    """The lines of a text file with their newlines, cut at `\\n` only (at `\\r` only if the file has no `\\n` at all).

    `str.splitlines` would also cut at \\x85 and \\u2028, which stand inside sentences of real files.

    Raises:
        DataError: the bytes do not fit the encoding that was asked for, or the encoding has no such name.
    """
    name = encoding or detect_encoding(opened, where=where)
    try:
        codecs.lookup(name)
    except LookupError:
        raise DataError(f"there is no encoding {name!r}", where=where, todo="try utf-8, latin-1 or gb18030") from None
    with opened() as file:
        head = file.read(_SAMPLE_BYTES)
    newline = "\r" if b"\r" in head and b"\n" not in head else "\n"
    with opened() as file, io.TextIOWrapper(io.BufferedReader(file), encoding=name, newline=newline) as text:  # type: ignore[type-var]
        try:
            first = True
            for line in text:
                yield line.removeprefix("\ufeff") if first else line
                first = False
        except (UnicodeDecodeError, UnicodeError) as error:
            raise DataError(
                f"the file is not {name}: {error}", where=where, todo="give the right one as data.encoding"
            ) from None
