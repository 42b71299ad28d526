"""Which predicted boxes are right, and average precision as a function of row weights.

COCO's rules. Of each picture and class the 100 best boxes count, best first; each takes the true box of its class that
it overlaps most among those still free, if their IoU reaches the threshold. All boxes of a class then stand in one
line, best first (equal scores in the order of rows), and

    AP = mean over r = 0, 0.01, ..., 1 of  max { precision at a place | recall there >= r },  0 where none reaches r.

Legend: n rows, R weightings, T thresholds, M predicted boxes of a class, N and G boxes of one row, P right ones.
Source: Lin et al. 2014, "Microsoft COCO", and the evaluation that its authors publish (pycocotools).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.boxes import box_fault, corners_of, iou_of
from deepdojo.errors import ScoreError

__all__ = ["IOU_STEPS", "Line", "curve_of", "lines_of", "matched"]

Cells = Sequence[Sequence[Sequence[Any]]]
IOU_STEPS = tuple(np.linspace(0.5, 0.95, 10).tolist())
RECALLS = np.linspace(0.0, 1.0, 101)
MOST_OF_A_CLASS = 100
_CHUNK = 1 << 22


@dataclass(frozen=True)
class Line:
    """All boxes of one class.

    Attributes:
        true: (n,) true boxes of each row.
        rows: (M,) the row of each predicted box, best first. scores: (M,).
        hits: (T, M) whether it is right at each threshold.
    """

    true: np.ndarray
    rows: np.ndarray
    scores: np.ndarray
    hits: np.ndarray

    def average_precision(self, weights: np.ndarray) -> np.ndarray:
        """(R, n) -> (R,) the mean over thresholds; NaN where no true box is weighed."""
        step = max(1, _CHUNK // max(1, len(self.rows)))
        parts = [self._some(weights[start : start + step]) for start in range(0, len(weights), step)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _some(self, weights: np.ndarray) -> np.ndarray:
        objects = weights @ self.true.astype(np.float64)
        said = np.cumsum(weights[:, self.rows], axis=1)  # (R, M)
        total = np.zeros(len(weights))
        for hits in self.hits:
            at = np.flatnonzero(hits)
            right = np.cumsum(weights[:, self.rows[at]], axis=1)  # (R, P)
            envelope, recall = _envelope(right, said[:, at]), _over(right, objects[:, None])
            padded = np.pad(envelope, ((0, 0), (0, 1)))  # beyond the last place precision is 0
            for r in range(len(weights)):
                total[r] += padded[r, np.searchsorted(recall[r], RECALLS, side="left")].mean()
        return np.where(objects > 0, total / len(self.hits), np.nan)

    def influence(self) -> np.ndarray:
        """(n,) n · ∂AP/∂weight at equal weights, of the area under the same envelope.

        The mean over 101 recalls is a staircase in the weights: its own slope is zero nearly everywhere. The area
        between recalls 0 and 1 differs from it by less than 0.01 and is smooth:

            AP = Σ (R_c - R_c') P_c over the corners c of the envelope, R_c = right_c / objects, P_c = right_c / said_c.
        """
        n, objects = len(self.true), float(self.true.sum())
        pull = np.zeros(n)
        if objects == 0:
            return pull
        for hits in self.hits:
            at = np.flatnonzero(hits)
            if not len(at):
                continue
            said = at + 1.0
            right = np.arange(1.0, len(at) + 1)
            envelope = _envelope(right[None], said[None])[0]
            corner = np.flatnonzero(np.append(envelope[1:] < envelope[:-1], True))  # the last place of each level
            places = at[corner]
            own_said = _counts_up_to(self.rows, places, n)  # (n, corners)
            own_right = _counts_up_to(self.rows, places, n, hits)
            precision, recall = right[corner] / said[corner], right[corner] / objects
            d_precision = (own_right - precision * own_said) / said[corner]
            d_recall = (own_right - recall * self.true[:, None]) / objects
            width = np.diff(recall, prepend=0.0)
            pull += (np.diff(d_recall, axis=1, prepend=0.0) * precision + width * d_precision).sum(axis=1)
        return n * pull / len(self.hits)


def lines_of(truth: Cells, predicted: Cells, thresholds: Sequence[float]) -> dict[str, Line]:
    """Label -> its line, for every label that a true box has, sorted.

    Raises:
        ScoreError: a cell is no list of boxes, or a number of it is not finite.
    """
    for cells, what in ((truth, "the solution"), (predicted, "the predictions")):
        for number, cell in enumerate(cells, 1):
            if (fault := box_fault(cell)) is not None:
                raise ScoreError(fault, where=f"{what}, row {number}")
    labels = sorted({box[0] for cell in truth for box in cell})
    found = {label: _Collector(label, len(truth)) for label in labels}
    for row, (true, said) in enumerate(zip(truth, predicted, strict=True)):
        for label in {box[0] for box in (*true, *said)} & found.keys():
            found[label].add(row, true, said, thresholds)
    return {label: collector.line(len(thresholds)) for label, collector in found.items()}


class _Collector:
    def __init__(self, label: str, n: int) -> None:
        self.label, self.true = label, np.zeros(n, dtype=np.int64)
        self.rows: list[np.ndarray] = []
        self.scores: list[np.ndarray] = []
        self.hits: list[np.ndarray] = []

    def add(self, row: int, true: Sequence[Any], said: Sequence[Any], thresholds: Sequence[float]) -> None:
        own_true = [box for box in true if box[0] == self.label]
        own_said = [box for box in said if box[0] == self.label]
        own_said.sort(key=lambda box: -box[1])  # stable, as COCO's own
        own_said = own_said[:MOST_OF_A_CLASS]
        self.true[row] = len(own_true)
        self.rows.append(np.full(len(own_said), row))
        self.scores.append(np.array([box[1] for box in own_said], dtype=np.float64))
        overlap = iou_of(corners_of(own_said), corners_of(own_true))
        self.hits.append(_taken(overlap, np.asarray(thresholds)) >= 0)

    def line(self, thresholds: int) -> Line:
        scores = np.concatenate([*self.scores, np.zeros(0)])
        order = np.argsort(-scores, kind="stable")
        rows = np.concatenate([*self.rows, np.zeros(0)]).astype(np.int64)
        hits = np.concatenate([*self.hits, np.zeros((thresholds, 0), dtype=bool)], axis=1)
        return Line(self.true, rows[order], scores[order], hits[:, order])


def _taken(overlap: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(N, G) IoU, predicted boxes best first -> (T, N) the true box that each takes, or -1."""
    found = np.full((len(thresholds), len(overlap)), -1)
    if not overlap.size:
        return found
    free = np.ones((len(thresholds), overlap.shape[1]), dtype=bool)
    least = np.minimum(thresholds, 1 - 1e-10)[:, None]
    for i, row in enumerate(overlap):
        fit = np.where(free & (row >= least), row, -1.0)
        best = fit.shape[1] - 1 - fit[:, ::-1].argmax(axis=1)  # of equal ones the last, as COCO's loop takes it
        taken = fit[np.arange(len(fit)), best] >= 0
        found[taken, i] = best[taken]
        free[taken, best[taken]] = False
    return found


def matched(true: Sequence[Any], said: Sequence[Any], iou: float = 0.5) -> list[int]:
    """Of each predicted box of a row the true box of its class that it takes, or -1."""
    found = [-1] * len(said)
    for label in {box[0] for box in said}:
        of_true = [i for i, box in enumerate(true) if box[0] == label]
        of_said = sorted((i for i, box in enumerate(said) if box[0] == label), key=lambda i: -said[i][1])
        overlap = iou_of(corners_of([said[i] for i in of_said]), corners_of([true[i] for i in of_true]))
        for place, taken in zip(of_said, _taken(overlap, np.array([iou]))[0].tolist(), strict=True):
            found[place] = of_true[taken] if taken >= 0 else -1
    return found


def curve_of(line: Line) -> Mapping[str, Any]:
    """The precision-recall curve at the first threshold: `recall` and `precision` at each right box, as they are, and
    `score`, that box's own."""
    at = np.flatnonzero(line.hits[0])
    right = np.arange(1.0, len(at) + 1)
    return {
        "recall": (right / max(1.0, float(line.true.sum()))).tolist(),
        "precision": (right / (at + 1.0)).tolist(),
        "score": line.scores[at].tolist(),
    }


def _envelope(right: np.ndarray, said: np.ndarray) -> np.ndarray:
    """(R, P) the highest precision at this place or a later one."""
    return np.maximum.accumulate(_over(right, said)[:, ::-1], axis=1)[:, ::-1]


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _counts_up_to(rows: np.ndarray, places: np.ndarray, n: int, which: np.ndarray | None = None) -> np.ndarray:
    """(n, len(places)) how many of each row's boxes stand at a place or before it; of those in `which` alone."""
    block = np.searchsorted(places, np.arange(len(rows)), side="left")  # len(places) for what comes after the last
    kept = block < len(places)
    if which is not None:
        kept = kept & which
    counts = np.bincount(rows[kept] * len(places) + block[kept], minlength=n * len(places))
    return counts.reshape(n, len(places)).cumsum(axis=1)
