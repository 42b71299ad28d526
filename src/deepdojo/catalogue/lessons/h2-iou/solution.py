"""How far boxes agree. N and M boxes as x1, y1, x2, y2."""

import torch


def box_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Shared area over joint area, for every box of a with every box of b.

    Args:
        a: (N, 4), x1 ≤ x2 and y1 ≤ y2 in each row; N may be 0.
        b: (M, 4), the same.

    Returns:
        (N, M), from 0 to 1; 0 where both boxes have no area (0/0).
    """
    # --- your code ---
    low = torch.maximum(a[:, None, :2], b[:, :2])
    high = torch.minimum(a[:, None, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(-1)  # (N, M)
    area_a = (a[:, 2:] - a[:, :2]).prod(-1)
    area_b = (b[:, 2:] - b[:, :2]).prod(-1)
    joint = area_a[:, None] + area_b - shared
    return torch.where(joint > 0, shared / joint.where(joint > 0, 1.0), 0.0)
    # --- end ---
