"""Is a column of words free text, or names of image files?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepdojo.data.cells import is_missing

if TYPE_CHECKING:
    from deepdojo.data.infer.reading import TableFile

__all__ = ["IMAGE_SUFFIXES", "TextFacts", "image_cells", "is_date", "media_cells", "text_facts"]

IMAGE_SUFFIXES = ("png", "jpg", "jpeg", "gif", "bmp", "webp", "tif", "tiff", "pgm", "ppm")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
DATE = re.compile(r"(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{4})($|[ T])")
CJK_PER_WORD = 1.6
"""Signs that a Chinese word has in the mean: without blanks, words are counted by signs."""


@dataclass(frozen=True)
class TextFacts:
    """Means over the filled cells of a column, and the share of different ones."""

    words: float
    signs: float
    distinct: float

    def free(self, words: float, distinct: float) -> bool:
        return self.words >= words and self.distinct >= distinct

    def __str__(self) -> str:
        return f"{self.words:.0f} words in the mean, {self.distinct:.0%} of them different"


def text_facts(cells: Sequence[Any]) -> TextFacts:
    """Words and signs of a column; a run of Chinese, Japanese or Korean signs counts as several words."""
    texts = [str(cell) for cell in cells if not is_missing(cell)]
    if not texts:
        return TextFacts(0.0, 0.0, 0.0)
    words = sum(max(len(text.split()), round(len(CJK.findall(text)) / CJK_PER_WORD)) for text in texts)
    return TextFacts(words / len(texts), sum(map(len, texts)) / len(texts), len(set(texts)) / len(texts))


def is_date(cells: Sequence[Any]) -> bool:
    """Whether nearly all filled cells begin like 2024-01-31, 2024/1/31 or 31.12.2024."""
    texts = [str(cell).strip() for cell in cells[:1000] if not is_missing(cell)]
    return len(texts) > 0 and sum(DATE.match(text) is not None for text in texts) >= 0.95 * len(texts)


def image_cells(table: TableFile, name: str) -> str | None:
    """The pattern that turns cells into files that are there ("images/{}.jpg"), or None when they name no images."""
    folders = ("", "images/", "image/", "img/", "train/", "photos/", "pictures/")
    return media_cells(table, name, IMAGE_SUFFIXES, folders)


def video_cells(table: TableFile, name: str) -> str | None:
    """As `image_cells`, for videos."""
    from deepdojo.data.infer.moving import VIDEO_SUFFIXES

    return media_cells(table, name, VIDEO_SUFFIXES, ("", "videos/", "video/", "clips/", "train/"))


def media_cells(table: TableFile, name: str, suffixes: Sequence[str], folders: Sequence[str]) -> str | None:
    """As `image_cells`, for files with one of these endings in one of these folders beside the table."""
    cells = [str(cell).strip() for cell in table.column(name)[:200] if not is_missing(cell)]
    if not cells or len(set(cells)) < 0.5 * len(cells) or any(len(cell) > 200 or "\n" in cell for cell in cells):
        return None
    named = cells[0].lower().endswith(tuple(f".{suffix}" for suffix in suffixes))
    endings = [""] if named else [f".{suffix}" for suffix in suffixes]
    below = table.below
    for folder in folders:
        for ending in endings:
            pattern = f"{below}{folder}{{}}{ending}"
            if table.has(pattern.format(cells[0])) and sum(
                table.has(pattern.format(c)) for c in cells[:20]
            ) > 0.5 * len(cells[:20]):
                return pattern
    return None
