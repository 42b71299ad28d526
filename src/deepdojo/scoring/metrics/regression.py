"""Metrics of numbers: root mean squared error, mean absolute error, R²."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, from_mean
from deepdojo.scoring.metrics.registry import metric, numbers

__all__ = ["mae", "r2", "rmse"]


@metric(
    truth="number",
    predicted="number",
    higher_is_better=False,
    unit="target",
    title="RMSE",
    goal="large misses count most",
)
def rmse(truth: Sequence[float], predicted: Sequence[float]) -> Measured:
    """Root of the mean squared error, in the target's unit.

    √(Σ wᵢ (yᵢ - ŷᵢ)² / Σ wᵢ). Equal to scikit-learn's `root_mean_squared_error`.
    """
    squares = (numbers(truth) - numbers(predicted)) ** 2
    root = math.sqrt(squares.mean())

    def influence() -> np.ndarray:
        return (squares - squares.mean()) / (2 * root) if root > 0 else np.zeros(len(squares))

    return Measured(
        lambda w: np.sqrt(w @ squares / w.sum(axis=1)),
        len(squares),
        losses=squares,
        influence_of=influence,
        bounds=(0.0, math.inf),
    )


@metric(
    truth="number",
    predicted="number",
    higher_is_better=False,
    unit="target",
    title="MAE",
    goal="every unit of error costs the same",
)
def mae(truth: Sequence[float], predicted: Sequence[float]) -> Measured:
    """Mean absolute error, in the target's unit.

    Σ wᵢ |yᵢ - ŷᵢ| / Σ wᵢ. Equal to scikit-learn's `mean_absolute_error`.
    """
    return from_mean(np.abs(numbers(truth) - numbers(predicted)), bounds=(0.0, math.inf))


@metric(
    truth="number",
    predicted="number",
    higher_is_better=True,
    title="R²",
    goal="the share of the spread that is explained",
)
def r2(truth: Sequence[float], predicted: Sequence[float]) -> Measured:
    """R²: the share of the target's variance that the predictions explain; 0 = as good as the mean, negative = worse.

    1 - Σ wᵢ (yᵢ - ŷᵢ)² / Σ wᵢ (yᵢ - ȳ)², ȳ the weighted mean. Equal to scikit-learn's `r2_score`: a constant target
    gives 1 when every prediction is exact, else 0.

    Raises:
        ScoreError: with fewer than two rows, where it is not defined.
    """
    y, said = numbers(truth), numbers(predicted)
    if len(y) < 2:
        raise ScoreError("R² is not defined for one row", todo="choose mae or rmse")
    squares = (y - said) ** 2
    y = y - y.mean()  # the sums below cancel; a large offset (years, prices) must not eat their digits
    stats = np.stack([np.ones(len(y)), y, y**2, squares], axis=1)

    def value_at(weights: np.ndarray) -> np.ndarray:
        total, first, second, residual = (weights @ stats).T
        spread = second - first**2 / total
        flat = spread <= 1e-12 * np.maximum(second, 1e-300)
        ratio = np.divide(residual, spread, out=np.ones_like(residual), where=~flat)
        return np.where(flat & (residual <= 0), 1.0, 1 - ratio)

    def influence() -> np.ndarray:
        spread, residual = float(y @ y), float(squares.sum())
        if spread <= 0:
            return np.zeros(len(y))
        return len(y) * ((residual / spread) * (y**2 / spread) - squares / spread)

    return Measured(value_at, len(y), losses=squares, influence_of=influence, bounds=(-math.inf, 1.0))
