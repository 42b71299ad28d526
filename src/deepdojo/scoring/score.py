"""One prediction table against the hidden answers: aligned by id, checked, measured, with its interval."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepdojo.columns import Mapped
from deepdojo.contracts import Contract
from deepdojo.data.rowset import column
from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Difference, IntervalName, Measured, paired
from deepdojo.scoring.metrics import Metric, columns_of, metric_of, truth_cells
from deepdojo.tables import Table, align, check_cells

__all__ = ["Score", "from_measured", "paired_scores", "score"]


@dataclass(frozen=True)
class Score:
    """A metric's value on held-out rows, and how sure it is.

    Attributes:
        low, high: the 95 % interval over test rows, for this trained model.
        interval: how it was found; "none" where one row cannot tell (low = high = value).
        influence: (n,) in the solution's order: how each row pulls the value.
        measured: the value as a function of row weights.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    higher_is_better: bool
    interval: IntervalName
    influence: np.ndarray = field(repr=False)
    measured: Measured = field(repr=False)

    @property
    def losses(self) -> np.ndarray:
        """(n,) how bad each row is, larger = worse; for a list of the worst errors."""
        if self.measured.losses is not None:
            return self.measured.losses
        return -self.influence if self.higher_is_better else self.influence

    def as_json(self) -> dict[str, Any]:
        """The plain figures, as score.json begins."""
        names = ("metric", "value", "low", "high", "n", "higher_is_better", "interval")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.4g} [{self.low:.4g}, {self.high:.4g}], n = {self.n:,}"


def score(
    contract: Contract,
    metric: str | Metric,
    solution: Sequence[Mapping[str, Any]],
    table: Table,
    *,
    groups: np.ndarray | None = None,
    labels: Collection[str] | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Score:
    """Score a prediction table.

    Args:
        solution: one row an id, with the contract's target columns.
        table: predictions in any order; aligned by id first.
        groups: (n,) in the solution's order: the interval follows the groups.
        labels: the labels that may be predicted, or None for any.

    Raises:
        ScoreError: ids missing, doubled or foreign; a cell that is not of its kind; a metric that is not defined here.
    """
    entry = metric_of(metric) if isinstance(metric, str) else metric
    target, prediction = columns_of(contract, entry)
    if not len(solution):
        raise ScoreError("there is no row to score", todo="the held-out part must have at least one row")
    ids = Mapped(column(solution, "id"), str)
    answers = Table({"id": ids, target: column(solution, target)}, "the solution")
    check_cells(answers, {target: contract.targets[target]})
    if prediction not in table.columns:
        raise ScoreError(
            f"{entry.name} needs the column {prediction!r}", where=table.source, todo="add it to the table"
        )
    lined_up = align(ids, table)
    check_cells(lined_up, {prediction: entry.predicted}, labels=labels)
    measured = entry(truth_cells(contract, entry, solution), lined_up.columns[prediction])
    return from_measured(
        entry.name, measured, entry.higher_is_better, groups=groups, level=level, draws=draws, seed=seed
    )


def from_measured(
    name: str,
    measured: Measured,
    higher_is_better: bool,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Score:
    """The score of something measured. Raises ScoreError when its value is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        value = measured.value()
        if not math.isfinite(value):
            raise ScoreError(f"{name} is {value} on these rows", todo="look for extreme predictions or another metric")
        low, high, interval = measured.estimate(level, draws, seed, groups)
        influence = measured.influence()
    return Score(name, value, low, high, measured.n, higher_is_better, interval, influence, measured)


def paired_scores(
    a: Score,
    b: Score,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Difference:
    """a - b of two scores of one metric on the same rows in the same order, with interval and p (`measured.paired`)."""
    if a.metric != b.metric:
        raise ScoreError(f"{a.metric} and {b.metric} cannot be compared", todo="score both with one metric")
    return paired(a.measured, b.measured, groups=groups, level=level, draws=draws, seed=seed)
