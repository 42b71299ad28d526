"""Pooling: many numbers become one, over windows, over an image, over time.

Dimensions: B batch, C channels, Y and X image axes, T time, D width. `keep` is boolean, True = a real step. A row
    without any
real step gives zeros and passes no gradient.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.shapes import ShapeError

__all__ = [
    "average_over_space",
    "last_over_time",
    "max_over_space",
    "max_over_time",
    "max_pool2d",
    "max_pool2d_reference",
    "mean_over_time",
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


def max_over_time(x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B D"]:
    """The largest number of each column over the real steps. Source: Collobert et al. 2011; Kim 2014."""
    if x.shape[1] == 0:
        return x.new_zeros(x.shape[0], x.shape[2])
    if keep is None:
        return x.max(1).values
    _require_keep(x, keep)
    best = x.masked_fill(~keep.unsqueeze(-1), -torch.inf).max(1).values
    return best.masked_fill(~keep.any(1, keepdim=True), 0.0)


def mean_over_time(x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B D"]:
    """The mean of each column over the real steps."""
    if keep is None:
        return x.sum(1) / max(x.shape[1], 1)
    _require_keep(x, keep)
    total = x.masked_fill(~keep.unsqueeze(-1), 0.0).sum(1)
    return total / keep.sum(1, keepdim=True).clamp(min=1)


def last_over_time(x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B D"]:
    """The last real step of each row."""
    if x.shape[1] == 0:
        return x.new_zeros(x.shape[0], x.shape[2])
    if keep is None:
        return x[:, -1]
    _require_keep(x, keep)
    steps = torch.arange(1, x.shape[1] + 1, device=x.device)
    last = (keep * steps).amax(1)  # 0 where nothing is kept
    picked = x.gather(1, (last - 1).clamp(min=0)[:, None, None].expand(-1, 1, x.shape[2])).squeeze(1)
    return picked.masked_fill((last == 0).unsqueeze(-1), 0.0)


def _require_keep(x: Tensor, keep: Tensor) -> None:
    if keep.shape != x.shape[:2] or keep.dtype != torch.bool:
        raise ShapeError(f"keep must be bool {tuple(x.shape[:2])}, got {keep.dtype} {tuple(keep.shape)}")
