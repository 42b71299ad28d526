"""Pairs of nearly equal texts, by bottom-k sketches of their runs of five signs.

Source: Broder 1997, On the resemblance and containment of documents.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepdojo.data.checks.look import SPLITS, Look
from deepdojo.data.codecs.ngrams import windows

__all__ = ["resemblance", "shingles", "text_pairs"]

LIKE = 0.8
SIGNS = 5
SKETCH = 32
"""Of texts that resemble each other by 0.8, fewer than half of the 32 smallest hashes agree with probability 1e-4."""

LEAST_SHINGLES = 12
LAGS = 8
MOST_ROWS = 200_000
MOST_SIGNS = 20_000


def text_pairs(look: Look) -> Iterator[tuple[int, int]]:
    """Places of pairs whose shingles agree to at least 80 % (Jaccard). 256 bytes a row are kept."""
    values: list[np.ndarray] = []
    places: list[int] = []
    for place, _, row in look.drawn("nearly equal texts", MOST_ROWS):
        found = shingles(row[look.input])
        if len(found) >= LEAST_SHINGLES:
            values.append(found[:SKETCH].copy())
            places.append(place)
    for a, b in _candidates(values):
        one, other = (shingles(look.nth(SPLITS, places[k])[look.input]) for k in (a, b))
        if resemblance(one, other) >= LIKE:
            yield places[a], places[b]


def shingles(text: str) -> np.ndarray:
    """(m,) uint64 sorted hashes of the runs of five signs of a text, small letters, blanks folded; its first 20,000
    signs."""
    folded = " ".join(text[: 2 * MOST_SIGNS].lower().split())[:MOST_SIGNS]
    codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    for _, _, hashes in windows(codes, np.zeros(len(codes), dtype=np.int8), SIGNS, SIGNS, None):
        return np.unique(hashes)
    return np.empty(0, dtype=np.uint64)


def resemblance(a: np.ndarray, b: np.ndarray) -> float:
    """|A ∩ B| / |A ∪ B| of two sorted sets."""
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / max(1, len(a) + len(b) - both)


def _candidates(values: list[np.ndarray]) -> Iterator[tuple[int, int]]:
    """Pairs that share half of the shorter sketch. Texts that share a hash are paired with the next eight only, so that
    a phrase that all texts have costs no more than its texts."""
    if len(values) < 2:
        return
    sizes = np.array([len(value) for value in values])
    flat, owner = np.concatenate(values), np.repeat(np.arange(len(values), dtype=np.uint32), sizes)
    order = np.lexsort((owner, flat))
    flat, owner = flat[order], owner[order]
    found = []
    for lag in range(1, LAGS + 1):
        same = np.flatnonzero(flat[lag:] == flat[:-lag])
        found.append((owner[same].astype(np.uint64) << np.uint64(32)) | owner[same + lag])
    pairs, shared = np.unique(np.concatenate(found), return_counts=True)
    first, second = pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF)
    first, second = first.astype(np.int64), second.astype(np.int64)
    enough = 2 * shared >= np.minimum(sizes[first], sizes[second])
    yield from zip(first[enough].tolist(), second[enough].tolist(), strict=True)
