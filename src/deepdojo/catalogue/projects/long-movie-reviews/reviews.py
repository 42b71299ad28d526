"""Whole film reviews: one text file each, in folders that are called like the classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow


def read(files: Files, file: str) -> Iterator[RawRow]:
    """Rows of `movie_reviews/{neg,pos}/cvNNN_NNNNN.txt` inside the archive, by name."""
    for name in files.glob(f"{file}!movie_reviews/*/*.txt"):
        with files.open(name) as opened:
            yield RawRow({"text": opened.read().decode("utf-8"), "label": PurePosixPath(name).parent.name}, name)
