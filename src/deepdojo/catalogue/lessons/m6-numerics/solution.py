"""A loss on distances. One line is fragile: all is well for many steps, and then a batch comes that turns it into NaN.

B rows, D width.
"""

import torch
import torch.nn.functional as F


def ranking_loss(x, y, scale, keep):
    """Pulls kept pairs together: mean of −log sigmoid(scale · (1 − d)) over them, plus the spread of their distances.

    Args:
        x, y: (B, D), pairs of rows; d is their Euclidean distance.
        scale: () how steep the sigmoid is.
        keep: (B,) booleans; the others count for nothing.

    Returns:
        () mean + spread, where spread = sqrt(variance of the kept d + 1e-6), variance biased. Where nothing is kept the
        mean and the variance are 0. Two equal rows have d = 0, and pass no gradient through d.
    """
    square = ((x - y) ** 2).sum(1)
    apart = square > 0
    distance = torch.where(apart, torch.where(apart, square, 1.0).sqrt(), 0.0)
    each = -F.logsigmoid(scale * (1 - distance))
    kept = keep.to(x.dtype)
    count = kept.sum().clamp(min=1)
    mean = (each * kept).sum() / count
    centre = (distance * kept).sum() / count
    variance = ((distance - centre) ** 2 * kept).sum() / count
    return mean + (variance + 1e-6).sqrt()
