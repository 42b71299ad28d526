"""Film reviews with the stars that their writers gave, which stand in the file's name: `pos/123_9` has nine."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow

BREAK = re.compile(r"(?:<br\s*/?>\s*)+")


def read(files: Files, file: str) -> Iterator[RawRow]:
    """One row a review: `text` without the tags of line ends, `stars`. No id: it would say which half it is from."""
    with files.open(file) as lines:
        for line, row in enumerate(csv.DictReader(io.TextIOWrapper(lines, "utf-8", newline="")), 2):
            yield RawRow({"text": BREAK.sub(" ", row["text"]), "stars": row["id"].rpartition("_")[2]}, file, line)
