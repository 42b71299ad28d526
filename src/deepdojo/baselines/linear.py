"""Solvers that several floors share: logistic regression with probabilities, within a bound on the work."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepdojo.baselines.problem import Problem, quiet

__all__ = ["fit_logistic", "iterations"]

WORK = 4e11
"""Multiplications that one fit may cost: about 20 CPU seconds. Fashion-MNIST takes half of it for 100 iterations."""


def iterations(stored: float, outputs: int, most: int = 200) -> int:
    """How many iterations fit into `WORK`, at least 10 and at most `most`, for a matrix of `stored` entries."""
    return int(np.clip(WORK / (4 * max(1.0, stored) * outputs), 10, most))


def fit_logistic(problem: Problem, x: Any, c: float, *, most: int = 200) -> Any:
    """(n, D) features -> a fitted multinomial `LogisticRegression` with L2 penalty 1 / `c`, or a `OneClass`.

    Cost: `iterations` bounds it; stopping early acts like a stronger penalty.
    """
    from sklearn.linear_model import LogisticRegression

    if len(problem.classes) == 1:
        return OneClass()
    outputs = 1 if len(problem.classes) == 2 else len(problem.classes)
    stored = x.nnz if hasattr(x, "nnz") else x.size
    with quiet():
        return LogisticRegression(C=c, max_iter=iterations(stored, outputs, most)).fit(x, problem.target)


class OneClass:
    """Stands in for a classifier where the training rows hold one class."""

    def predict_proba(self, x: Any) -> np.ndarray:
        return np.ones((x.shape[0], 1))
