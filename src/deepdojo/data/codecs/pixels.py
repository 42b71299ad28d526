"""Images of any kind -> uint8 arrays of one size and one number of channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.errors import DataError

__all__ = ["Pixels"]

LARGEST_KEPT_SIDE = 64
SAMPLE = 512


@dataclass(frozen=True)
class Pixels:
    """One size, one number of channels, and the mean and spread of each channel over training images.

    Attributes:
        height, width: pixels.
        channels: 1 when every sampled training image is grey, else 3.
        mean, std: of pixel values in 0..1, a value a channel.
    """

    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(
        cls,
        cells: Sequence[Any],
        *,
        size: int | tuple[int, int] | None = None,
        channels: int | None = None,
        seed: int = 0,
    ) -> Pixels:
        """Size and statistics from a seeded sample of 512 training images.

        The rule: images that all have one size of at most 64 pixels a side keep it; others are resized to `size` x
        `size`, or to (height, width); `size` is 64 unless given (32 where the median side is at most 40).
        """
        arrays = _sample(cells, seed)
        shapes = {a.shape[:2] for a in arrays}
        if isinstance(size, tuple):
            height, width = size
        elif size is not None:
            height = width = int(size)
        elif len(shapes) == 1 and max(next(iter(shapes))) <= LARGEST_KEPT_SIDE:
            height, width = next(iter(shapes))
        else:
            median = float(np.median([max(a.shape[:2]) for a in arrays]))
            height = width = 32 if median <= 40 else LARGEST_KEPT_SIDE
        if channels is None:
            channels = 1 if all(_is_grey(a) for a in arrays) else 3
        unfitted = cls(height, width, channels, (0.0,) * channels, (1.0,) * channels)
        stack = np.stack([unfitted.encode(a) for a in arrays]).astype(np.float64) / 255.0
        mean, std = stack.mean(axis=(0, 2, 3)), stack.std(axis=(0, 2, 3))
        return cls(height, width, channels, tuple(map(float, mean)), tuple(float(max(s, 1e-3)) for s in std))

    def encode(self, cell: Any) -> np.ndarray:
        """(C, height, width) uint8. Raises DataError for a cell that is no image."""
        array = _decoded(cell)
        array = _with_channels(array, self.channels)
        if array.shape[:2] != (self.height, self.width):
            array = _resized(array, self.height, self.width)
        if array.ndim == 2:
            return np.ascontiguousarray(array)[None]
        return np.ascontiguousarray(array.transpose(2, 0, 1))


def _decoded(cell: Any) -> np.ndarray:
    from deepdojo.data.images import decode_image

    return decode_image(cell)


def _sample(cells: Sequence[Any], seed: int) -> list[np.ndarray]:
    order = np.random.default_rng(seed).permutation(len(cells))
    arrays: list[np.ndarray] = []
    for i in order:
        if len(arrays) == SAMPLE:
            break
        try:
            arrays.append(_decoded(cells[i]))
        except DataError:
            continue
    if not arrays:
        raise DataError("none of the training images can be read", todo="look at rejected.csv or run dojo check")
    return arrays


def _is_grey(array: np.ndarray) -> bool:
    return array.ndim == 2 or bool((array[..., 0] == array[..., 1]).all() and (array[..., 1] == array[..., 2]).all())


def _with_channels(array: np.ndarray, channels: int) -> np.ndarray:
    if channels == 1 and array.ndim == 3:
        weights = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma
        return np.asarray(np.rint(array @ weights), dtype=np.uint8)
    if channels == 3 and array.ndim == 2:
        return np.repeat(array[..., None], 3, axis=2)
    return array


def _resized(array: np.ndarray, height: int, width: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.BILINEAR))
