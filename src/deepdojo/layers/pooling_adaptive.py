"""Pooling to a given size, whatever the size of the input. Dimensions: B batch, C channels, Y and X image axes.

Along an axis of n, output i of m looks at the cells from floor(i·n/m) to ceil((i+1)·n/m) - 1. Where m divides n these
are windows side by side; elsewhere neighbours overlap by a cell; where m is above n cells are repeated.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.convolution_padding import PerAxis, per_axis
from deepdojo.layers.shapes import ShapeError

__all__ = [
    "adaptive_average_pool2d",
    "adaptive_average_pool2d_reference",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_reference",
]


def adaptive_average_pool2d(x: Float[Tensor, "B C Y X"], output_size: PerAxis) -> Float[Tensor, "B C y x"]:
    """The mean of each window, `output_size` windows along an axis (one number, or one for each axis).

    Raises: ShapeError for an image without pixels. Source: He et al. 2014, "Spatial pyramid pooling" (without a name).
    """
    _require_pixels("adaptive_average_pool2d", x)
    height, width = per_axis(output_size, 2, "output_size")
    return F.adaptive_avg_pool2d(x, (height, width))


def adaptive_max_pool2d(x: Float[Tensor, "B C Y X"], output_size: PerAxis) -> Float[Tensor, "B C y x"]:
    """The largest number of each window; see `adaptive_average_pool2d`."""
    _require_pixels("adaptive_max_pool2d", x)
    return F.adaptive_max_pool2d(x, per_axis(output_size, 2, "output_size"))


def adaptive_average_pool2d_reference(x: Float[Tensor, "B C Y X"], output_size: PerAxis) -> Float[Tensor, "B C y x"]:
    """`adaptive_average_pool2d` in plain algebra: window by window."""
    return _each_window(x, output_size, lambda window: window.mean((2, 3)))


def adaptive_max_pool2d_reference(x: Float[Tensor, "B C Y X"], output_size: PerAxis) -> Float[Tensor, "B C y x"]:
    """`adaptive_max_pool2d` in plain algebra: window by window."""
    return _each_window(x, output_size, lambda window: window.flatten(2).max(2).values)


def _each_window(x: Tensor, output_size: PerAxis, pool: Callable[[Tensor], Tensor]) -> Tensor:
    m = per_axis(output_size, 2, "output_size")
    edges = [
        [(i * n // m, -((-i - 1) * n // m)) for i in range(m)]  # floor, and ceil as minus the floor of the negative
        for n, m in zip(x.shape[2:], m, strict=True)
    ]
    rows = [torch.stack([pool(x[:, :, a:b, c:d]) for c, d in edges[1]], -1) for a, b in edges[0]]
    return torch.stack(rows, -2)


def _require_pixels(name: str, x: Tensor) -> None:
    if 0 in x.shape[2:]:
        raise ShapeError(f"{name} needs an image of at least one pixel, got {tuple(x.shape)}")
