"""Quadratic weighted kappa."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.scoring.measured import Measured, from_sums
from deepdojo.scoring.metrics.registry import metric

__all__ = ["quadratic_kappa"]


@metric(
    truth="label",
    predicted="label",
    higher_is_better=True,
    title="weighted kappa",
    goal="grades: a miss by two steps costs four times a miss by one",
    ordered=True,
)
def quadratic_kappa(truth: Sequence[str], predicted: Sequence[str]) -> Measured:
    """Agreement of true and predicted grades beyond chance: 1 = all right, 0 = as good as one grade for all.

    1 - Σᵢ wᵢ (yᵢ - ŷᵢ)² / (Σᵢⱼ wᵢ wⱼ (yᵢ - ŷⱼ)² / Σ w): squared steps beside those of the same grades dealt out at
    random. Grades count by their value where all are numbers, else by their place in the alphabet. Equal to
    scikit-learn's `cohen_kappa_score(weights="quadratic")` where the grades are whole numbers without a gap; where all
    rows have one grade, true and predicted, it is 1.

    Source: Cohen 1968, "Weighted kappa"
    """
    y, said = np.split(_grades([*truth, *predicted]), 2)
    center = float(np.mean(y))
    y, said = y - center, said - center  # sums of squares of large grades would lose digits
    stats = np.stack([np.ones_like(y), y, said, y**2, said**2, y * said], axis=1)

    def value(sums: np.ndarray) -> np.ndarray:
        n, sum_y, sum_s, yy, ss, ys = sums.T
        apart = np.maximum(yy + ss - 2 * ys, 0.0)
        chance = yy + ss - 2 * sum_y * sum_s / n
        met = np.where(apart > 1e-12 * n, 0.0, 1.0)
        return np.where(chance > 1e-12 * n, 1 - apart / np.where(chance > 1e-12 * n, chance, 1.0), met)

    return from_sums(stats, value, losses=(y - said) ** 2, bounds=(-1.0, 1.0))


def _grades(cells: Sequence[str]) -> np.ndarray:
    """(n,) float64: values where all are numbers, else places in the alphabet."""
    values = [_number(cell) for cell in cells]
    if None not in values:
        return np.array(values, dtype=np.float64)
    return np.unique(np.array(cells, dtype=str), return_inverse=True)[1].astype(np.float64)


def _number(cell: str) -> float | None:
    """The finite number that a label is, or None."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
