"""What every floor is given: rows, classes, seed; and how it chooses a setting on validation rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from deepdojo.contracts import Contract, contract_of
from deepdojo.errors import DataError

__all__ = ["Choice", "Problem", "Row", "Unfit", "choose", "drawn", "quiet"]

Row = Mapping[str, Any]

MIN_VALIDATION = 20
"""Below this many validation rows a choice would be drawn by chance, so each floor keeps its fixed setting."""


Predictor = Callable[[Sequence[Any]], np.ndarray]
"""Input cells -> (n, K) probabilities or (n,) values."""


@dataclass(frozen=True)
class Choice:
    """What `choose` kept: the fitted predictor, its setting, and whether validation rows chose it."""

    predict: Callable[[Sequence[Any]], np.ndarray]
    setting: float
    by_validation: bool

    def said(self, name: str) -> str:
        """The words for it: `C = 1 chosen on validation rows`, or `C = 1`."""
        return f"{name} = {self.setting:g}" + (" chosen on validation rows" if self.by_validation else "")


TEST_ROWS = 10_000
"""Held-out rows that are turned into features at a time."""


class Unfit(DataError):
    """This floor has nothing to say about these rows; the sentence says why. The others go on."""


@dataclass(frozen=True)
class Problem:
    """Rows of one task. Floors are fitted on `train` alone; `validation` only chooses among a few settings.

    Attributes:
        train, validation: rows with their target. test: rows with inputs only.
        seed: the same seed gives the same predictions.
        metric: the project's; "mae" asks the constant floor for a median.
    """

    task: str
    train: Sequence[Row]
    test: Sequence[Row]
    validation: Sequence[Row] = ()
    seed: int = 0
    metric: str = ""
    contract: Contract = field(init=False)
    input: str = field(init=False)
    regression: bool = field(init=False)

    def __post_init__(self) -> None:
        contract = contract_of(self.task)
        object.__setattr__(self, "contract", contract)
        object.__setattr__(self, "input", contract.input)
        object.__setattr__(self, "regression", contract.target_kind == "number")
        if not self.train:
            raise DataError("there are no training rows, so no floor can be fitted", todo="see `dojo check`")

    @cached_property
    def classes(self) -> list[str]:
        """Labels of the training rows, sorted: the columns of every probability matrix."""
        return sorted({row[self.contract.target] for row in self.train})

    @cached_property
    def target(self) -> np.ndarray:
        """Of the training rows: class numbers, (n,) int64, or values, (n,) float64."""
        return self.targets(self.train)

    def targets(self, rows: Sequence[Row]) -> np.ndarray:
        """As `target`; -1 for a label that no training row has."""
        if self.regression:
            return np.array([float(row[self.contract.target]) for row in rows])
        place = {label: k for k, label in enumerate(self.classes)}
        return np.array([place.get(row[self.contract.target], -1) for row in rows], dtype=np.int64)

    def cells(self, rows: Iterable[Row]) -> list[Any]:
        """The input cell of each row."""
        return [row[self.input] for row in rows]

    def predicted(self, predict: Predictor) -> np.ndarray:
        """Predictions of the held-out rows, made for `TEST_ROWS` of them at a time."""
        parts = [
            predict(self.cells(self.test[start : start + TEST_ROWS])) for start in range(0, len(self.test), TEST_ROWS)
        ]
        return np.concatenate(parts) if parts else predict([])

    @cached_property
    def can_choose(self) -> bool:
        return len(self.validation) >= MIN_VALIDATION

    def loss(self, predicted: np.ndarray) -> float:
        """Of the validation rows: mean log loss of (n, K) probabilities, or mean squared error of (n,) values."""
        truth = self.targets(self.validation)
        if self.regression:
            return float(np.mean((predicted - truth) ** 2))
        known = truth >= 0
        if not known.any():
            return 0.0
        return float(-np.log(np.clip(predicted[known, truth[known]], 1e-7, 1)).mean())


def drawn(problem: Problem, most: int) -> Problem:
    """The problem itself, or one with `most` training rows, drawn with its seed."""
    n = len(problem.train)
    if n <= most:
        return problem
    kept = np.sort(np.random.default_rng(problem.seed).permutation(n)[:most])
    small = replace(problem, train=[problem.train[int(i)] for i in kept])
    small.__dict__["classes"] = problem.classes  # the columns of every matrix, also where a class was not drawn
    return small


def choose(problem: Problem, settings: Sequence[float], fixed: float, fit: Callable[[float], Predictor]) -> Choice:
    """Fit every setting on the training rows and keep the one with the lowest loss on the validation rows.

    With fewer than 20 validation rows only `fixed` is fitted. Of equal losses the first setting wins.
    """
    if not problem.can_choose or len(settings) == 1:
        return Choice(fit(fixed), fixed, False)
    cells = problem.cells(problem.validation)
    best: tuple[float, Choice] | None = None
    for setting in settings:
        predictor = fit(setting)
        loss = problem.loss(predictor(cells))
        if best is None or loss < best[0]:
            best = loss, Choice(predictor, setting, True)
    assert best is not None
    return best[1]


@contextmanager
def quiet() -> Iterator[None]:
    """Floors stop after a fixed number of iterations by intent, so scikit-learn's warnings about that say nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
