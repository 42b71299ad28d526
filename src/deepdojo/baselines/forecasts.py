"""Forecasts without a network: the last value, the last season, the drift, and ridge regression, the honest rival.

Each has a band: the errors of training rows, in units of the row's own spread, give the quantiles of each step.

Legend: n rows, T steps of the past, H steps ahead, F numbers known of each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepdojo.baselines.problem import Problem, Row, Unfit

__all__ = ["drift", "last_value", "ridge", "seasonal"]

LEVELS = np.arange(1, 10) / 10
PENALTIES = 10.0 ** np.arange(-1, 6)
FIXED_PENALTY = 100.0
MOST_VALUES = 60_000_000
"""Entries of the ridge's matrix at most (480 MB): of more rows some are drawn."""

MOST_FOLLOWING, LEAST_FOLLOWING = 2000, 10
"""Rows that are asked for the season of their scale, and steps from one to the next at least: by chance a wrong one
fits all ten with probability 10⁻¹⁷."""

Predicted = tuple[Mapping[str, Sequence[Any]], str]


def last_value(problem: Problem) -> Predicted:
    """Repeats the last value: what nobody beats where the series is a random walk."""
    rows = _Rows.of(problem, problem.train)
    return rows.answer(problem, lambda r: np.repeat(r.past[:, -1:], r.horizon, axis=1)), "always the last value"


def seasonal(problem: Problem) -> Predicted:
    """Repeats the last m values; of all m that fit into the past the one with the least error on training rows.

    Where that is 1, which is another floor, it is the season of the scale: a MASE of 1 is what this errs.
    """
    rows = _Rows.of(problem, problem.train)
    season, why = rows.season(), ""
    if season == 1:
        season, why = rows.season_of_scale(), ", the season that MASE is scaled by"
    if season == 1:
        raise Unfit("no season errs less on training rows than the last value alone")
    return rows.answer(problem, lambda r: r.repeated(season)), f"the last {season} values again{why}"


def drift(problem: Problem) -> Predicted:
    """Goes on with the mean slope of the past: last + k (last - first) / (T - 1)."""
    rows = _Rows.of(problem, problem.train)
    if rows.past.shape[1] < 2:
        raise Unfit("one value has no slope")

    def forecast(r: _Rows) -> np.ndarray:
        slope = (r.past[:, -1] - r.past[:, 0]) / (r.past.shape[1] - 1)
        return r.past[:, -1:] + slope[:, None] * np.arange(1, r.horizon + 1)

    return rows.answer(problem, forecast), "the line from the first to the last value goes on"


def ridge(problem: Problem) -> Predicted:
    """Least squares with penalty a · |W|² from the past, and all that is known ahead, to each step.

    Every row is moved by its last value and divided by its spread, and weighted so that errors count in units of MASE
    (spread / scale, cut at its 95 % quantile). a from 0.1, 1, ... 10⁵ by the absolute error on
    validation rows, in units of MASE; else 100.
    """
    rows = _Rows.of(problem, problem.train, seed=problem.seed)
    x, center, scale = rows.features(None)
    y = (rows.future - rows.past[:, -1:]) / rows.spread[:, None]
    size = rows.spread / rows.scale
    weight = np.minimum(size, np.quantile(size, 0.95))[:, None] ** 2
    weight /= weight.mean()
    middle, mean = (weight * x).mean(axis=0), (weight * y).mean(axis=0)
    x -= middle
    values, vectors = np.linalg.eigh(x.T @ (weight * x))
    right = vectors.T @ (x.T @ (weight * (y - mean)))

    def weights(a: float) -> np.ndarray:
        return vectors @ (right / (np.maximum(values, 0.0) + a)[:, None])

    def forecast(r: _Rows, w: np.ndarray) -> np.ndarray:
        return r.past[:, -1:] + r.spread[:, None] * ((r.features((center, scale))[0] - middle) @ w + mean)

    penalty, how = FIXED_PENALTY, ""
    if problem.can_choose:
        held = _Rows.of(problem, problem.validation)
        errors = [np.abs(forecast(held, weights(a)) - held.future).mean(axis=1) / held.scale for a in PENALTIES]
        penalty, how = float(PENALTIES[int(np.argmin([e.mean() for e in errors]))]), " chosen on validation rows"
    w = weights(penalty)
    about = f"ridge regression on {x.shape[1]} numbers of {len(rows.past):,} windows, penalty = {penalty:g}{how}"
    return rows.answer(problem, lambda r: forecast(r, w)), about


class _Rows:
    """Rows as matrices: past (n, T), known (n, F, H), and future (n, H) and scale (n,) where they have targets.

    Attributes:
        spread: (n,) the mean distance of the past from its mean; 1 where that is zero.
    """

    def __init__(self, problem: Problem, rows: Sequence[Row]) -> None:
        inputs = list(problem.contract.inputs)
        self.past = np.array([row[inputs[0]] for row in rows], dtype=np.float64)
        self.known = np.array([row[inputs[1]] for row in rows], dtype=np.float64)
        self.horizon = self.known.shape[2]
        self.spread = np.abs(self.past - self.past.mean(axis=1, keepdims=True)).mean(axis=1)
        self.spread[self.spread <= 1e-6 * np.abs(self.past[:, -1])] = 1.0
        targets = list(problem.contract.targets)
        if len(rows) and targets[0] in rows[0]:
            self.future = np.array([row[targets[0]] for row in rows], dtype=np.float64)
            self.scale = np.array([row[targets[1]] for row in rows], dtype=np.float64)

    @classmethod
    def of(cls, problem: Problem, rows: Sequence[Row], seed: int | None = None) -> _Rows:
        """All rows; with a seed so many that their features fit into the memory.

        Raises:
            Unfit: rows have pasts or futures of different lengths.
        """
        shapes = {(len(row["past"]), np.shape(row["known"])) for row in rows}
        if len(shapes) > 1:
            raise Unfit("the rows have pasts, or numbers known ahead, of different sizes")
        if seed is not None:
            (length, known), *_ = shapes
            most = MOST_VALUES // (length + int(np.prod(known)))
            if len(rows) > most:
                kept = np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))
                rows = [rows[int(i)] for i in kept]
        return cls(problem, rows)

    def season(self) -> int:
        """The number of last values that, repeated, have the least absolute error, in units of the rows' scale."""
        at = np.linspace(0, len(self.past) - 1, min(len(self.past), 2000)).astype(int)
        future, scale = self.future[at], self.scale[at]
        errors = [
            (np.abs(self.repeated(m, at) - future).mean(axis=1) / scale).mean()
            for m in range(1, self.past.shape[1] + 1)
        ]
        return 1 + int(np.argmin(errors))

    def season_of_scale(self) -> int:
        """The season m of which the scale is the mean difference, where rows follow each other by one step; else 1.

        With N differences up to a row's last value, scale' (N + 1) = scale N + |y - y_m| at the next row. So
        N = (|y - y_m| - scale') / (scale' - scale) is a whole number, and of a wrong m it is not.
        """
        past, scale = self.past[:MOST_FOLLOWING], self.scale[:MOST_FOLLOWING]
        follows = (past[1:, :-1] == past[:-1, 1:]).all(axis=1) & (np.diff(scale) != 0)
        at = np.flatnonzero(follows) + 1
        if len(at) < LEAST_FOLLOWING:
            return 1
        for m in range(1, past.shape[1]):
            counts = (np.abs(past[at, -1] - past[at, -1 - m]) - scale[at]) / (scale[at] - scale[at - 1])
            whole = (np.abs(counts - np.round(counts)) < 0.01) & (counts > 0.5)
            if whole.mean() > 0.9:
                return m
        return 1

    def repeated(self, season: int, at: Any = slice(None)) -> np.ndarray:
        """(n, H) the last `season` values, again and again."""
        past = self.past[at]
        return past[:, past.shape[1] - season + np.arange(self.horizon) % season]

    def features(self, scaling: tuple[np.ndarray, np.ndarray] | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """((n, T + F·H) of mean 0 and spread 1, and that mean and spread)."""
        moved = (self.past - self.past[:, -1:]) / self.spread[:, None]
        x = np.hstack([moved, self.known.reshape(len(self.known), -1)])
        center, scale = scaling or (x.mean(axis=0), x.std(axis=0))
        return (x - center) / np.where(scale > 1e-9, scale, 1.0), center, scale

    def answer(self, problem: Problem, forecast: Any) -> dict[str, Sequence[Any]]:
        """Forecasts of the held-out rows, with a band from the errors on these rows."""
        off = (self.future - forecast(self)) / self.spread[:, None]
        quantiles = np.quantile(off, LEVELS, axis=0)  # (9, H)
        test = _Rows(problem, problem.test)
        said = forecast(test)
        bands = said[:, None, :] + test.spread[:, None, None] * quantiles
        return dict(zip(problem.contract.predictions, (list(said), list(bands)), strict=True))
