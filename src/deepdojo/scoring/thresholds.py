"""From which probability on a row gets the positive label: chosen on validation rows, or given. Torch-free.

Legend: n rows, R thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.columns import Coded, Distributions
from deepdojo.contracts import Contract
from deepdojo.errors import ScoreError
from deepdojo.scoring.metrics import Metric, metric_of
from deepdojo.tables import Table

__all__ = ["Threshold", "best_threshold", "choose", "decided", "probability_of", "require_metric"]


@dataclass(frozen=True)
class Threshold:
    """A row is `positive` from probability `value` on, else `other`.

    Attributes:
        by: the metric that chose it; empty where the number was given, or no row could choose it.
        n: validation rows that chose it.
    """

    positive: str
    other: str
    value: float
    by: str = ""
    n: int = 0

    def as_json(self) -> dict[str, Any]:
        return {"positive": self.positive, "threshold": self.value, "by": self.by, "n": self.n}

    def said(self) -> str:
        """`pneumonia from a probability of 0.79 on, by balanced accuracy on 524 validation rows`."""
        how = f", by {metric_of(self.by).title or self.by} on {self.n:,} validation rows" if self.by else ""
        return f"{self.positive} from a probability of {self.value:.3g} on{how}"


def require_metric(name: str) -> Metric:
    """A metric that can choose a threshold. Raises UnknownNameError, or ScoreError for one of other cells."""
    entry = metric_of(name)
    if (entry.truth, entry.predicted) != ("label", "label") or entry.ordered or entry.beside is not None:
        raise ScoreError(
            f"{name} does not judge labels, so it cannot choose from which probability on one is given",
            where="threshold", todo="take balanced_accuracy, macro_f1 or accuracy",
        )  # fmt: skip
    return entry


def best_threshold(metric: Metric, truth: Sequence[str], p: np.ndarray, labels: tuple[str, str]) -> float:
    """The threshold with the best value of the metric; of equally good ones the nearest to 0.5.

    Tried are the middles between neighbouring probabilities, and 0.5. All are judged at once: a row is one of four
    pairs of truth and answer, so that a threshold is four weights.

    Args:
        truth: (n,) labels.
        p: (n,) probability of the first of `labels`, the positive one.
    """
    positive, other = labels
    is_positive = np.array([label == positive for label in truth], dtype=bool)
    if is_positive.all() or not is_positive.any():
        return 0.5
    values = np.unique(p)
    tried = np.unique(np.append((values[1:] + values[:-1]) / 2, 0.5))
    counts = [
        len(side) - np.searchsorted(np.sort(side), tried, side="left") for side in (p[is_positive], p[~is_positive])
    ]
    hits, alarms = (count.astype(np.float64) for count in counts)  # (R,) called positive
    weights = np.stack([hits, is_positive.sum() - hits, alarms, (~is_positive).sum() - alarms], axis=1)
    four: Sequence[Any] = [positive, positive, other, other]
    if metric.positive:
        four = [(label, positive) for label in four]
    found = metric(four, [positive, other, positive, other]).value_at(weights)
    found = np.where(np.isfinite(found), found if metric.higher_is_better else -found, -np.inf)
    best = tried[found >= found.max() - 1e-12]
    return float(best[np.abs(best - 0.5).argmin()])


def decided(table: Table, contract: Contract, threshold: Threshold) -> Table:
    """The table with the labels that the threshold gives to its probabilities."""
    assert contract.distribution is not None
    given = probability_of(table.columns[contract.distribution], threshold.positive) >= threshold.value
    labels = Coded(np.where(given, 0, 1), (threshold.positive, threshold.other))
    return Table({**table.columns, contract.target: labels}, table.source, table.lines)


def probability_of(cells: Sequence[Any], label: str) -> np.ndarray:
    """(n,) the probability of one label; 0 where a cell does not name it."""
    if isinstance(cells, Distributions) and label in cells.labels:
        return np.asarray(cells.matrix[:, cells.labels.index(label)], dtype=np.float64)
    return np.array([cell.get(label, 0.0) for cell in cells], dtype=np.float64)


def choose(
    rule: float | str, contract: Contract, labels: Sequence[str], truth: Sequence[str], table: Table
) -> Threshold:
    """The threshold that a project asks for, from validation rows; 0.5 where there are none.

    Args:
        rule: a number, or the metric to choose by.
        labels: the classes of the training rows.
        truth, table: labels and predictions of the same validation rows in the same order.

    Raises:
        ScoreError: there are not two classes, or the positive one is not among them.
    """
    assert contract.positive is not None
    assert contract.distribution is not None
    others = [label for label in labels if label != contract.positive]
    if len(others) != 1 or len(labels) != 2:
        shown = ", ".join(map(repr, list(labels)[:5]))
        raise ScoreError(
            f"a threshold is for two classes, of which {contract.positive!r} is one; the training rows hold {shown}",
            where="positive", todo="correct positive in project.toml, or leave threshold out",
        )  # fmt: skip
    if not isinstance(rule, str):
        return Threshold(contract.positive, others[0], float(rule))
    entry = require_metric(rule)
    if not truth:
        return Threshold(contract.positive, others[0], 0.5)
    p = probability_of(table.columns[contract.distribution], contract.positive)
    value = best_threshold(entry, truth, p, (contract.positive, others[0]))
    return Threshold(contract.positive, others[0], value, rule, len(truth))
