"""Whether an explanation is right: delete what it calls important and see if the decision loses more than by chance.

Legend: R rows, G units of a row, K orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepdojo.explain.evidence import Probe
from deepdojo.scoring.flips import pair_p

__all__ = ["Deletion", "Gap", "delete", "gap", "top_third"]

RANDOM_ORDERS = 8
DRAWS = 1000
LEAST_UNITS = 3


@dataclass(frozen=True)
class Deletion:
    """Evidence of one row after a third of its units is deleted.

    Attributes:
        random: the mean over `RANDOM_ORDERS` random thirds.
        control: the same of as many other random thirds: a method that knows nothing.
        methods: method -> its top third.
        bounded: the same three as exp(evidence), the likelihood of the decision: in 0..1 where loss = -log p.
    """

    random: float
    control: float
    methods: Mapping[str, float]
    bounded: Deletion | None = None


@dataclass(frozen=True)
class Gap:
    """Mean over rows of (evidence after random thirds - after a method's top third), 95 % interval over rows.

    Attributes:
        p: two-sided, of the paired test that flips the signs of rows (`scoring.flips`): at least 2^(1 - n) of n rows,
            so that fewer than six never say anything, however the interval of so few looks.
    """

    value: float
    low: float
    high: float
    p: float = 1.0


def top_third(scores: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(G,) bool: the round(G / 3) highest scores, at least one. Equal scores are ordered by chance, never by place."""
    order = np.lexsort((generator.random(len(scores)), -scores))
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[order[: max(1, round(len(scores) / 3))]] = True
    return chosen


def delete(probe: Probe, scores: Mapping[str, np.ndarray], generator: np.random.Generator) -> Deletion:
    """The deletion test of one row.

    Args:
        scores: method -> (G,) score of each unit.

    Cost: one forward pass a method, and 2 `RANDOM_ORDERS` that all methods share.
    """
    nothing_known = np.zeros(probe.units)
    thirds = [top_third(nothing_known, generator) for _ in range(2 * RANDOM_ORDERS)]
    thirds += [top_third(values, generator) for values in scores.values()]
    left = probe.after(np.stack(thirds))
    return _deletion(left, scores, _deletion(np.exp(left), scores, None))


def _deletion(left: np.ndarray, scores: Mapping[str, np.ndarray], bounded: Deletion | None) -> Deletion:
    random, control, methods = np.split(left, [RANDOM_ORDERS, 2 * RANDOM_ORDERS])
    after = dict(zip(scores, map(float, methods), strict=True))
    return Deletion(float(random.mean()), float(control.mean()), after, bounded)


def gap(deletions: Sequence[Deletion], method: str | None, *, seed: int = 0) -> Gap:
    """The deletion gap of a method, or of the random control (None): > 0 is better than chance.

    gap = mean over rows of [E(random third) - E(top third)]; the interval lies between the 2.5 and 97.5 % points of
    `DRAWS` bootstrap means over rows.

    Args:
        deletions: one a row, at least two.
    """
    after = [d.control if method is None else d.methods[method] for d in deletions]
    random = np.array([d.random for d in deletions])
    values = random - np.array(after)
    generator = np.random.default_rng([seed, 1])
    means = values[generator.integers(0, len(values), (DRAWS, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Gap(float(values.mean()), float(low), float(high), pair_p(random, np.array(after), seed=seed))
