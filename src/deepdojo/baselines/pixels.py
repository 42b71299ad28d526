"""Logistic regression on the pixels of images shrunk to one small size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepdojo.baselines.linear import fit_logistic
from deepdojo.baselines.problem import Problem
from deepdojo.errors import DojoError

__all__ = ["SIDE", "logistic", "shrink", "shrink_all"]

SIDE = 32
"""Images with a longer side are shrunk to it: a linear model sees no detail, and 3,072 numbers a row are enough."""

STORED = 60_000_000
"""Numbers in the training matrix at most: 240 MB of float32, and what 100 iterations can pass over in a minute."""


def logistic(problem: Problem) -> tuple[np.ndarray, str]:
    """Multinomial logistic regression on pixels in 0..1: (n, K) probabilities.

    Without validation rows: they would choose between penalties that differ by less than the noise (measured on digits
    and Fashion-MNIST), at three times the cost.
    """
    images = _stack([*problem.cells(problem.train), *problem.cells(problem.test)], len(problem.train))
    features = images.reshape(len(images), -1).astype(np.float32)
    features /= max(1.0, float(features[: len(problem.train)].max(initial=0)))
    train, test = features[: len(problem.train)], features[len(problem.train) :]
    model = fit_logistic(problem, train, 1.0, most=100)
    shape = " × ".join(str(k) for k in images.shape[1:])
    return model.predict_proba(test), f"logistic regression on {shape} pixels, C = 1, at most 100 iterations"


def shrink_all(cells: Sequence[Any]) -> np.ndarray:
    """Image cells -> (n, C, Y, X) uint8 of one size: theirs if all share one of at most 32 × 32, else shrunk."""
    arrays = [_pixels(cell) for cell in cells]
    sizes = {array.shape[:2] for array in arrays}
    colour = any(array.ndim == 3 for array in arrays)
    if len(sizes) == 1 and max(next(iter(sizes))) <= SIDE:
        size = next(iter(sizes))
    elif len(sizes) == 1:
        y, x = next(iter(sizes))
        size = (max(1, round(y * SIDE / max(y, x))), max(1, round(x * SIDE / max(y, x))))
    else:
        size = (SIDE, SIDE)
    return np.stack([_channels_first(shrink(array, size), colour) for array in arrays])


def shrink(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(Y, X[, 3]) uint8 -> size[0] × size[1], each pixel the mean of the box it covers."""
    if image.shape[:2] == tuple(size):
        return image
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BOX))


def _stack(cells: Sequence[Any], n_train: int) -> np.ndarray:
    """(n, C, Y, X) uint8, halved in both directions until the training part has at most `STORED` numbers."""
    images = shrink_all(cells)
    while n_train * images[0].size > STORED and min(images.shape[2:]) >= 8:
        n, c, y, x = images.shape
        halves = images[:, :, : y // 2 * 2, : x // 2 * 2].reshape(n, c, y // 2, 2, x // 2, 2)
        images = halves.mean(axis=(3, 5)).astype(np.uint8)
    return images


def _pixels(cell: Any) -> np.ndarray:
    if isinstance(cell, np.ndarray):
        return cell
    from deepdojo.data.images import decode_image

    try:
        return decode_image(cell)
    except DojoError:
        # The dataset lists unreadable images in rejected.csv; one that slipped through must not stop the floor.
        return np.zeros((SIDE, SIDE), dtype=np.uint8)


def _channels_first(image: np.ndarray, colour: bool) -> np.ndarray:
    """(Y, X) or (Y, X, 3) -> (1 or 3, Y, X)."""
    if image.ndim == 2:
        return np.broadcast_to(image, (3 if colour else 1, *image.shape))
    return np.moveaxis(image, 2, 0)
