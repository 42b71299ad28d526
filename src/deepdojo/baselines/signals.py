"""Signals as rows of a table: each value of each channel is a column. What a convolution has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepdojo.baselines.linear import fit_logistic
from deepdojo.baselines.problem import Problem, Unfit, choose

__all__ = ["logistic"]


def logistic(problem: Problem) -> tuple[np.ndarray, str]:
    """Multinomial logistic regression on all values, standardised: (n, K) probabilities.

    C from 0.01, 0.1, 1 on validation rows, else 0.1. A value that is the same in every row is left out, as are all but
    one of those that are equal in every row (a channel that holds one number).
    """
    train = _flat(problem.cells(problem.train))
    kept = _different(train)
    mean, std = train[:, kept].mean(axis=0), train[:, kept].std(axis=0)
    if not len(kept):
        raise Unfit("no value differs between the rows")

    def scaled(cells: Any) -> np.ndarray:
        return ((_flat(cells)[:, kept] - mean) / std).astype(np.float32)

    x = scaled(problem.cells(problem.train))

    def fit(c: float) -> Any:
        model = fit_logistic(problem, x, c)
        return lambda cells: model.predict_proba(scaled(cells))

    choice = choose(problem, (0.01, 0.1, 1.0), 0.1, fit)
    return problem.predicted(choice.predict), f"logistic regression on {len(kept)} values, {choice.said('C')}"


def _flat(cells: Any) -> np.ndarray:
    """(n, channels · steps) float32."""
    shapes = {np.shape(cell) for cell in cells}
    if len(shapes) > 1:
        raise Unfit("the signals have different sizes")
    return np.array([np.ravel(cell) for cell in cells], dtype=np.float32)


def _different(x: np.ndarray) -> np.ndarray:
    """Columns that vary, and of equal ones the first."""
    some = x[np.linspace(0, len(x) - 1, min(len(x), 2000)).astype(int)]
    _, first = np.unique(some, axis=1, return_index=True)
    return np.sort([k for k in first if np.ptp(x[:, k]) > 0]).astype(int)
