"""Metrics of forecasts with quantiles: a cell is a matrix (K, h), its K rows the quantiles 1/(K+1), ..., K/(K+1).

Nine rows are 0.1, 0.2, ..., 0.9, of which the first and the last enclose 80 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, from_sums
from deepdojo.scoring.metrics.registry import metric

__all__ = ["coverage", "levels_of", "quantile_loss", "weighted_quantile_loss"]


def levels_of(rows: int) -> np.ndarray:
    """(K,) the levels that the rows of a matrix of quantiles stand for."""
    return np.arange(1, rows + 1) / (rows + 1)


@metric(
    truth="vector",
    predicted="matrix",
    higher_is_better=False,
    unit="target",
    goal="the whole forecast, in the target's unit: bands that are too wide or too narrow cost",
)
def quantile_loss(truth: Sequence[Any], predicted: Sequence[Any]) -> Measured:
    """Pinball loss: the mean over quantiles, steps and rows, in the target's unit.

    Σ w max(a (y - q), (a - 1)(y - q)) / Σ w h K, a the level of the quantile q. The mean over K of scikit-learn's
    `mean_pinball_loss`.

    Source: Koenker and Bassett 1978, "Regression Quantiles"; Gneiting and Raftery 2007, section 6.1.
    """
    y, q, steps = _bands(truth, predicted)
    sums = _pinball(y, q).mean(axis=1)
    stats = np.stack([_row_sums(sums, steps), steps], axis=1)
    return from_sums(stats, lambda s: s[:, 0] / s[:, 1], losses=stats[:, 0] / steps, bounds=(0.0, math.inf))


@metric(
    truth="vector",
    predicted="matrix",
    higher_is_better=False,
    title="weighted quantile loss",
    goal="the whole forecast as a share of the values' size: comparable between data sets",
)
def weighted_quantile_loss(truth: Sequence[Any], predicted: Sequence[Any]) -> Measured:
    """Twice the pinball loss, as a share of the values' mean size.

    2 Σ w max(a (y - q), (a - 1)(y - q)) / K / Σ w |y|. For the median alone it is Σ |y - ŷ| / Σ |y|.

    Raises:
        ScoreError: all values are zero.

    Source: Salinas et al. 2020, "DeepAR", section 4.3 (its ρ-risk, the mean over levels).
    """
    y, q, steps = _bands(truth, predicted)
    if not y.any():
        raise ScoreError("all values are zero, so there is no size to compare with", todo="choose quantile_loss")
    sums = 2 * _pinball(y, q).mean(axis=1)
    stats = np.stack([_row_sums(sums, steps), _row_sums(np.abs(y), steps)], axis=1)

    def value(s: np.ndarray) -> np.ndarray:
        return np.divide(s[:, 0], s[:, 1], out=np.full(len(s), np.nan), where=s[:, 1] > 0)

    return from_sums(stats, value, losses=stats[:, 0] / steps, bounds=(0.0, math.inf))


@metric(
    truth="vector",
    predicted="matrix",
    higher_is_better=True,
    percent=True,
    goal="near 80 % for nine quantiles: a check of the bands, never a goal, for the widest band has most",
)
def coverage(truth: Sequence[Any], predicted: Sequence[Any]) -> Measured:
    """Share of the values from the lowest to the highest quantile; an honest band of nine has 0.8.

    Σ w [q_1 ≤ y ≤ q_K] / Σ w h; nominal is (K - 1)/(K + 1).

    Raises:
        ScoreError: with one quantile there is no band.
    """
    y, q, steps = _bands(truth, predicted)
    if q.shape[1] < 2:
        raise ScoreError("one quantile is no band", todo="give at least two")
    inside = (q.min(axis=1) <= y) & (y <= q.max(axis=1))
    stats = np.stack([_row_sums(inside, steps), steps], axis=1)
    return from_sums(stats, lambda s: s[:, 0] / s[:, 1], losses=1 - stats[:, 0] / steps, bounds=(0.0, 1.0))


def _bands(truth: Sequence[Any], predicted: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(values (N,), quantiles (N, K), steps (n,)) with all rows laid end to end."""
    steps = np.array([len(cell) for cell in truth], dtype=np.int64)
    bands = [np.asarray(cell, dtype=np.float64) for cell in predicted]
    rows = len(bands[0])
    for row, (h, band) in enumerate(zip(steps, bands, strict=True)):
        if band.shape != (rows, h):
            raise ScoreError(
                f"the quantiles are {' x '.join(map(str, band.shape))}, and {rows} x {h} are asked for",
                where=f"row {row + 1}",
            )
    y = np.concatenate([np.asarray(cell, dtype=np.float64) for cell in truth])
    return y, np.concatenate([band.T for band in bands]), steps


def _pinball(y: np.ndarray, q: np.ndarray) -> np.ndarray:
    """(N, K) losses."""
    off, level = y[:, None] - q, levels_of(q.shape[1])
    return np.maximum(level * off, (level - 1) * off)


def _row_sums(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    return np.bincount(np.repeat(np.arange(len(steps)), steps), values, minlength=len(steps))
