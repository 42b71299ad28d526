"""Logistic regression on the pixels of images shrunk to one small size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.baselines.linear import fit_logistic
from deepdojo.baselines.problem import Problem
from deepdojo.errors import DojoError

__all__ = ["SIDE", "Form", "form_of", "logistic", "pixels_of", "shrink", "shrink_all"]

SIDE = 32
"""Images with a longer side are shrunk to it: a linear model sees no detail, and 3,072 numbers a row are enough."""

LOOKED_AT = 2_000
"""Images that say what size all have."""

STORED = 60_000_000
"""Numbers in the training matrix at most: 240 MB of float32, and what 100 iterations can pass over in a minute."""


def logistic(problem: Problem) -> tuple[np.ndarray, str]:
    """Multinomial logistic regression on pixels in 0..1: (n, K) probabilities.

    Without validation rows: they would choose between penalties that differ by less than the noise (measured on digits
    and Fashion-MNIST), at three times the cost.
    """
    everything = [*problem.cells(problem.train), *problem.cells(problem.test[:LOOKED_AT])]
    form = form_of(everything)
    halvings = _halvings(len(problem.train), form)

    def features(cells: Sequence[Any]) -> np.ndarray:
        images = _halved(shrink_all(cells, form), halvings)
        return images.reshape(len(images), -1).astype(np.float32)

    train = features(problem.cells(problem.train))
    largest = max(1.0, float(train.max(initial=0)))
    train /= largest
    model = fit_logistic(problem, train, 1.0, most=100)
    y, x = (side >> halvings for side in form.size)
    about = f"logistic regression on {form.channels} × {y} × {x} pixels, C = 1, at most 100 iterations"
    return problem.predicted(lambda cells: model.predict_proba(features(cells) / largest)), about


@dataclass(frozen=True)
class Form:
    """One size and one number of channels for all images."""

    size: tuple[int, int]
    channels: int


def form_of(cells: Sequence[Any], seed: int = 0, *, side: int = SIDE) -> Form:
    """Theirs if all share a size of at most `side` × `side`, else that on the longer side (square where sizes differ).

    Of more than 2,000 images 2,000 are looked at, drawn with the seed.
    """
    chosen: Iterable[int] = range(len(cells))
    if len(cells) > LOOKED_AT:
        chosen = np.sort(np.random.default_rng(seed).choice(len(cells), LOOKED_AT, replace=False))
    sizes, colour = set(), False
    for i in chosen:
        array = pixels_of(cells[int(i)])
        sizes.add(array.shape[:2])
        colour = colour or array.ndim == 3
    if not sizes:
        return Form((1, 1), 1)
    y, x = next(iter(sizes))
    if len(sizes) > 1:
        size = (side, side)
    elif max(y, x) <= side:
        size = (y, x)
    else:
        size = (max(1, round(y * side / max(y, x))), max(1, round(x * side / max(y, x))))
    return Form(size, 3 if colour else 1)


def shrink_all(cells: Sequence[Any], form: Form) -> np.ndarray:
    """Image cells -> (n, C, Y, X) uint8 of this form."""
    out = np.empty((len(cells), form.channels, *form.size), dtype=np.uint8)
    for i, cell in enumerate(cells):
        out[i] = _channels_first(shrink(pixels_of(cell), form.size), form.channels)
    return out


def shrink(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(Y, X[, 3]) uint8 -> size[0] × size[1], each pixel the mean of the box it covers."""
    if image.shape[:2] == tuple(size):
        return image
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BOX))


def _halvings(n: int, form: Form) -> int:
    """How often both sides are halved until `n` training images have at most `STORED` numbers."""
    (y, x), times = form.size, 0
    while n * form.channels * y * x > STORED and min(y, x) >= 8:
        y, x, times = y // 2, x // 2, times + 1
    return times


def _halved(images: np.ndarray, times: int) -> np.ndarray:
    """(n, C, Y, X) uint8, each pixel the mean of four, as often as asked for."""
    for _ in range(times):
        n, c, y, x = images.shape
        halves = images[:, :, : y // 2 * 2, : x // 2 * 2].reshape(n, c, y // 2, 2, x // 2, 2)
        images = halves.mean(axis=(3, 5)).astype(np.uint8)
    return images


def pixels_of(cell: Any) -> np.ndarray:
    if isinstance(cell, np.ndarray):
        return cell
    from deepdojo.data.images import decode_image

    try:
        return decode_image(cell)
    except DojoError:
        # The dataset lists unreadable images in rejected.csv; one that slipped through must not stop the floor.
        return np.zeros((SIDE, SIDE), dtype=np.uint8)


def _channels_first(image: np.ndarray, channels: int) -> np.ndarray:
    """(Y, X) or (Y, X, 3) -> (1 or 3, Y, X); the mean of the colours where one channel is asked for."""
    if image.ndim == 2:
        return np.broadcast_to(image, (channels, *image.shape))
    channel_first = np.moveaxis(image, 2, 0)
    return channel_first if channels == 3 else channel_first.mean(axis=0, keepdims=True).astype(np.uint8)
