"""Several labels a row: F1 over all labels or over each, whole sets, average precision.

A label counts from the rows that truth or predictions give it; the sets of a row may be empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, from_mean, from_sums
from deepdojo.scoring.metrics.registry import metric

__all__ = ["macro_average_precision", "macro_f1_of_labels", "micro_f1", "subset_accuracy"]

_CELLS_DRAWN = 200_000_000  # labels × rows × draws: seconds


@metric(
    truth="labels",
    predicted="labels",
    higher_is_better=True,
    title="micro-F1",
    percent=True,
    goal="every label of every row counts the same",
)
def micro_f1(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Measured:
    """Balance of precision and recall over all labels of all rows together.

    2 Σ wᵢ |Yᵢ ∩ Ŷᵢ| / Σ wᵢ (|Yᵢ| + |Ŷᵢ|); 1 where no row has a label and none is predicted. Equal to scikit-learn's
    `f1_score(average="micro", zero_division=1.0)`.
    """
    both = np.array([len({*a} & {*b}) for a, b in zip(truth, predicted, strict=True)], dtype=np.float64)
    either = np.array([len({*a}) + len({*b}) for a, b in zip(truth, predicted, strict=True)], dtype=np.float64)

    def value(sums: np.ndarray) -> np.ndarray:
        return np.divide(2 * sums[:, 0], sums[:, 1], out=np.ones(len(sums)), where=sums[:, 1] > 0).clip(0.0, 1.0)

    return from_sums(np.stack([both, either], axis=1), value, losses=either - 2 * both, bounds=(0.0, 1.0))


@metric(
    truth="labels",
    predicted="labels",
    higher_is_better=True,
    title="macro-F1 of labels",
    percent=True,
    goal="every label counts the same, however rare",
)
def macro_f1_of_labels(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Measured:
    """Mean over labels of F1, the balance of precision and recall.

    (1/|L|) Σ_l 2·tp_l / (true_l + said_l), L = the labels that occur in truth or predictions; 1 where there is none.
    Equal to scikit-learn's `f1_score(average="macro")` over L; a label that the weights leave out wholly is left out of
    the mean (`zero_division=nan`).
    """
    names = {name: i for i, name in enumerate(sorted({name for cell in (*truth, *predicted) for name in cell}))}
    pairs = [
        (row, names[name], name in said and name in true, (name in said) + (name in true))
        for row, (true, said) in enumerate(zip(map(set, truth), map(set, predicted), strict=True))
        for name in true | said
    ]
    rows, labels = (np.array([pair[k] for pair in pairs], dtype=np.int64) for k in (0, 1))
    hit, count = (np.array([pair[k] for pair in pairs], dtype=np.float64) for k in (2, 3))

    def sums(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        of = weights[rows]
        return tuple(np.bincount(labels, weights=of * cells, minlength=len(names)) for cells in (hit, count))  # type: ignore[return-value]

    def value_at(weights: np.ndarray) -> np.ndarray:
        return np.array([_mean_ratio(*sums(row)) for row in weights])

    def influence() -> np.ndarray:
        hits, both = sums(np.ones(len(truth)))
        slope = (2 * hit / both[labels] - 2 * hits[labels] * count / both[labels] ** 2) / max(1, len(names))
        pull = len(truth) * np.bincount(rows, weights=slope, minlength=len(truth))
        return pull - pull.mean()

    losses = np.bincount(rows, weights=1.0 - hit, minlength=len(truth))
    return Measured(value_at, len(truth), losses=losses, influence_of=influence, bounds=(0.0, 1.0))


def _mean_ratio(hits: np.ndarray, both: np.ndarray) -> float:
    there = both > 0
    return float((2 * hits[there] / both[there]).mean()) if there.any() else 1.0


@metric(
    truth="labels",
    predicted="labels",
    higher_is_better=True,
    title="whole sets right",
    percent=True,
    goal="a row counts only if all its labels are right",
)
def subset_accuracy(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Measured:
    """Share of rows whose set of labels is predicted exactly.

    (1/n) Σ [Ŷᵢ = Yᵢ]. Equal to scikit-learn's `accuracy_score` of indicator matrices.
    """
    right = np.array([{*a} == {*b} for a, b in zip(truth, predicted, strict=True)], dtype=np.float64)
    return from_mean(right, losses=1 - right, proportion=True, bounds=(0.0, 1.0))


@metric(
    truth="labels",
    predicted="marginals",
    higher_is_better=True,
    title="mean average precision",
    goal="ranking rows by each label, whatever the threshold",
)
def macro_average_precision(truth: Sequence[Sequence[str]], predicted: Sequence[Mapping[str, float]]) -> Measured:
    """Mean over labels of average precision: the precision in the mean over the rows that have the label.

    AP_l = Σ_k (R_k - R_{k-1}) P_k over the distinct probabilities of label l from high to low; a label that a row's
    prediction does not name has probability 0 there. Over the labels of the truth; equal to scikit-learn's
    `average_precision_score(average="macro")`.

    Raises:
        ScoreError: no row has a label.
    """
    names = sorted({name for cell in truth for name in cell})
    if not names:
        raise ScoreError("average precision is not defined: no row has a label", todo="choose micro_f1")
    has = [{*cell} for cell in truth]
    ranked = [
        _Ranked(np.array([float(cell.get(name, 0.0)) for cell in predicted]), np.array([name in cell for cell in has]))
        for name in names
    ]

    def value_at(weights: np.ndarray) -> np.ndarray:
        each = np.stack([one.average_precision(weights) for one in ranked])
        seen = np.isfinite(each)
        total = seen.sum(axis=0)
        return np.divide(np.where(seen, each, 0).sum(axis=0), total, out=np.full(len(weights), np.nan), where=total > 0)

    return Measured(
        value_at,
        len(has),
        losses=np.sum([one.misses() for one in ranked], axis=0),
        influence_of=lambda: np.mean([one.influence() for one in ranked], axis=0),
        bounds=(0.0, 1.0),
        effective_n=min(int(one.positive.sum()) for one in ranked) * len(ranked),
        max_draws=max(100, _CELLS_DRAWN // (len(names) * len(has))),
    )


class _Ranked:
    """Rows from the highest probability of one label to the lowest, equal ones together.

    Attributes:
        positive: whether each row has the label, in rank order. end: the last place of each row's group of equals.
    """

    def __init__(self, scores: np.ndarray, positive: np.ndarray) -> None:
        self.scores, self.has = scores, positive
        self.order = np.argsort(-scores, kind="stable")
        ranked = scores[self.order]
        self.positive = positive[self.order].astype(np.float64)
        ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        self.end = ends[np.searchsorted(ends, np.arange(len(ranked)))]
        self.start = np.append(0, ends[:-1] + 1)[np.searchsorted(ends, np.arange(len(ranked)))]

    def average_precision(self, weights: np.ndarray) -> np.ndarray:
        """(R, n) -> (R,); NaN where no row with the label has weight."""
        w = weights[:, self.order]
        of = w * self.positive
        hits, all_ = np.cumsum(of, axis=1)[:, self.end], np.cumsum(w, axis=1)[:, self.end]
        precision = np.divide(hits, all_, out=np.zeros_like(hits), where=all_ > 0)
        total = of.sum(axis=1)
        return np.divide((of * precision).sum(axis=1), total, out=np.full(len(w), np.nan), where=total > 0)

    def influence(self) -> np.ndarray:
        """n ∂AP/∂w at equal weights: a row's own precision, and what it does to those at its rank and below."""
        hits, count = np.cumsum(self.positive)[self.end], self.end + 1.0
        precision, total = hits / count, self.positive.sum()
        value = float((self.positive * precision).sum() / total)
        gain, cost = self.positive / count, self.positive * hits / count**2
        below = [part.sum() - np.append(0.0, np.cumsum(part)[:-1])[self.start] for part in (gain, cost)]
        slope = (self.positive * precision + self.positive * below[0] - below[1] - self.positive * value) / total
        pull = np.empty(len(slope))
        pull[self.order] = len(slope) * slope
        return pull - pull.mean()

    def misses(self) -> np.ndarray:
        """How far each row's probability is from the truth."""
        return np.abs(self.has - np.clip(self.scores, 0.0, 1.0))
