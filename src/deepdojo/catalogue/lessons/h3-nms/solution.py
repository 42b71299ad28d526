"""One box for each thing: greedy non-maximum suppression. N boxes as x1, y1, x2, y2."""

import torch


def box_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(N, 4) and (M, 4) to (N, M). Use it; you wrote it in h2-iou."""
    sides = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])
    shared = sides.clamp(min=0).prod(-1)
    joint = (a[:, 2:] - a[:, :2]).prod(-1)[:, None] + (b[:, 2:] - b[:, :2]).prod(-1) - shared
    return shared / joint.where(joint > 0, 1.0)


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Goes through the boxes from the best score down; each kept box silences later ones that overlap it too much.

    Args:
        boxes: (N, 4); N may be 0.
        scores: (N,), all different, in any order.
        iou_threshold: a box is silenced where its IoU with a kept, better one is strictly greater.

    Returns:
        int64, the indices of the kept boxes, best score first.
    """
    # --- your code ---
    order = scores.argsort(descending=True)
    overlap = box_iou(boxes[order], boxes[order]) > iou_threshold
    silenced = torch.zeros(len(order), dtype=torch.bool)
    kept = []
    for i in range(len(order)):
        if not silenced[i]:
            kept.append(i)
            silenced |= overlap[i]
    return order[torch.tensor(kept, dtype=torch.int64)]
    # --- end ---
