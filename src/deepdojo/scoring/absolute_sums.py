"""The interval of a sum of absolute means, such as a calibration error: noise adds up under the bars, so the sample's
value lies above the true one, the more so the smaller that is.

Legend: n rows, G groups, M means (bins).
"""

from __future__ import annotations

import numpy as np

from deepdojo.scoring.flips import group_sums
from deepdojo.scoring.formulas import expanded_tail, normal_cdf

__all__ = ["absolute_sum_bounds"]

Array = np.ndarray

_ROWS = 1 << 16  # centred at a time: all at once would be another copy of the terms
_STEPS = 14  # halvings: 1e-4 of the value


def absolute_sum_bounds(
    placed: Array, share: Array, prior: Array, *, level: float, draws: int, seed: int, index: Array | None
) -> tuple[float, float]:
    """Bounds of θ = Σ_m |E placed_m|, by inverting a test: the θ whose samples' Σ_m |mean| may be the one at hand.

    A sample's means are taken as normal around θ·u, with the covariance of these rows. How θ is spread over the means
    (u, Σ|u| = 1) is unknown and decides how far noise lifts the sum: the lower bound takes it as these rows have it,
    which is too uneven and lifts most, the upper bound as even (u ∝ `share`), which lifts least.

    Near the bound 0 nearly no sample lies below θ, so the interval holds it more often than `level` says: in 97.5 % of
    samples at θ = 0, in up to 99 % where θ is less than the noise.

    Args:
        placed: (n, M) terms of the rows, whose means over rows are the M means.
        share: (M,) share of rows that each mean is made of, Σ = 1.
        prior: (M,) mean square of a term where all that a row may be is equally likely: four such rows are added to the
            covariance, as in Agresti and Coull's interval; else ten rows that are all right would have no spread.
        index: (n,) group numbers, or None.

    Numerics: coverage by simulation in tests/scoring/test_coverage.py.
    Source: for the added rows Agresti and Coull 1998, "Approximate Is Better than 'Exact'".
    """
    n = len(placed)
    means = placed.mean(axis=0)
    units = n if index is None else int(index.max()) + 1
    covariance = (_products(placed, means, index) + 4 * np.diag(share * prior)) / (n * (n + 4))
    sizes, axes = np.linalg.eigh(covariance)
    noise = np.random.default_rng(seed).normal(size=(draws, len(means))) @ (axes * np.sqrt(np.maximum(sizes, 0))).T
    value = float(np.abs(means).sum())
    z = expanded_tail(level, units)
    even = share * np.where(means < 0, -1.0, 1.0)
    return (
        _total_where(value, means / value if value > 0 else even, noise, normal_cdf(z)),
        _total_where(value, even, noise, normal_cdf(-z)),
    )


def _products(placed: Array, means: Array, index: Array | None) -> Array:
    """(M, M) sums of products of the centred terms, over rows or over the sums of groups."""
    if index is not None or len(placed) <= _ROWS:
        spread = group_sums((placed - means).T, index)  # (M, G)
        return spread @ spread.T
    parts = (placed[start : start + _ROWS] - means for start in range(0, len(placed), _ROWS))
    return sum((part.T @ part for part in parts), np.zeros((len(means), len(means))))


def _total_where(value: float, pattern: Array, noise: Array, quantile: float) -> float:
    """The θ ≥ 0 for which `value` is this quantile of Σ|θ · pattern + noise|; 0 where all are above."""

    def beyond(total: float) -> bool:
        return float(np.quantile(np.abs(total * pattern + noise).sum(axis=1), quantile)) >= value

    if beyond(0.0):
        return 0.0
    low, high = 0.0, value
    while not beyond(high):
        low, high = high, 2 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return (low + high) / 2
