"""Accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.columns import Coded
from deepdojo.scoring.measured import Measured, from_mean
from deepdojo.scoring.metrics.registry import metric

__all__ = ["accuracy"]


@metric(truth="label", predicted="label", higher_is_better=True, percent=True, goal="every row counts the same")
def accuracy(truth: Sequence[str], predicted: Sequence[str]) -> Measured:
    """Share of rows whose label is right.

    Σ wᵢ [yᵢ = ŷᵢ] / Σ wᵢ. Equal to scikit-learn's `accuracy_score`; Wilson's interval.
    """
    if isinstance(truth, Coded) and isinstance(predicted, Coded) and truth.names is predicted.names:
        right = (np.asarray(truth.codes) == np.asarray(predicted.codes)).astype(np.float64)
    else:
        right = np.array([t == p for t, p in zip(truth, predicted, strict=True)], dtype=np.float64)
    return from_mean(right, losses=1 - right, proportion=True, bounds=(0.0, 1.0))
