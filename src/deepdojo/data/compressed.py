"""Compressed files read as what is in them: `.gz`, `.bz2`, `.xz`."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

from deepdojo.errors import DataError, SourceError

__all__ = ["SUFFIXES", "compression", "decompressed", "sha256_of_content"]


AT_ONCE_BYTES = 1 << 18

_OPENED: Mapping[str, Callable[[BinaryIO], Any]] = {
    ".gz": lambda raw: gzip.GzipFile(fileobj=raw, mode="rb"),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}
SUFFIXES = tuple(_OPENED)


def compression(name: str) -> str | None:
    """The ending that says how a file is compressed; None for plain files and for archives."""
    ending = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), None)
    return None if ending is None or name.lower().endswith(f".tar{ending}") else ending


def decompressed(raw: BinaryIO, ending: str, name: str) -> BinaryIO:
    """What is in an open compressed file, which is closed with it. Reading raises DataError where it is broken."""
    return io.BufferedReader(_Unpacked(_OPENED[ending](raw), raw, name), AT_ONCE_BYTES)  # type: ignore[type-var]


def sha256_of_content(path: Path) -> str:
    """SHA-256 of what is in a compressed file. Raises SourceError where it cannot be read."""
    ending = compression(path.name)
    assert ending is not None
    try:
        with path.open("rb") as raw, decompressed(raw, ending, path.name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except (OSError, DataError) as error:
        raise SourceError(f"cannot be read ({error})", where=str(path)) from None


class _Unpacked(io.RawIOBase):
    def __init__(self, inner: IO[bytes], raw: BinaryIO, name: str) -> None:
        self.inner, self.raw, self.shown = inner, raw, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        try:
            data = self.inner.read(len(buffer))
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise DataError(
                f"the compressed file is broken ({error})", where=self.shown, todo="download it again"
            ) from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        super().close()
        self.inner.close()
        self.raw.close()
