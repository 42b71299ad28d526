"""Signals as rows of a table: each value of each channel, and each number beside them, is a column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from deepdojo.baselines.linear import fit_logistic
from deepdojo.baselines.problem import TEST_ROWS, Problem, Row, Unfit

__all__ = ["boosting", "logistic"]

SETTINGS = (0.01, 0.1)
ROUNDS = 40
"""Of boosting: a tree a class and round."""

MOST_ROWS = 20_000
"""Rows that boosting and the regression learn from at most."""

MOST_CLASSES = 20


def logistic(problem: Problem) -> tuple[np.ndarray, str]:
    """Multinomial logistic regression on all values, standardised: (n, K) probabilities.

    C from 0.01, 0.1 on validation rows, else 0.1.
    """
    columns = _Columns(problem)
    x, y = columns.train()
    small = _with(problem, y)

    def fit(c: float) -> Any:
        return fit_logistic(small, x, c)

    best, setting, how = fit(0.1), 0.1, ""
    if problem.can_choose:
        held = columns.of(problem.validation)
        models = {c: fit(c) for c in SETTINGS}
        setting = min(models, key=lambda c: problem.loss(models[c].predict_proba(held)))
        best, how = models[setting], " chosen on validation rows"
    about = f"logistic regression on {x.shape[1]} values of {len(x):,} rows, C = {setting:g}{how}"
    return columns.predicted(best.predict_proba), about


def boosting(problem: Problem) -> tuple[np.ndarray, str]:
    """scikit-learn's histogram boosting on all values, 40 rounds with a rate of 0.1: (n, K) probabilities."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    if not 2 <= len(problem.classes) <= MOST_CLASSES:
        raise Unfit(f"{len(problem.classes)} classes: boosting grows a tree a class and round")
    columns = _Columns(problem)
    x, y = columns.train()
    model = HistGradientBoostingClassifier(
        learning_rate=0.1, max_iter=ROUNDS, early_stopping=False, random_state=problem.seed,
        min_samples_leaf=int(np.clip(len(x) // 20, 1, 20)),
    ).fit(x, y)  # fmt: skip

    def predict(rows: np.ndarray) -> np.ndarray:
        found = np.zeros((len(rows), len(problem.classes)))
        found[:, model.classes_] = model.predict_proba(rows)
        return found

    about = f"gradient boosting of trees on {x.shape[1]} values of {len(x):,} rows, {ROUNDS} rounds"
    return columns.predicted(predict), about


class _Columns:
    """Rows as (n, D) float32, standardised; what is the same in every training row is left out."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.names = [name for name in problem.contract.inputs if name in problem.train[0]]  # some are optional
        n = len(problem.train)
        kept = np.random.default_rng(problem.seed).permutation(n)[:MOST_ROWS] if n > MOST_ROWS else np.arange(n)
        self.drawn = np.sort(kept)
        raw = self._raw(problem.train[int(i)] for i in self.drawn)
        self.mean, std = raw.mean(axis=0), raw.std(axis=0)
        self.kept = np.flatnonzero(std > 0)
        if not len(self.kept):
            raise Unfit("no value differs between the rows")
        self.std, self.x = std[self.kept], (raw[:, self.kept] - self.mean[self.kept]) / std[self.kept]

    def _raw(self, rows: Iterable[Row]) -> np.ndarray:
        found = [np.concatenate([np.ravel(row[name]) for name in self.names]).astype(np.float32) for row in rows]
        if len({len(row) for row in found}) > 1:
            raise Unfit("the signals have different sizes")
        return np.stack(found)

    def train(self) -> tuple[np.ndarray, np.ndarray]:
        return self.x, self.problem.target[self.drawn]

    def of(self, rows: Iterable[Row]) -> np.ndarray:
        return (self._raw(rows)[:, self.kept] - self.mean[self.kept]) / self.std

    def predicted(self, predict: Any) -> np.ndarray:
        """Held-out rows, some at a time."""
        test = self.problem.test
        parts = [predict(self.of(test[start : start + TEST_ROWS])) for start in range(0, len(test), TEST_ROWS)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.problem.classes)))


def _with(problem: Problem, target: np.ndarray) -> Problem:
    """The problem with the target of the rows drawn."""
    from dataclasses import replace

    small = replace(problem)
    small.__dict__["target"] = target
    return small
