"""One digest over many lines in order, without holding them."""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from hashlib import sha256
from itertools import islice
from typing import IO, Any

from deepdojo.tables import media_bytes

__all__ = ["digest_of_lines", "line_of"]

_AT_ONCE = 100_000


def digest_of_lines(lines: Iterable[str]) -> str:
    """SHA-256 over the sorted lines (ASCII, without line ends), one below the other.

    Cost: 100,000 lines in memory; more are sorted in parts, in temporary files.
    """
    stream = iter(lines)
    total, first = sha256(), True
    with ExitStack() as stack:
        parts: list[Iterator[str]] = []
        while block := sorted(islice(stream, _AT_ONCE)):
            if len(block) < _AT_ONCE and not parts:
                return sha256("\n".join(block).encode("ascii")).hexdigest()
            file = stack.enter_context(tempfile.TemporaryFile("w+", encoding="ascii", newline="\n"))
            parts.append(_written(file, block))
        for line in heapq.merge(*parts):
            total.update((line if first else "\n" + line).encode("ascii"))
            first = False
    return total.hexdigest()


def _written(file: IO[str], block: list[str]) -> Iterator[str]:
    file.writelines(line + "\n" for line in block)
    file.seek(0)
    return (line.removesuffix("\n") for line in file)


def line_of(row: Mapping[str, Any]) -> str:
    """A row's cells as one line of JSON, the same for equal rows; arrays are lists, files their SHA-256."""
    return json.dumps(dict(row), sort_keys=True, ensure_ascii=True, default=_plain)


def _plain(cell: Any) -> Any:
    return cell.tolist() if hasattr(cell, "tolist") else sha256(media_bytes(cell)).hexdigest()
