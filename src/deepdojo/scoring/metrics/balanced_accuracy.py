"""Balanced accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics.registry import metric

__all__ = ["balanced_accuracy"]


@metric(
    truth="label",
    predicted="label",
    higher_is_better=True,
    title="balanced accuracy",
    percent=True,
    goal="classes come in other shares than in the test rows",
)
def balanced_accuracy(truth: Sequence[str], predicted: Sequence[str]) -> Measured:
    """Mean over true classes of the share of their rows that is right: the same whatever the shares of the classes.

    (1/|C|) Σ_c Σ_{i: y_i = c} w_i [ŷ_i = c] / Σ_{i: y_i = c} w_i, C = the classes of the truth; a class without weight
    is left out. Equal to scikit-learn's `balanced_accuracy_score`.

    Source: Brodersen et al. 2010, "The balanced accuracy and its posterior distribution"
    """
    names, classes = np.unique(np.array(truth, dtype=str), return_inverse=True)
    right = (np.array(predicted, dtype=str) == names[classes]).astype(np.float64)
    counts = np.bincount(classes, minlength=len(names))

    def value_at(weights: np.ndarray) -> np.ndarray:
        shares = np.full((len(names), len(weights)), np.nan)
        for k in range(len(names)):  # one class at a time: a table of rows by classes would be larger than the weights
            of = weights[:, classes == k]
            whole = of.sum(axis=1)
            np.divide(of @ right[classes == k], whole, out=shares[k], where=whole > 0)
        seen = np.isfinite(shares)
        return np.where(seen, shares, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)

    recalls = np.bincount(classes, weights=right, minlength=len(names)) / counts

    return Measured(
        value_at,
        len(right),
        losses=1 - right,
        influence_of=lambda: len(right) / len(names) * (right - recalls[classes]) / counts[classes],
        bounds=(0.0, 1.0),
        effective_n=int(counts.min()) * len(names),
    )
