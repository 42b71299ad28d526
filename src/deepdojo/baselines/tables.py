"""Linear models on tables: logistic regression for classes, ridge regression for values."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepdojo.baselines.features import Table
from deepdojo.baselines.linear import fit_logistic
from deepdojo.baselines.problem import Problem, Unfit, choose

__all__ = ["linear", "logistic"]

MOST_NUMBERS = 100_000_000
"""Entries of the feature matrix at most (400 MB of float32): beyond it fewer categories are kept."""


def logistic(problem: Problem) -> tuple[np.ndarray, str]:
    """Multinomial logistic regression: (n, K) probabilities. C from 0.01, 0.1, 1, 10 on validation rows, else 1."""
    table, train = _features(problem)

    def fit(c: float) -> Any:
        model = fit_logistic(problem, train, c)
        return lambda cells: model.predict_proba(table.dense(cells))

    choice = choose(problem, (0.01, 0.1, 1.0, 10.0), 1.0, fit)
    about = f"logistic regression on {train.shape[1]} numbers, {choice.said('C')}"
    return problem.predicted(choice.predict), about


def linear(problem: Problem) -> tuple[np.ndarray, str]:
    """Least squares with penalty a · |w|² on standardised columns: (n,) values.

    a from 0.1, 1, ... 1000 on validation rows, else 1.
    """
    from sklearn.linear_model import Ridge

    table, train = _features(problem)
    center, spread = float(problem.target.mean()), float(problem.target.std()) or 1.0
    scaled = (problem.target - center) / spread

    def fit(a: float) -> Any:
        model = Ridge(alpha=a).fit(train, scaled)
        return lambda cells: center + spread * model.predict(table.dense(cells))

    choice = choose(problem, (0.1, 1.0, 10.0, 100.0, 1000.0), 1.0, fit)
    about = f"linear regression on {train.shape[1]} numbers, {choice.said('penalty')}"
    return problem.predicted(choice.predict), about


def _features(problem: Problem) -> tuple[Table, np.ndarray]:
    """The fitted columns and the training matrix (n, D) float32."""
    records = problem.cells(problem.train)
    width = max(1, len({name for record in records for name in record}))
    table = Table.fit(records, most_categories=int(np.clip(MOST_NUMBERS / len(records) / width, 2, 200)))
    if not table.columns:
        raise Unfit("no column has two different values")
    return table, table.dense(records)
