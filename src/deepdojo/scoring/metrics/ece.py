"""Calibration error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics.distributions import greatest
from deepdojo.scoring.metrics.registry import metric

__all__ = ["BINS", "confidence", "ece"]

BINS = 15


@metric(
    truth="label",
    predicted="distribution",
    higher_is_better=False,
    title="calibration error",
    percent=True,
    goal="is 80 % sure right 80 % of the time?",
)
def ece(truth: Sequence[str], predicted: Sequence[Mapping[str, float]]) -> Measured:
    """Expected calibration error: how far confidence is from the share of right answers, over 15 equal bins.

    Σ_b |Σ_{i in b} wᵢ (rightᵢ - confidenceᵢ)| / Σ wᵢ; confidence = the greatest probability, bin b = ((b-1)/15, b/15].
    A resample's error lies above the sample's (noise adds up under the bars): the interval is the reflected bootstrap.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2.
    """
    sure, right = confidence(truth, predicted)
    bins = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    gap = right - sure
    placed = np.zeros((len(gap), BINS))
    placed[np.arange(len(gap)), bins] = gap

    def influence() -> np.ndarray:
        pull = np.sign(placed.sum(axis=0))[bins] * gap
        return pull - pull.mean()

    def value_at(weights: np.ndarray) -> np.ndarray:
        return np.abs(weights @ placed).sum(axis=1) / weights.sum(axis=1)

    return Measured(value_at, len(gap), losses=np.abs(gap), influence_of=influence, bounds=(0.0, 1.0), biased=True)


def confidence(truth: Sequence[str], predicted: Sequence[Mapping[str, float]]) -> tuple[np.ndarray, np.ndarray]:
    """(n,) greatest probability, (n,) 0/1 whether its label is the true one; of equal ones the first in order wins."""
    sure, right = np.empty(len(truth)), np.empty(len(truth))
    for row, (answer, cell) in enumerate(zip(truth, predicted, strict=True)):
        p, label = greatest(cell, row)
        sure[row], right[row] = p, label == answer
    return sure, right
