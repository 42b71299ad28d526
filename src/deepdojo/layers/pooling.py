"""Pooling: many numbers become one, over windows and over an image (`pooling_over_time` has sequences).

Dimensions: B batch, C channels, Y and X image axes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "average_over_space",
    "max_over_space",
    "max_pool2d",
    "max_pool2d_reference",
]


def max_pool2d(
    x: Float[Tensor, "B C Y X"],
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int = 0,
) -> Float[Tensor, "B C y x"]:
    """The largest number of each window; padding never wins; a window that is cut off at the end is left out.

    `stride` None means windows side by side. The gradient goes to the winner alone (the first of equals).
    """
    return F.max_pool2d(x, kernel_size, stride, padding)


def max_pool2d_reference(
    x: Float[Tensor, "B C Y X"],
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int = 0,
) -> Float[Tensor, "B C y x"]:
    """`max_pool2d` in plain algebra: windows as a view, then their maximum."""
    h, w = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    down, right = (h, w) if stride is None else (stride, stride) if isinstance(stride, int) else stride
    x = F.pad(x, (padding,) * 4, value=-torch.inf)
    return x.unfold(2, h, down).unfold(3, w, right).flatten(4).max(-1).values


def average_over_space(x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C"]:
    """The mean of each channel over the whole image. Source: Lin et al. 2013, "Network in network"."""
    return x.mean((2, 3))


def max_over_space(x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C"]:
    """The largest number of each channel over the whole image."""
    return x.amax((2, 3))
