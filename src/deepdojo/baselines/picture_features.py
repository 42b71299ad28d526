"""What can be said of a picture without learning: its colours, where they are, and the directions of its edges.

Dimensions: n pictures, Y and X image axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepdojo.errors import DojoError

__all__ = ["colours_and_edges"]

SIDE, CELLS, DIRECTIONS = 64, 8, 9
HUES, SHADES = 12, 3
BANDS = ((0.0, 1.0), (0.0, 0.5), (0.5, 1.0))  # of the height: sky and ground differ
FLAT = 10.0  # a cell with weaker edges (grey values of 255) counts as without any


def colours_and_edges(cells: Sequence[Any]) -> np.ndarray:
    """(n, F) float32: thumbnail in Lab, roots of colour histograms, histograms of gradients.

    Thumbnail of 8 × 8; shares of 12 hues × 3 saturations × 3 brightnesses in the whole, the upper and the lower half;
    in each of 8 × 8 cells the directions of gradients (9 of them, by their length, each cell divided by its norm) and
    the logarithm of their sum. A picture that cannot be read is black.

    Source: Dalal & Triggs 2005, "Histograms of oriented gradients for human detection", without overlapping blocks.
    """
    return np.stack([_of(cell) for cell in cells]).astype(np.float32)


def _of(cell: Any) -> np.ndarray:
    from PIL import Image

    from deepdojo.data.images import decode_image

    try:
        pixels = decode_image(cell)
    except DojoError:  # the dataset lists it in rejected.csv; one that slipped through must not stop the floor
        pixels = np.zeros((SIDE, SIDE), dtype=np.uint8)
    image = Image.fromarray(pixels).convert("RGB")
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    thumbnail = _lab(np.asarray(image.resize((CELLS, CELLS), Image.Resampling.BOX), dtype=np.float64) / 255)
    colours = _colours(np.asarray(small.convert("HSV"), dtype=np.int64))
    edges, strength = _edges(np.asarray(small.convert("L"), dtype=np.float64))
    return np.concatenate([2 * thumbnail.ravel(), colours, 0.3 * edges, strength / 8])


def _lab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB in 0..1 -> L, a, b divided by 100. Source: CIE 1976, white D65."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([1.16 * f[..., 1] - 0.16, 5 * (f[..., 0] - f[..., 1]), 2 * (f[..., 1] - f[..., 2])], axis=-1)


def _colours(hsv: np.ndarray) -> np.ndarray:
    hue, saturation, value = hsv[..., 0] * HUES // 256, hsv[..., 1] * SHADES // 256, hsv[..., 2] * SHADES // 256
    bins = (hue * SHADES + saturation) * SHADES + value  # (Y, X)
    found = []
    for top, bottom in BANDS:
        band = bins[round(top * len(bins)) : round(bottom * len(bins))].ravel()
        found.append(np.sqrt(np.bincount(band, minlength=HUES * SHADES**2) / len(band)))
    return np.concatenate(found)


def _edges(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions of each cell, and how much of an edge it has."""
    down, right = np.gradient(grey)
    length = np.hypot(down, right)
    direction = (np.mod(np.arctan2(down, right), np.pi) / np.pi * DIRECTIONS).astype(np.int64) % DIRECTIONS
    cell = np.arange(SIDE) * CELLS // SIDE
    place = (cell[:, None] * CELLS + cell[None, :]) * DIRECTIONS + direction
    sums = np.bincount(place.ravel(), weights=length.ravel(), minlength=CELLS**2 * DIRECTIONS)
    sums = sums.reshape(-1, DIRECTIONS)
    return (sums / np.sqrt((sums**2).sum(axis=1, keepdims=True) + FLAT**2)).ravel(), np.log1p(sums.sum(axis=1))
