"""Metrics of forecasts: scaled, absolute, relative and squared errors over all steps of all rows.

Legend: n rows, h steps of a row, w the weight of a row; sums run over rows and their steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, from_sums
from deepdojo.scoring.metrics.registry import metric

__all__ = ["mae_of_steps", "mase", "rse", "smape"]


@metric(
    truth="vector",
    predicted="vector",
    beside="number",
    higher_is_better=False,
    title="MASE",
    goal="1 = the error of repeating the last season, within the series itself; fit for series of any unit",
)
def mase(truth: Sequence[tuple[Any, float]], predicted: Sequence[Any]) -> Measured:
    """Mean absolute scaled error: below 1 a forecast errs less than the seasonal naive one did in sample.

    (Σ w |y - ŷ| / q) / Σ w h, with q the row's scale: the mean |y_t - y_(t-m)| over all values before its origin, m the
    season. Its own forecast is several steps ahead, the scale one season, so 1 is no promise for long horizons.

    Raises:
        ScoreError: a scale that is not above zero: a series that has never changed has no error to compare with.

    Source: Hyndman and Koehler 2006, "Another look at measures of forecast accuracy", equation 3.
    """
    scale = np.array([q for _, q in truth], dtype=np.float64)
    for row in np.flatnonzero(~(scale > 0)):
        raise ScoreError(
            f"the scale is {scale[row]:g}: the series has not changed before its origin, so MASE is not defined",
            where=f"row {row + 1}", todo="leave the row out, or choose mae_of_steps",
        )  # fmt: skip
    y, said, row_of, steps = steps_of([values for values, _ in truth], predicted)
    sums = np.bincount(row_of, np.abs(y - said), minlength=len(steps)) / scale
    return _ratio(sums, steps)


@metric(
    truth="vector",
    predicted="vector",
    higher_is_better=False,
    unit="target",
    title="MAE",
    goal="every unit of error costs the same, whatever the series",
)
def mae_of_steps(truth: Sequence[Any], predicted: Sequence[Any]) -> Measured:
    """Mean absolute error over all steps, in the target's unit.

    Σ w |y - ŷ| / Σ w h. Equal to scikit-learn's `mean_absolute_error` of the values laid end to end.
    """
    y, said, row_of, steps = steps_of(truth, predicted)
    return _ratio(np.bincount(row_of, np.abs(y - said), minlength=len(steps)), steps)


@metric(
    truth="vector",
    predicted="vector",
    higher_is_better=False,
    title="sMAPE",
    goal="relative errors; of values near zero it says little",
)
def smape(truth: Sequence[Any], predicted: Sequence[Any]) -> Measured:
    """Symmetric mean absolute percentage error, as a fraction from 0 to 2.

    Σ w 2 |y - ŷ| / (|y| + |ŷ|) / Σ w h; a step at which both are zero counts 0.

    Source: Makridakis, Spiliotis and Assimakopoulos 2020, "The M4 Competition", equation 1.
    """
    y, said, row_of, steps = steps_of(truth, predicted)
    size = np.abs(y) + np.abs(said)
    relative = np.divide(2 * np.abs(y - said), size, out=np.zeros_like(size), where=size > 0)
    return _ratio(np.bincount(row_of, relative, minlength=len(steps)), steps)


@metric(
    truth="vector",
    predicted="vector",
    higher_is_better=False,
    title="RSE",
    goal="1 = the error of the mean over all rows; series of one unit alone",
)
def rse(truth: Sequence[Any], predicted: Sequence[Any]) -> Measured:
    """Root relative squared error: √(1 - R²) over all steps of all rows.

    √(Σ w (y - ŷ)² / Σ w (y - ȳ)²), ȳ the weighted mean of all values.

    Raises:
        ScoreError: all values are equal.

    Source: Lai et al. 2018, "Modeling Long- and Short-Term Temporal Patterns with Deep Neural Networks", section 4.2.
    """
    y, said, row_of, steps = steps_of(truth, predicted)
    squares = (y - said) ** 2
    y = y - y.mean()  # the sums below cancel: a large offset must not eat their digits
    if not y.any():
        raise ScoreError("all values are equal, so RSE is not defined", todo="choose mae_of_steps")
    stats = np.stack([steps, *(np.bincount(row_of, x, minlength=len(steps)) for x in (y, y**2, squares))], axis=1)

    def value(sums: np.ndarray) -> np.ndarray:
        count, first, second, residual = sums.T
        spread = second - first**2 / count
        flat = spread <= 1e-12 * np.maximum(second, 1e-300)
        return np.sqrt(np.divide(residual, spread, out=np.full_like(spread, np.nan), where=~flat))

    return from_sums(stats, value, losses=stats[:, 3], bounds=(0.0, math.inf))


def steps_of(truth: Sequence[Any], predicted: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(values, forecasts, the row of each, (n,) steps a row): all rows laid end to end.

    Raises:
        ScoreError: a forecast of another length than the truth.
    """
    steps = np.array([len(cell) for cell in truth], dtype=np.int64)
    for row, (h, cell) in enumerate(zip(steps, predicted, strict=True)):
        if len(cell) != h:
            raise ScoreError(f"the forecast has {len(cell)} steps, and {h} are asked for", where=f"row {row + 1}")
    values = np.concatenate([np.asarray(cell, dtype=np.float64) for cell in truth])
    said = np.concatenate([np.asarray(cell, dtype=np.float64) for cell in predicted])
    return values, said, np.repeat(np.arange(len(steps)), steps), steps


def _ratio(sums: np.ndarray, steps: np.ndarray) -> Measured:
    """Σ w sums / Σ w steps."""
    stats = np.stack([sums, steps], axis=1).astype(np.float64)
    return from_sums(stats, lambda s: s[:, 0] / s[:, 1], losses=sums / steps, bounds=(0.0, math.inf))
