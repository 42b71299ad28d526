"""Log loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from deepdojo.scoring.measured import Measured, from_mean
from deepdojo.scoring.metrics.distributions import of_the_truth
from deepdojo.scoring.metrics.registry import metric

__all__ = ["log_loss"]


@metric(
    truth="label",
    predicted="distribution",
    higher_is_better=False,
    unit="nats",
    title="log-loss",
    goal="honest probabilities",
)
def log_loss(truth: Sequence[str], predicted: Sequence[Mapping[str, float]]) -> Measured:
    """Mean of -ln p(true label), in nats: punishes wrong confidence.

    Σ wᵢ · -ln pᵢ(yᵢ) / Σ wᵢ with p clipped to [ε, 1-ε], ε = 2.2e-16 (a label that is not named costs 36.04). Equal to
    scikit-learn's `log_loss`; rows are brought to sum 1 first.
    """
    epsilon = np.finfo(np.float64).eps
    losses = -np.log(np.clip(of_the_truth(truth, predicted), epsilon, 1 - epsilon))
    return from_mean(losses, bounds=(0.0, math.inf))
