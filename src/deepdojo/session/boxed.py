"""Pictures with boxes for a report: which are found, missed and too many; and the precision-recall curve of each
class."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepdojo.boxes import SURE, said_boxes

__all__ = ["boxed", "class_curves"]

LARGEST_SIDE = 448
MOST_POINTS = 120


def boxed(picture: Any, truth: Sequence[Any], predicted: Sequence[Any]) -> dict[str, Any]:
    """The picture as JPEG, and its boxes in pixels of the original: the true ones with whether one of them is found,
    the predicted ones of at least `SURE` with whether they are right (IoU 0.5, the same class)."""
    from deepdojo.scoring.detections import matched

    said = [box for box in predicted if box[1] >= SURE]
    taken = matched(truth, said)
    address, size = _jpeg(picture)
    drawing = {
        "size": list(size), "sure": SURE,
        "true": [[box[0], *_rounded(box[2:]), i in taken] for i, box in enumerate(truth)],
        "said": [[box[0], round(box[1], 3), *_rounded(box[2:]), at >= 0] for box, at in zip(said, taken, strict=True)],
    }  # fmt: skip
    return {"truth": said_boxes(truth), "predicted": said_boxes(said), "image": address, "boxed": drawing}


def class_curves(truth: Sequence[Any], predicted: Sequence[Any]) -> list[dict[str, Any]]:
    """Of each class: label, objects, average precision at IoU 0.5 (ap50) and over 0.50 to 0.95 (ap), and the curve at
    IoU 0.5, thinned to 120 points."""
    from deepdojo.scoring.detections import IOU_STEPS, curve_of, lines_of

    ones = np.ones((1, len(truth)))
    half, all_ = lines_of(truth, predicted, IOU_STEPS[:1]), lines_of(truth, predicted, IOU_STEPS)
    found = []
    for label, line in half.items():
        curve: Mapping[str, list[float]] = curve_of(line)
        at = np.unique(np.linspace(0, max(0, len(curve["recall"]) - 1), MOST_POINTS).round().astype(int))
        found.append({
            "label": label, "objects": int(line.true.sum()), "ap50": float(line.average_precision(ones)[0]),
            "ap": float(all_[label].average_precision(ones)[0]),
            **{name: [round(values[i], 4) for i in at if i < len(values)] for name, values in curve.items()},
        })  # fmt: skip
    return found


def _rounded(corners: Sequence[float]) -> list[float]:
    return [round(float(value), 1) for value in corners]


def _jpeg(cell: Any) -> tuple[str, tuple[int, int]]:
    """(address that holds it, (Y, X) of the original)."""
    from PIL import Image

    from deepdojo.data.images import decode_image

    image = Image.fromarray(decode_image(cell))
    size = image.height, image.width
    if max(image.size) > LARGEST_SIDE:
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii"), size
