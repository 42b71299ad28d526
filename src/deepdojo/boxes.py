"""Boxes around objects, as they stand in a cell: [[label, score, x0, y0, x1, y1], ...], in pixels of the original
picture.

The origin is the picture's upper left corner, x goes to the right, y down; x1 and y1 are the far sides, so that
x1 - x0 is the width. The score of a true box is 1. Torch-free: reader, scorer, floors and report read this.

Legend: N, M boxes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = [
    "FIELDS",
    "MOST_BOXES",
    "SURE",
    "box_fault",
    "corners_of",
    "iou_of",
    "parse_boxes",
    "said_boxes",
    "suppressed",
]

Box = list[Any]
FIELDS = ("label", "score", "x0", "y0", "x1", "y1")
MOST_BOXES = 300
"""Boxes of a cell at most: a table of more is megabytes a thousand rows, and what follows the first hundred moves no
metric."""
SURE = 0.3
"""Boxes of at least this score are what a person is shown, and what an explanation takes for the answer."""


def parse_boxes(raw: Any) -> list[Box]:
    """The cell of a text (JSON), of lists of six (or five, without the score, which is then 1), or of objects.

    Raises:
        ValueError: it is nothing of these. What the numbers are is for `box_fault` to say.
    """
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is not a JSON list of boxes ({error})"[:160]) from error
    if not isinstance(raw, list | tuple | np.ndarray):
        raise ValueError(f"{_short(raw)} is no list of boxes")
    return [_box(part) for part in raw]


def _box(part: Any) -> Box:
    if isinstance(part, Mapping):
        if not set(FIELDS) - {"score"} <= part.keys():
            raise ValueError(f"the box {_short(dict(part))} lacks one of {', '.join(FIELDS)}")
        part = [part.get(name, 1.0) for name in FIELDS]
    if not isinstance(part, list | tuple | np.ndarray) or len(part) not in (5, 6):
        raise ValueError(f"{_short(part)} is no box")
    label, *numbers = part
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    try:
        values = [_number(value) for value in numbers]
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"a number of the box {_short(list(part))} is none") from None
    return ["" if label is None else str(label), *([1.0] if len(values) == 4 else []), *values]


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    return float(value)


def box_fault(cell: Any, known: Collection[str] | None = None) -> str | None:
    """What is wrong with a cell, or None.

    Args:
        known: the labels that boxes may have, or None for any.
    """
    if not isinstance(cell, list | tuple) or not all(isinstance(box, list | tuple) and len(box) == 6 for box in cell):
        return f"{_short(cell)} is no list of boxes"
    if len(cell) > MOST_BOXES:
        return f"the row has {len(cell)} boxes, more than {MOST_BOXES}"
    for number, (label, *values) in enumerate(cell, 1):
        if not isinstance(label, str) or not label:
            return f"box {number} has no label"
        if known is not None and label not in known:
            return f"the label {_short(label)} of box {number} is not among the known ones"
        if not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values):
            return f"a number of box {number} is not finite"
        _, x0, y0, x1, y1 = values
        if not (x0 < x1 and y0 < y1):
            return f"box {number} has no area: x {x0:g} to {x1:g}, y {y0:g} to {y1:g}"
    return None


def corners_of(cell: Sequence[Sequence[Any]]) -> np.ndarray:
    """(N, 4) float64: x0, y0, x1, y1."""
    return np.array([box[2:] for box in cell], dtype=np.float64).reshape(len(cell), 4)


def iou_of(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M) shared area over joint area of boxes (N, 4) and (M, 4); no pixel is added to a side."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.clip(high - low, 0, None).prod(axis=2)
    union = _area(a)[:, None] + _area(b)[None] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def suppressed(
    boxes: np.ndarray, scores: np.ndarray, iou: float, overlap_of: Callable[..., np.ndarray] = iou_of
) -> np.ndarray:
    """Indices of the boxes that stay, best first: each one silences those after it that overlap it by more than `iou`.

    Args:
        overlap_of: (N, 4) and (M, 4) to (N, M).

    Source: Felzenszwalb et al. 2010, "Object detection with discriminatively trained part-based models", section 6.
    """
    order = np.argsort(-scores, kind="stable")
    overlap = overlap_of(boxes[order], boxes[order])
    alive = np.ones(len(order), dtype=bool)
    for i in range(len(order)):
        if alive[i]:
            alive[i + 1 :] &= overlap[i, i + 1 :] <= iou
    return order[alive]


def said_boxes(cell: Sequence[Sequence[Any]], least: float = 0.0) -> str:
    """Boxes of at least a score, counted by label: `RBC × 12, WBC × 1`, or `–`."""
    counts: dict[str, int] = {}
    for box in cell:
        if box[1] >= least:
            counts[box[0]] = counts.get(box[0], 0) + 1
    shown = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(label if n == 1 else f"{label} × {n}" for label, n in shown) or "–"


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _short(value: Any, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
