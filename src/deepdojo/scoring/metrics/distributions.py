"""Distribution cells as arrays, for the metrics that read probabilities. Holds no metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from deepdojo.errors import ScoreError

__all__ = ["greatest", "matrix", "of_the_truth"]


def of_the_truth(truth: Sequence[str], predicted: Sequence[Mapping[str, float]]) -> np.ndarray:
    """(n,) the probability of each row's true label, 0 where the row does not name it."""
    cells = zip(truth, predicted, strict=True)
    return np.array([_normalised(cell, row).get(answer, 0.0) for row, (answer, cell) in enumerate(cells)])


def greatest(cell: Mapping[str, float], row: int) -> tuple[float, str]:
    """The greatest probability of a row and its label; of equal ones the first label in order."""
    label = min(cell, key=lambda name: (-cell[name], name), default="")
    return _normalised(cell, row).get(label, 0.0), label


def matrix(predicted: Sequence[Mapping[str, float]], labels: Sequence[str]) -> np.ndarray:
    """(n, len(labels)) probabilities as they stand, 0 where a row does not name the label.

    Not brought to sum 1: the division would tell apart, in their last digit, rows that tie.
    """
    place = {label: column for column, label in enumerate(labels)}
    out = np.zeros((len(predicted), len(labels)))
    for row, cell in enumerate(predicted):
        for label, p in cell.items():
            if label in place:
                out[row, place[label]] = p
    return out


def _normalised(cell: Mapping[str, float], row: int) -> Mapping[str, float]:
    """The cell with sum 1 (± 1e-9): the table's tolerance of 1e-3 must not be worth 0.001 nats to anybody."""
    total = math.fsum(cell.values()) if cell else 0.0
    if not 0 < total < math.inf:
        raise ScoreError("the probabilities have no positive finite sum", where=f"row {row + 1}")
    return cell if abs(total - 1) < 1e-9 else {label: p / total for label, p in cell.items()}
