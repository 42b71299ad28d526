"""Distribution cells as arrays, for the metrics that read probabilities. Holds no metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from deepdojo.columns import Distributions
from deepdojo.errors import ScoreError

__all__ = ["greatest", "labels_of", "matrix", "of_the_truth"]


def of_the_truth(truth: Sequence[str], predicted: Sequence[Mapping[str, float]]) -> np.ndarray:
    """(n,) the probability of each row's true label, 0 where the row does not name it."""
    if isinstance(predicted, Distributions):
        place = {label: column for column, label in enumerate(predicted.labels)}
        column = np.fromiter((place.get(answer, -1) for answer in truth), dtype=np.int64, count=len(truth))
        p = np.where(column >= 0, predicted.matrix[np.arange(len(column)), column], 0.0)
        for row in _not_summing_to_one(predicted):
            p[row] = _normalised(predicted[row], row).get(truth[row], 0.0)
        return p
    cells = zip(truth, predicted, strict=True)
    return np.array([_normalised(cell, row).get(answer, 0.0) for row, (answer, cell) in enumerate(cells)])


def greatest(truth: Sequence[str], predicted: Sequence[Mapping[str, float]]) -> tuple[np.ndarray, np.ndarray]:
    """(n,) the greatest probability of each row, (n,) 0/1 whether its label is the true one; of equal ones the first
    label in order."""
    if isinstance(predicted, Distributions):
        order = sorted(range(len(predicted.labels)), key=predicted.labels.__getitem__)
        names = [predicted.labels[k] for k in order]
        best = predicted.matrix[:, order].argmax(axis=1)
        sure = predicted.matrix.max(axis=1, initial=0.0)
        right = np.fromiter((names[k] == t for k, t in zip(best, truth, strict=True)), np.float64, len(truth))
        for row in _not_summing_to_one(predicted):
            sure[row] = _greatest(predicted[row], row)[0]
        return sure, right
    sure, right = np.empty(len(truth)), np.empty(len(truth))
    for row, (answer, cell) in enumerate(zip(truth, predicted, strict=True)):
        p, label = _greatest(cell, row)
        sure[row], right[row] = p, label == answer
    return sure, right


def _greatest(cell: Mapping[str, float], row: int) -> tuple[float, str]:
    label = min(cell, key=lambda name: (-cell[name], name), default="")
    return _normalised(cell, row).get(label, 0.0), label


def labels_of(predicted: Sequence[Mapping[str, float]]) -> set[str]:
    """All labels that any row names."""
    if isinstance(predicted, Distributions):
        return set(predicted.labels)
    return {label for cell in predicted for label in cell}


def _not_summing_to_one(predicted: Distributions) -> list[int]:
    """Rows that may have to be brought to sum 1; the bound leaves room for the rounding of the sums here."""
    return np.flatnonzero(~(np.abs(predicted.matrix.sum(axis=1) - 1) < 5e-10)).tolist()


def matrix(predicted: Sequence[Mapping[str, float]], labels: Sequence[str]) -> np.ndarray:
    """(n, len(labels)) probabilities as they stand, 0 where a row does not name the label.

    Not brought to sum 1: the division would tell apart, in their last digit, rows that tie.
    """
    place = {label: column for column, label in enumerate(labels)}
    out = np.zeros((len(predicted), len(labels)))
    if isinstance(predicted, Distributions):
        for column, label in enumerate(predicted.labels):
            if label in place:
                out[:, place[label]] = predicted.matrix[:, column]
        return out
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
