"""Gradient boosting of trees on tables: the floor that deep models on tables often do not reach."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from deepdojo.baselines.features import Table
from deepdojo.baselines.problem import Problem, Unfit

__all__ = ["boosting"]

TREES = 4000
"""Trees at most; with K > 2 classes every round grows K of them."""

MOST_CLASSES = 100
MOST_ROWS = 200_000


def boosting(problem: Problem) -> tuple[np.ndarray, str]:
    """scikit-learn's histogram boosting: (n, K) probabilities or (n,) values.

    200 rounds with a rate of 0.06; with 20 validation rows or more the round with their lowest loss is taken, else 100
    rounds. Leaves hold n / 20 rows, at least 1 and at most 20, so that a table of ten rows can be split at all.
    Source: Friedman 2001, Greedy Function Approximation; Ke et al. 2017, LightGBM (histograms).
    """
    classes = 1 if problem.regression else len(problem.classes)
    if classes > MOST_CLASSES:
        raise Unfit(f"{classes} classes: boosting grows a tree a class and round, which is done up to {MOST_CLASSES}")
    if not problem.regression and classes == 1:
        return np.ones((len(problem.test), 1)), "one class in the training rows"
    records, target = problem.cells(problem.train), problem.target
    kept = _sample(len(records), problem.seed)
    records, target = [records[i] for i in kept], target[kept]
    table = Table.fit(records, most_categories=250)
    if not table.columns:
        raise Unfit("no column has two different values")
    rounds = int(np.clip(TREES // max(1, classes if classes > 2 else 1), 20, 200 if problem.can_choose else 100))
    model = _model(problem, table, records, target, rounds)
    best = _best_round(problem, model, table) if problem.can_choose else rounds
    predicted = problem.predicted(
        lambda cells: next(islice(_stages(problem, model, table.codes(cells)[0]), best - 1, None))
    )
    chosen = f"{best} of {rounds} rounds chosen on validation rows" if problem.can_choose else f"{rounds} rounds"
    about = f"gradient boosting of trees on {len(table.columns)} columns, {chosen}"
    return predicted, about + (f", {len(kept):,} rows drawn" if len(kept) < len(problem.train) else "")


def _model(problem: Problem, table: Table, records: list[Any], target: np.ndarray, rounds: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    matrix, categorical = table.codes(records)
    kind = HistGradientBoostingRegressor if problem.regression else HistGradientBoostingClassifier
    model = kind(
        learning_rate=0.06,
        max_iter=rounds,
        max_leaf_nodes=15 if len(records) < 5000 else 31,
        min_samples_leaf=int(np.clip(len(records) // 20, 1, 20)),
        categorical_features=categorical or None,
        early_stopping=False,
        random_state=problem.seed,
    )
    return model.fit(matrix, target)


def _sample(n: int, seed: int) -> np.ndarray:
    """All rows, or `MOST_ROWS` of them in order."""
    if n <= MOST_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, MOST_ROWS, replace=False))


def _best_round(problem: Problem, model: Any, table: Table) -> int:
    """The number of rounds with the lowest loss on validation rows; of equal ones the fewest."""
    stages = _stages(problem, model, table.codes(problem.cells(problem.validation))[0])
    return 1 + int(np.argmin([problem.loss(stage) for stage in stages]))


def _stages(problem: Problem, model: Any, matrix: np.ndarray) -> Iterator[np.ndarray]:
    """The predictions after each round, with a column for every class, also one that no drawn row has."""
    if problem.regression:
        yield from model.staged_predict(matrix)
        return
    for stage in model.staged_predict_proba(matrix):
        full = np.zeros((len(matrix), len(problem.classes)))
        full[:, model.classes_] = stage
        yield full
