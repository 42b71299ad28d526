"""Area under the ROC curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics.distributions import labels_of, matrix
from deepdojo.scoring.metrics.registry import metric

__all__ = ["roc_auc"]

_LARGEST_CELLS = 10_000_000  # classes × rows: 1,000 classes on 10,000 rows
_DRAWN_CELLS = 200_000  # above this DeLong's interval, which agrees to the third digit there, saves seconds


@metric(
    truth="label",
    predicted="distribution",
    higher_is_better=True,
    title="ROC-AUC",
    goal="ranking, whatever the threshold",
)
def roc_auc(truth: Sequence[str], predicted: Sequence[Mapping[str, float]]) -> Measured:
    """Chance that a row of a class gets a higher probability of it than a row of another class.

    Two classes: Σ_{i+, j-} wᵢwⱼ ([pᵢ > pⱼ] + ½[pᵢ = pⱼ]) / Σ wᵢwⱼ. More: the mean over classes of one against the rest.
    Equal to scikit-learn's `roc_auc_score` (`multi_class="ovr", average="macro"`). The influence is DeLong's.

    Raises:
        ScoreError: when the truth has one class only, where the area is not defined.

    Source: DeLong, DeLong and Clarke-Pearson 1988; Hand and Till 2001 for one against the rest.
    """
    classes = sorted(set(truth))
    if len(classes) < 2:
        what = f"ROC-AUC is not defined: every row's true label is {classes[0]!r}"
        raise ScoreError(what, todo="choose accuracy or log_loss, or a split with both classes")
    if len(classes) * len(truth) > _LARGEST_CELLS:
        what = f"ROC-AUC of {len(classes):,} classes on {len(truth):,} rows would need gigabytes"
        raise ScoreError(what, todo="choose accuracy, macro_f1 or log_loss")
    if len(set(classes) | labels_of(predicted)) == 2:
        classes = classes[1:]  # p and 1 - p rank alike: one curve says it all
    p = matrix(predicted, classes)
    labels = np.array(truth, dtype=object)
    curves = [_Curve(p[:, column], labels == label) for column, label in enumerate(classes)]

    def value_at(weights: np.ndarray) -> np.ndarray:
        areas = np.stack([curve.area(weights) for curve in curves])
        seen = np.isfinite(areas)
        total = seen.sum(axis=0)
        return np.divide(
            np.where(seen, areas, 0).sum(axis=0), total, out=np.full(len(weights), np.nan), where=total > 0
        )

    return Measured(
        value_at,
        len(labels),
        # How often the row stands on the wrong side of a pair.
        losses=1 - np.mean([curve.placements() for curve in curves], axis=0),
        influence_of=lambda: np.mean([curve.influence() for curve in curves], axis=0),
        bounds=(0.0, 1.0),
        effective_n=min(curve.rarer for curve in curves) * len(curves),
        normal=len(curves) * len(truth) > _DRAWN_CELLS,
    )


class _Curve:
    """One class against the rest: everything that does not depend on the weights is sorted once."""

    def __init__(self, scores: np.ndarray, positive: np.ndarray) -> None:
        self.n = len(scores)
        order = np.argsort(scores, kind="stable")
        self.positives, self.negatives = order[positive[order]], order[~positive[order]]
        self.rarer = min(len(self.positives), len(self.negatives))
        high, low = scores[self.positives], scores[self.negatives]
        self.below, self.upto = np.searchsorted(low, high, "left"), np.searchsorted(low, high, "right")
        self.low_below, self.low_upto = np.searchsorted(high, low, "left"), np.searchsorted(high, low, "right")

    def area(self, weights: np.ndarray) -> np.ndarray:
        """(R, n) -> (R,); NaN where a side has no weight."""
        up, down = weights[:, self.positives], weights[:, self.negatives]
        sums = np.zeros((len(weights), len(self.negatives) + 1))
        np.cumsum(down, axis=1, out=sums[:, 1:])
        pairs = np.einsum("rp,rp->r", up, sums[:, self.below] + sums[:, self.upto]) / 2
        total = up.sum(axis=1) * sums[:, -1]
        return np.divide(pairs, total, out=np.full(len(weights), np.nan), where=total > 0)

    def placements(self) -> np.ndarray:
        """(n,) the share of the other side's rows that each row stands on the right side of (ties half)."""
        out = np.empty(self.n)
        out[self.positives] = (self.below + self.upto) / (2 * len(self.negatives))
        out[self.negatives] = 1 - (self.low_below + self.low_upto) / (2 * len(self.positives))
        return out

    def influence(self) -> np.ndarray:
        """(n,) n/|side| · (placement - area): DeLong's components."""
        out = self.placements()
        area = out[self.positives].mean()
        out -= area
        out[self.positives] *= self.n / len(self.positives)
        out[self.negatives] *= self.n / len(self.negatives)
        return out
