"""Pairs that are the same or different, by their likeness: area, equal error rate, acceptance at a rate of false ones.

Legend: n pairs, R weightings, K different likenesses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from deepdojo.contracts import DIFFERENT, SAME
from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics.registry import metric, numbers

__all__ = ["eer", "pair_auc", "tar_at_far_01", "tar_at_far_1"]

_LARGEST_CELLS = 20_000_000


class _Rates:
    """Weighted shares of the same and of the different pairs at or above each likeness, from none to all."""

    def __init__(self, truth: Sequence[str], predicted: Sequence[float]) -> None:
        strange = next((label for label in truth if label not in (SAME, DIFFERENT)), None)
        if strange is not None:
            raise ScoreError(f"the label of a pair is {strange!r}", todo=f"give {SAME} or {DIFFERENT}")
        same = np.array([label == SAME for label in truth])
        if same.all() or not same.any():
            what = f"every pair is {SAME if same.all() else DIFFERENT}, and rates need both"
            raise ScoreError(what, todo="give pairs of one name and of two")
        values = numbers(predicted)
        order = np.argsort(-values, kind="stable")
        self.n, self.same, self.order, self.values = len(values), same, order, values
        self.ends = np.append(np.flatnonzero(np.diff(values[order])), self.n - 1)  # the last pair of each likeness

    def at(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(R, n) -> true and false acceptance (R, K + 1), both from 0 to 1; NaN where a side has no weight."""
        found = []
        for side in (self.same, ~self.same):
            sums = np.cumsum((weights * side)[:, self.order], axis=1)
            total = sums[:, -1:]
            share = np.divide(sums[:, self.ends], total, out=np.full((len(weights), len(self.ends)), np.nan),
                              where=total > 0)  # fmt: skip
            found.append(np.concatenate([np.zeros((len(weights), 1)), share], axis=1))
        return found[0], found[1]

    def measured(self, value: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Measured:
        def value_at(weights: np.ndarray) -> np.ndarray:
            step = max(1, _LARGEST_CELLS // self.n)
            return np.concatenate([value(*self.at(weights[i : i + step])) for i in range(0, len(weights), step)])

        return Measured(value_at, self.n, losses=self.placements(), bounds=(0.0, 1.0))

    def placements(self) -> np.ndarray:
        """(n,) the share of the pairs of the other kind that stand on the wrong side of each (ties half)."""
        out = np.empty(self.n)
        high, low = (np.sort(self.values[side]) for side in (self.same, ~self.same))
        for side, other, sign in ((self.same, low, 1), (~self.same, high, -1)):
            own = self.values[side]
            below = (np.searchsorted(other, own, "left") + np.searchsorted(other, own, "right")) / (2 * len(other))
            out[side] = 1 - below if sign > 0 else below
        return out


@metric(
    truth="label",
    predicted="number",
    higher_is_better=False,
    title="equal error rate",
    percent=True,
    goal="one number for two kinds of mistakes",
)
def eer(truth: Sequence[str], predicted: Sequence[float]) -> Measured:
    """Share of mistakes where pairs that are the same are refused as often as different ones are accepted.

    The rates between two likenesses lie on the straight line between them: the point of the ROC curve where 1 - true
    acceptance = false acceptance.

    Raises:
        ScoreError: all pairs are the same, or different; a likeness is not finite.
    """

    def value(true: np.ndarray, false: np.ndarray) -> np.ndarray:
        gap = false - (1 - true)  # from -1 up to 1
        at = np.clip((gap < 0).sum(axis=1), 1, gap.shape[1] - 1)[:, None]
        low, high = (np.take_along_axis(gap, at - k, axis=1) for k in (1, 0))
        share = np.divide(-low, high - low, out=np.zeros_like(low), where=high > low)
        a, b = (np.take_along_axis(false, at - k, axis=1) for k in (1, 0))
        return (a + share * (b - a))[:, 0]

    return _Rates(truth, predicted).measured(value)


@metric(
    truth="label",
    predicted="number",
    higher_is_better=True,
    title="area of pairs",
    goal="ranking of pairs, whatever the threshold",
)
def pair_auc(truth: Sequence[str], predicted: Sequence[float]) -> Measured:
    """Chance that a pair that is the same is liker than one that is not, ties half: the area under the ROC curve.

    Raises:
        ScoreError: all pairs are the same, or different; a likeness is not finite.
    """

    def value(true: np.ndarray, false: np.ndarray) -> np.ndarray:
        return (np.diff(false, axis=1) * (true[:, 1:] + true[:, :-1]) / 2).sum(axis=1)

    return _Rates(truth, predicted).measured(value)


@metric(
    truth="label",
    predicted="number",
    higher_is_better=True,
    title="TAR at FAR 1 %",
    percent=True,
    goal="doors: one stranger in a hundred comes in",
)
def tar_at_far_1(truth: Sequence[str], predicted: Sequence[float]) -> Measured:
    """Share of the pairs that are the same and accepted, at the largest false acceptance of at most 1 %.

    No threshold between two likenesses is made up: it is the best step of the ROC curve.

    Raises:
        ScoreError: all pairs are the same, or different; a likeness is not finite.
    """
    return _Rates(truth, predicted).measured(lambda true, false: _best_at(true, false, 0.01))


@metric(
    truth="label",
    predicted="number",
    higher_is_better=True,
    title="TAR at FAR 0.1 %",
    percent=True,
    goal="locks: one stranger in a thousand comes in",
)
def tar_at_far_01(truth: Sequence[str], predicted: Sequence[float]) -> Measured:
    """Share of the pairs that are the same and accepted, at the largest false acceptance of at most 0.1 %.

    Below 1,000 different pairs it is that at which none of them is accepted.

    Raises:
        ScoreError: all pairs are the same, or different; a likeness is not finite.
    """
    return _Rates(truth, predicted).measured(lambda true, false: _best_at(true, false, 0.001))


def _best_at(true: np.ndarray, false: np.ndarray, most: float) -> np.ndarray:
    known = np.isfinite(true[:, -1]) & np.isfinite(false[:, -1])
    best = np.where(false <= most * (1 + 1e-12), true, 0.0).max(axis=1)
    return np.where(known, best, np.nan)
