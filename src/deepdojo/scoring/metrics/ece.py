"""Calibration error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deepdojo.scoring.absolute_sums import absolute_sum_bounds
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
    The true value, which the interval holds in 95 % of samples (93 to 97; more near 0), is the same sum with the same
    bins over infinitely many rows. The sample's lies above it, for noise adds up under the bars: by 0.06 for 200 rows
    and a perfect model. So an interval may begin at 0, and lie mostly below its value (`absolute_sum_bounds`).

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

    def interval(level: float, draws: int, seed: int, index: np.ndarray | None) -> tuple[float, float]:
        rows = np.bincount(bins, minlength=BINS)
        either = np.bincount(bins, weights=(sure**2 + (1 - sure) ** 2) / 2, minlength=BINS) / np.maximum(rows, 1)
        share = rows / len(gap)
        return absolute_sum_bounds(placed, share, either, level=level, draws=draws, seed=seed, index=index)

    return Measured(
        value_at, len(gap), losses=np.abs(gap), influence_of=influence, bounds=(0.0, 1.0), interval_of=interval
    )


def confidence(truth: Sequence[str], predicted: Sequence[Mapping[str, float]]) -> tuple[np.ndarray, np.ndarray]:
    """(n,) greatest probability, (n,) 0/1 whether its label is the true one; of equal ones the first in order wins."""
    return greatest(truth, predicted)
