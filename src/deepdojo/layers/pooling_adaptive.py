"""Adaptive pooling: an image of any size becomes a map of one size. Dimensions: B batch, C channels, Y and X axes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.shapes import ShapeError

__all__ = ["adaptive_average_pool2d", "adaptive_average_pool2d_reference"]


def adaptive_average_pool2d(x: Float[Tensor, "B C Y X"], side: int) -> Float[Tensor, "B C side side"]:
    """The means of side x side windows that cover the image: cell i of n pixels takes ⌊i·n/side⌋ to ⌈(i+1)·n/side⌉ - 1.

    Windows overlap where side does not divide n; an image of side x side pixels passes unchanged.
    Source: He et al. 2014, "Spatial pyramid pooling in deep convolutional networks".
    Raises: ShapeError for an image without pixels.
    """
    if min(x.shape[2:]) < 1:
        raise ShapeError(f"pooling needs an image of at least one pixel, got {tuple(x.shape)}")
    return F.adaptive_avg_pool2d(x, side)


def adaptive_average_pool2d_reference(x: Float[Tensor, "B C Y X"], side: int) -> Float[Tensor, "B C side side"]:
    """`adaptive_average_pool2d` in plain algebra, window by window."""

    def windows(n: int) -> list[slice]:
        return [slice(i * n // side, -(-(i + 1) * n // side)) for i in range(side)]

    rows = [[x[:, :, y, z].mean((2, 3)) for z in windows(x.shape[3])] for y in windows(x.shape[2])]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
