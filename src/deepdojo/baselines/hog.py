"""Histograms of oriented gradients with a linear model: what images were told apart with before networks learned to.

Legend: n images, C channels, Y height, X width, O orientations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepdojo.baselines.linear import fit_logistic
from deepdojo.baselines.pixels import LOOKED_AT, Form, form_of, shrink_all
from deepdojo.baselines.problem import Problem, Unfit, drawn

__all__ = ["histograms", "logistic"]

ORIENTATIONS = 9
CLIP = 0.2
LEAST_SIDE = 4
MOST_ROWS = 20_000
AT_ONCE = 2_000
C = 1.0


def logistic(problem: Problem) -> tuple[np.ndarray, str]:
    """Multinomial logistic regression on HOG features of at most 20,000 training images: (n, K) probabilities.

    Raises: Unfit for images of under 4 pixels a side.
    """
    form = form_of([*problem.cells(problem.train), *problem.cells(problem.test[:LOOKED_AT])])
    if min(form.size) < LEAST_SIDE:
        raise Unfit(f"images of {form.size[1]} × {form.size[0]} pixels have no gradients to count")
    small = drawn(problem, MOST_ROWS)
    x = _features(small.cells(small.train), form)
    model = fit_logistic(small, x, C)
    p = problem.predicted(lambda cells: model.predict_proba(_features(cells, form)))
    cell = cell_of(form.size)
    about = (
        f"logistic regression on {x.shape[1]:,} gradient histograms (cells of {cell} × {cell} pixels) of {len(x):,} "
        f"images, C = {C:g}"
    )
    return p, about


def cell_of(size: tuple[int, int]) -> int:
    """Side of a cell, pixels: 4, or 2 where an image has room for fewer than four of those."""
    return 4 if min(size) >= 16 else 2


def _features(cells: Sequence[Any], form: Form) -> np.ndarray:
    width = histograms(np.zeros((1, form.channels, *form.size), dtype=np.uint8), cell_of(form.size)).shape[1]
    out = np.empty((len(cells), width), dtype=np.float32)
    for start in range(0, len(cells), AT_ONCE):
        out[start : start + AT_ONCE] = histograms(shrink_all(cells[start : start + AT_ONCE], form), cell_of(form.size))
    return out


def histograms(images: np.ndarray, cell: int) -> np.ndarray:
    """(n, C, Y, X) uint8 -> (n, features) float32: for each block of 2 × 2 cells, one cell apart, the four histograms
    of gradient directions, as one vector of length 1.

    Grey values are square roots; the gradient is x[i + 1] - x[i - 1] of the channel where it is strongest; each pixel
    votes with its length for the two nearest of nine directions within 180 degrees. A block is divided by its length,
    cut at 0.2, and divided again (L2-Hys). Pixels vote for their own cell alone; what does not fill a cell at the right
    and lower border is left out.

    Source: Dalal & Triggs 2005, "Histograms of oriented gradients for human detection"
    """
    y, x = images.shape[2] // cell * cell, images.shape[3] // cell * cell
    grey = np.sqrt(images[:, :, :y, :x].astype(np.float32) / 255.0)
    padded = np.pad(grey, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    down, right = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1], padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    if images.shape[1] > 1:
        strongest = (down**2 + right**2).argmax(axis=1)[:, None]
        down, right = (np.take_along_axis(side, strongest, axis=1) for side in (down, right))
    length = np.hypot(down, right)[:, 0]
    place = np.mod(np.arctan2(down, right)[:, 0] / np.pi, 1.0) * ORIENTATIONS  # (n, Y, X) in 0..O, directions alike
    counts = np.stack([_in_cells(length * _nearness(place, k), cell) for k in range(ORIENTATIONS)], axis=-1)
    blocks = np.concatenate(
        [counts[:, :-1, :-1], counts[:, :-1, 1:], counts[:, 1:, :-1], counts[:, 1:, 1:]], axis=-1
    )  # (n, y, x, 4 O)
    blocks = np.minimum(_unit(blocks), CLIP)
    return _unit(blocks).reshape(len(images), -1).astype(np.float32)


def _nearness(place: np.ndarray, k: int) -> np.ndarray:
    """1 in the middle of direction k, 0 from the middle of the next one on; directions go round."""
    away = np.abs(place - (k + 0.5))
    return np.maximum(0.0, 1.0 - np.minimum(away, ORIENTATIONS - away))


def _in_cells(votes: np.ndarray, cell: int) -> np.ndarray:
    n, y, x = votes.shape
    return votes.reshape(n, y // cell, cell, x // cell, cell).sum(axis=(2, 4))


def _unit(blocks: np.ndarray) -> np.ndarray:
    return blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 1e-6)
