"""IMDB reviews without their <br /> tags. The column `id` is not read: it ends in the star rating."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow

BREAK = re.compile(r"(<br\s*/?>\s*)+")


def read(files: Files, file: str) -> Iterator[RawRow]:
    """Rows of id, label, text; the place of each is the line in which it begins."""
    with io.TextIOWrapper(files.open(file), "utf-8", newline="") as opened:
        reader = csv.reader(opened)
        next(reader)
        began = reader.line_num + 1
        for _, label, text in reader:
            yield RawRow({"text": BREAK.sub("\n", text), "label": label}, file, began)
            began = reader.line_num + 1
