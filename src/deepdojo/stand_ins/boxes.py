"""`box_iou(a, b)` and `nms(boxes, scores, iou_threshold)` of the lessons where predicted boxes become few.

N and M boxes as x1, y1, x2, y2. Ours work on arrays, the lessons' on tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

__all__ = ["box_iou", "nms"]


def box_iou(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., np.ndarray]]:
    """Overlaps of predicted boxes. Those of the score stay ours."""
    overlap = own["box_iou"]

    def of(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(overlap(torch.from_numpy(a.copy()), torch.from_numpy(b.copy())))

    return {"iou_of": of}


def nms(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., np.ndarray]]:
    """The lesson knows no equal scores: of equal ones ours takes the first, so places of the order are handed over."""
    keep = own["nms"]

    def chosen(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
        ranks = np.empty(len(scores))
        ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores), 0, -1)
        found = keep(torch.from_numpy(boxes.copy()), torch.from_numpy(ranks), overlap)
        return np.asarray(found, dtype=np.int64)

    return {"suppressed": chosen}
