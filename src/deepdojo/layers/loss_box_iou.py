"""How far two boxes agree: shared area over joint area (IoU), and its generalised form (GIoU), which has a slope apart.

A box is (x1, y1, x2, y2), x1 <= x2 and y1 <= y2, in any unit: areas are real, no pixel is added. Dimensions: N and M
boxes, `*B` any leading axes.

    IoU  = |A ∩ B| / |A ∪ B|                       in [0, 1]; 0, without slope, wherever the boxes are apart
    GIoU = IoU - (|hull| - |A ∪ B|) / |hull|       in (-1, 1]; hull: the smallest box around both

A side below zero counts as zero. Where a denominator is zero (two empty boxes at one place) the quotient is 0 and
passes no gradient, so value and gradient are finite for every finite box; nothing is added to a denominator, so that
the values are exact.
Source: Jaccard 1901; Rezatofighi et al. 2019, "Generalized intersection over union", algorithm 1.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.shapes import ShapeError

__all__ = [
    "box_area",
    "box_giou",
    "box_iou",
    "box_iou_reference",
    "giou_loss",
    "paired_giou",
    "paired_iou",
]


def box_iou(a: Float[Tensor, "N 4"], b: Float[Tensor, "M 4"]) -> Float[Tensor, "N M"]:
    """IoU of every box of `a` with every box of `b`. Cost: time and memory N·M."""
    _require_boxes("box_iou", a, b)
    return paired_iou(a[:, None], b[None])


def box_giou(a: Float[Tensor, "N 4"], b: Float[Tensor, "M 4"]) -> Float[Tensor, "N M"]:
    """GIoU of every box of `a` with every box of `b`. Cost: time and memory N·M."""
    _require_boxes("box_giou", a, b)
    return paired_giou(a[:, None], b[None])


def paired_iou(a: Float[Tensor, "*#B 4"], b: Float[Tensor, "*#B 4"]) -> Float[Tensor, "*B"]:
    """IoU of each box of `a` with the one at its place in `b`."""
    _require_boxes("paired_iou", a, b)
    inter, union = _shared_and_joint(a, b)
    return _quotient(inter, union)


def paired_giou(a: Float[Tensor, "*#B 4"], b: Float[Tensor, "*#B 4"]) -> Float[Tensor, "*B"]:
    """GIoU of each box of `a` with the one at its place in `b`."""
    _require_boxes("paired_giou", a, b)
    inter, union = _shared_and_joint(a, b)
    hull = _area(torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:]))
    return _quotient(inter, union) - _quotient(hull - union, hull)


def giou_loss(predicted: Float[Tensor, "*B 4"], target: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B"]:
    """1 - GIoU, box by box, from 0 (equal boxes) to below 2. Weigh and average it as the detector needs."""
    return 1 - paired_giou(predicted, target)


def box_area(box: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B"]:
    """Width times height; a side below zero counts as zero."""
    return _area(box[..., :2], box[..., 2:])


def box_iou_reference(a: Float[Tensor, "N 4"], b: Float[Tensor, "M 4"]) -> Float[Tensor, "N M"]:
    """`box_iou` box by box."""

    def iou(p: Tensor, q: Tensor) -> Tensor:
        wide = (torch.minimum(p[2], q[2]) - torch.maximum(p[0], q[0])).clamp(min=0)
        high = (torch.minimum(p[3], q[3]) - torch.maximum(p[1], q[1])).clamp(min=0)
        joint = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - wide * high
        return wide * high / joint if joint > 0 else 0 * joint

    rows = [torch.stack([iou(p, q) for q in b]) if len(b) else a.new_zeros(0) for p in a]
    return torch.stack(rows) if rows else a.new_zeros(0, len(b))


def _shared_and_joint(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    inter = _area(torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:]))
    return inter, box_area(a) + box_area(b) - inter


def _area(low: Tensor, high: Tensor) -> Tensor:
    # Each side by itself: the product of two negative sides would be a positive area.
    return (high - low).clamp(min=0).prod(-1)


def _quotient(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 without a gradient where whole is 0. A division in the branch not taken would give NaN."""
    there = whole > 0
    return torch.where(there, part / whole.where(there, torch.ones_like(whole)), torch.zeros_like(part))


def _require_boxes(name: str, a: Tensor, b: Tensor) -> None:
    if a.dim() == 0 or b.dim() == 0 or a.shape[-1] != 4 or b.shape[-1] != 4:
        raise ShapeError(f"{name} expects boxes (..., 4) as x1, y1, x2, y2, got {tuple(a.shape)} and {tuple(b.shape)}")
