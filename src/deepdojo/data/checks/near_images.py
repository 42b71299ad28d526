"""Pairs of nearly equal pictures: grey, brought to 16 × 16 by averages over areas, without mean and contrast.

Legend: Y, X pixels; G = 16; n pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from deepdojo.data.checks.look import BATCH, Look
from deepdojo.data.images import decode_image
from deepdojo.errors import DojoError

__all__ = ["picture_pairs", "small"]

G = 16
LIKE = 0.99
CROWD = 3
MOST_PAIRS = 20_000
FLAT = 2.0
"""Pictures whose small form varies less than this (of 255) have no content to compare."""

AXES = 32
BLOCK = 2048
MOST_ROWS = 60_000


def picture_pairs(look: Look) -> Iterator[tuple[int, int]]:
    """Places of pairs whose small forms correlate to at least 0.99, and which stand apart from all others. 640 bytes a
    row are kept.

    Things of one simple shape (trousers on black) all correlate, so a pair counts only where at most three others lie
    within twice its distance of either: copies are much nearer to each other than to anything else.
    """
    forms: list[np.ndarray] = []
    places: list[int] = []
    for place, _, row in look.drawn("nearly equal pictures", MOST_ROWS):
        form = small(row[look.input])
        if form is not None:
            forms.append(form.astype(np.float16))
            places.append(place)
    if len(forms) < 2:
        return
    stacked = np.stack(forms)
    del forms
    seen = _along_axes(stacked)
    pairs = [pair for block in _close(seen, float(np.sqrt(2 - 2 * LIKE)), look) for pair in _measured(stacked, block)]
    crowded: dict[int, np.ndarray] = {}
    for a, b, distance in sorted(pairs, key=lambda pair: pair[2])[:MOST_PAIRS]:
        if len(crowded) > BATCH and look.late():
            return
        if not any(_crowded(seen, k, distance, crowded) for k in (a, b)):
            yield places[a], places[b]


def small(cell: Any) -> np.ndarray | None:
    """(G·G,) float32 of mean 0 and length 1; None for a picture that cannot be read, or a flat one."""
    try:
        pixels = decode_image(cell)
    except DojoError:
        return None
    grey = pixels.astype(np.float32) if pixels.ndim == 2 else pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    form = (_areas(grey.shape[0]) @ grey @ _areas(grey.shape[1]).T).ravel()
    form = form - form.mean()
    length = float(np.linalg.norm(form))
    return form / length if length > FLAT * G else None


@lru_cache(maxsize=256)
def _areas(side: int) -> np.ndarray:
    """(G, side) float32: each row averages the part of the pixels that one of G equal parts covers."""
    edges = np.arange(G + 1) * side / G
    pixel = np.arange(side)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return (np.clip(covered, 0, None) * G / side).astype(np.float32)


def _along_axes(forms: np.ndarray) -> np.ndarray:
    """(n, 32) float32: the forms along the axes on which a sample varies most. No distance grows by that."""
    sample = forms[:4096].astype(np.float32)
    middle = sample.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(sample - middle, rowvar=False))
    axes = axes[:, ::-1][:, :AXES].astype(np.float32)
    blocks = (forms[k : k + BLOCK].astype(np.float32) for k in range(0, len(forms), BLOCK))
    return np.concatenate([(block - middle) @ axes for block in blocks])


def _close(seen: np.ndarray, most: float, look: Look) -> Iterator[np.ndarray]:
    """(m, 2) pairs at most `most` apart along the axes; sorted by the first axis, so that far ones are skipped."""
    most += 1e-3  # float16
    order = np.argsort(seen[:, 0], kind="stable")
    seen = seen[order]
    squares = (seen**2).sum(axis=1)
    for start in range(0, len(seen), BLOCK):
        if look.progress is not None:
            look.progress(start, len(seen), "comparing pictures")
        block = seen[start : start + BLOCK]
        end = int(np.searchsorted(seen[:, 0], block[-1, 0] + most, side="right"))
        for other in range(start, end, BLOCK):
            if other and look.late():
                return
            there = seen[other : min(other + BLOCK, end)]
            far = squares[start : start + BLOCK, None] + squares[other : other + len(there)] - 2 * (block @ there.T)
            i, j = np.nonzero(far <= most * most)
            once = start + i < other + j
            yield np.stack([order[start + i[once]], order[other + j[once]]], axis=1)


def _measured(forms: np.ndarray, pairs: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """The pairs whose whole forms are as near as they must be, with their distance."""
    for k in range(0, len(pairs), BLOCK):
        a, b = pairs[k : k + BLOCK].T
        distance = np.linalg.norm(forms[a].astype(np.float32) - forms[b].astype(np.float32), axis=1)
        near = distance <= np.sqrt(2 - 2 * LIKE)
        yield from zip(a[near].tolist(), b[near].tolist(), distance[near].tolist(), strict=True)


def _crowded(seen: np.ndarray, at: int, distance: float, nearest: dict[int, np.ndarray]) -> bool:
    """Whether more than three others than the pair lie within twice this distance. `nearest` keeps what was found."""
    if at not in nearest:
        squares = ((seen - seen[at]) ** 2).sum(axis=1)
        nearest[at] = np.sort(np.partition(squares, min(CROWD + 1, len(seen) - 1))[: CROWD + 2])
    return int((nearest[at] <= (2 * distance + 1e-3) ** 2).sum()) > CROWD + 1  # itself and its fellow are no crowd
