"""Macro-F1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics.registry import metric

__all__ = ["macro_f1"]

_ONE_HOT_CELLS = 1 << 22  # up to here one matrix product is fastest; 10⁵ classes would need gigabytes


@metric(
    truth="label",
    predicted="label",
    higher_is_better=True,
    title="macro-F1",
    percent=True,
    goal="every class counts the same, however rare",
)
def macro_f1(truth: Sequence[str], predicted: Sequence[str]) -> Measured:
    """Mean over classes of F1, the balance of precision and recall.

    (1/|C|) Σ_c 2·tp_c / (true_c + predicted_c), C = the classes that occur in truth or predictions. Equal to
    scikit-learn's `f1_score(average="macro")`; a class that the weights leave out wholly is left out of the mean
    (`zero_division=nan`).
    """
    classes, codes = np.unique(np.array([*truth, *predicted], dtype=str), return_inverse=True)
    true, said = codes[: len(truth)], codes[len(truth) :]
    right = (true == said).astype(np.float64)
    count = _ClassSums(true, said, right, len(classes))

    def value_at(weights: np.ndarray) -> np.ndarray:
        hits, both = count(weights)
        present = both > 0
        f1 = np.divide(2 * hits, both, out=np.zeros_like(both), where=present)
        total = present.sum(axis=1)
        return np.divide(f1.sum(axis=1), total, out=np.full(len(weights), np.nan), where=total > 0)

    def influence() -> np.ndarray:
        hits, both = (sums[0] for sums in count(np.ones((1, len(right)))))
        gain, cost = 2 / both, 2 * hits / both**2
        pull = len(right) / len(classes) * (right * gain[true] - cost[true] - cost[said])
        return pull - pull.mean()

    rarest = int(np.unique(true, return_counts=True)[1].min())
    # All right says most about the commonest class: the rarest one decides how sure a perfect macro-F1 can be.
    effective = rarest * len(np.unique(true))
    return Measured(
        value_at, len(right), losses=1 - right, influence_of=influence, bounds=(0.0, 1.0), effective_n=effective
    )


class _ClassSums:
    """Weights (R, n) -> right ones and (true + predicted) ones of each class, both (R, C)."""

    def __init__(self, true: np.ndarray, said: np.ndarray, right: np.ndarray, classes: int) -> None:
        self.true, self.said, self.right, self.classes = true, said, right, classes
        self.one_hot: np.ndarray | None = None
        n = len(true)
        if 2 * n * classes <= _ONE_HOT_CELLS:
            self.one_hot = np.zeros((n, 2 * classes))
            self.one_hot[np.arange(n), true] = right
            self.one_hot[np.arange(n), classes + true] += 1
            self.one_hot[np.arange(n), classes + said] += 1

    def __call__(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.one_hot is not None:
            sums = weights @ self.one_hot
            return sums[:, : self.classes], sums[:, self.classes :]
        hits = self._add(weights * self.right, self.true)
        return hits, self._add(weights, self.true) + self._add(weights, self.said)

    def _add(self, weights: np.ndarray, codes: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(codes, weights=row, minlength=self.classes) for row in weights])
