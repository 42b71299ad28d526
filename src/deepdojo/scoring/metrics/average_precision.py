"""Mean average precision of boxes: at an overlap of a half, and over overlaps from 0.50 to 0.95."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.detections import IOU_STEPS, Cells, lines_of
from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics.registry import metric

__all__ = ["map50", "map50_95"]

_MANY_BOXES, _FEWER_DRAWS = 500_000, 200


@metric(
    truth="boxes",
    predicted="boxes",
    higher_is_better=True,
    title="mAP50",
    percent=True,
    goal="find every object, about where it is: an overlap of a half (IoU 0.5) is enough",
    signature="COCO bbox AP | IoU=0.50 | area=all | maxDets=100",
)
def map50(truth: Cells, predicted: Cells) -> Measured:
    """Mean over classes of the average precision of boxes that overlap a true one by half (IoU 0.5), COCO's rules.

    `deepdojo.scoring.detections` says how boxes are matched and what average precision is. Classes without a true box
    are left out. Equal to faster-coco-eval's and pycocotools' `AP50`.

    Source: Everingham et al. 2010 (PASCAL VOC) for the overlap; Lin et al. 2014 (COCO) for the matching and the mean.
    """
    return _measured(truth, predicted, IOU_STEPS[:1])


@metric(
    truth="boxes",
    predicted="boxes",
    higher_is_better=True,
    title="mAP50-95",
    percent=True,
    goal="the box must fit tightly: the mean over ten overlaps from 0.50 to 0.95",
    signature="COCO bbox AP | IoU=0.50:0.95 | area=all | maxDets=100",
)
def map50_95(truth: Cells, predicted: Cells) -> Measured:
    """Mean of `map50` over ten demands on the overlap, IoU 0.50, 0.55, ..., 0.95: COCO's main figure.

    Equal to faster-coco-eval's and pycocotools' `AP`.

    Source: Lin et al. 2014, "Microsoft COCO: common objects in context".
    """
    return _measured(truth, predicted, IOU_STEPS)


def _measured(truth: Cells, predicted: Cells, thresholds: Sequence[float]) -> Measured:
    lines = list(lines_of(truth, predicted, thresholds).values())
    if not lines:
        raise ScoreError(
            "no row has a true box, so average precision is not defined", todo="score rows that show objects"
        )

    def value(weights: np.ndarray) -> np.ndarray:
        each = np.stack([line.average_precision(weights) for line in lines])  # (classes, R)
        there = np.isfinite(each)
        counted = there.sum(axis=0)
        total = np.where(there, each, 0.0).sum(axis=0)
        return np.divide(total, counted, out=np.full(len(weights), np.nan), where=counted > 0)

    def influence() -> np.ndarray:
        pull = np.mean([line.influence() for line in lines], axis=0)
        return pull - pull.mean()

    boxes = sum(len(line.rows) for line in lines)
    return Measured(
        value,
        len(truth),
        influence_of=influence,
        bounds=(0.0, 1.0),
        effective_n=min(int((line.true > 0).sum()) for line in lines),
        max_draws=_FEWER_DRAWS if boxes > _MANY_BOXES else None,
    )
