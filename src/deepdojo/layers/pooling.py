"""Pooling over windows: many numbers become one. Over the whole image: pooling_global.py; to a given size:
pooling_adaptive.py; over time: pooling_over_time.py.

Dimensions: B batch, C channels, Z, Y and X axes of space.
Windows: with kernel h, stride s and padding p an axis of n becomes floor((n + 2p - h) / s) + 1; a window that is cut
off at the end is left out. `stride` None means windows side by side (s = h). 2p <= h, so that no window is all padding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.convolution_padding import PerAxis, per_axis, require_kernel_fits
from deepdojo.layers.shapes import ShapeError

__all__ = [
    "average_pool1d",
    "average_pool2d",
    "average_pool2d_reference",
    "average_pool3d",
    "average_pool_reference",
    "max_pool1d",
    "max_pool2d",
    "max_pool2d_reference",
    "max_pool3d",
    "max_pool_reference",
]


def max_pool1d(
    x: Float[Tensor, "B C T"], kernel_size: PerAxis, stride: PerAxis | None = None, padding: PerAxis = 0
) -> Float[Tensor, "B C t"]:
    """The largest number of each window of time; see `max_pool2d`."""
    _require_windows("max_pool1d", x, 1, kernel_size, stride, padding)
    return F.max_pool1d(x, kernel_size, stride, padding)


def max_pool2d(
    x: Float[Tensor, "B C Y X"], kernel_size: PerAxis, stride: PerAxis | None = None, padding: PerAxis = 0
) -> Float[Tensor, "B C y x"]:
    """The largest number of each window; padding never wins; a window that is cut off at the end is left out.

    `stride` None means windows side by side. The gradient goes to the winner alone (the first of equals).
    Source: Ranzato, Huang, Boureau & LeCun 2007, "Unsupervised learning of invariant feature hierarchies".
    Raises: ShapeError when a window is larger than the padded input, or its padding than half of it.
    """
    _require_windows("max_pool2d", x, 2, kernel_size, stride, padding)
    return F.max_pool2d(x, kernel_size, stride, padding)


def max_pool3d(
    x: Float[Tensor, "B C Z Y X"], kernel_size: PerAxis, stride: PerAxis | None = None, padding: PerAxis = 0
) -> Float[Tensor, "B C z y x"]:
    """The largest number of each window of space or film; see `max_pool2d`."""
    _require_windows("max_pool3d", x, 3, kernel_size, stride, padding)
    return F.max_pool3d(x, kernel_size, stride, padding)


def average_pool1d(
    x: Float[Tensor, "B C T"],
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    count_include_pad: bool = True,
) -> Float[Tensor, "B C t"]:
    """The mean of each window of time; see `average_pool2d`."""
    _require_windows("average_pool1d", x, 1, kernel_size, stride, padding)
    return F.avg_pool1d(x, kernel_size, kernel_size if stride is None else stride, padding, False, count_include_pad)


def average_pool2d(
    x: Float[Tensor, "B C Y X"],
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    count_include_pad: bool = True,
) -> Float[Tensor, "B C y x"]:
    """The mean of each window.

    `count_include_pad` says what a window at the border is divided by: True (torch's default, and Inception's in torch)
    by all its cells, so that the zeros of the padding pull its mean down; False (TensorFlow) by its real cells.
    Raises: as `max_pool2d`. Source: LeCun et al. 1998 ("subsampling").
    """
    _require_windows("average_pool2d", x, 2, kernel_size, stride, padding)
    return F.avg_pool2d(x, kernel_size, stride, padding, count_include_pad=count_include_pad)


def average_pool3d(
    x: Float[Tensor, "B C Z Y X"],
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    count_include_pad: bool = True,
) -> Float[Tensor, "B C z y x"]:
    """The mean of each window of space or film; see `average_pool2d`."""
    _require_windows("average_pool3d", x, 3, kernel_size, stride, padding)
    return F.avg_pool3d(x, kernel_size, stride, padding, count_include_pad=count_include_pad)


def max_pool_reference(
    x: Float[Tensor, "B C *S"], kernel_size: PerAxis, stride: PerAxis | None = None, padding: PerAxis = 0
) -> Float[Tensor, "B C *P"]:
    """The three maxima in plain algebra: windows as a view, then their maximum."""
    return _windows(x, kernel_size, stride, padding, -torch.inf).max(-1).values


def max_pool2d_reference(
    x: Float[Tensor, "B C Y X"], kernel_size: PerAxis, stride: PerAxis | None = None, padding: PerAxis = 0
) -> Float[Tensor, "B C y x"]:
    """`max_pool2d` in plain algebra."""
    return max_pool_reference(x, kernel_size, stride, padding)


def average_pool_reference(
    x: Float[Tensor, "B C *S"],
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    count_include_pad: bool = True,
) -> Float[Tensor, "B C *P"]:
    """The three means in plain algebra: the sum of each window over the number of its cells."""
    windows = _windows(x, kernel_size, stride, padding, 0.0)
    if count_include_pad:
        return windows.mean(-1)
    return windows.sum(-1) / _windows(torch.ones_like(x), kernel_size, stride, padding, 0.0).sum(-1)


def average_pool2d_reference(
    x: Float[Tensor, "B C Y X"],
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    count_include_pad: bool = True,
) -> Float[Tensor, "B C y x"]:
    """`average_pool2d` in plain algebra."""
    return average_pool_reference(x, kernel_size, stride, padding, count_include_pad)


def _windows(x: Tensor, kernel_size: PerAxis, stride: PerAxis | None, padding: PerAxis, outside: float) -> Tensor:
    axes = x.dim() - 2
    kernel = per_axis(kernel_size, axes, "kernel_size")
    steps = kernel if stride is None else per_axis(stride, axes, "stride")
    sides = [p for axis in reversed(per_axis(padding, axes, "padding")) for p in (axis, axis)]
    x = F.pad(x, sides, value=outside)
    for axis, (size, step) in enumerate(zip(kernel, steps, strict=True)):
        x = x.unfold(2 + axis, size, step)
    return x.flatten(2 + axes)  # (B, C, *outputs, cells of a window)


def _require_windows(
    name: str, x: Tensor, axes: int, kernel_size: PerAxis, stride: PerAxis | None, padding: PerAxis
) -> None:
    if x.dim() != axes + 2:
        raise ShapeError(f"{name} expects a tensor of {axes + 2} axes, got {tuple(x.shape)}")
    kernel, sides = per_axis(kernel_size, axes, "kernel_size"), per_axis(padding, axes, "padding")
    steps = kernel if stride is None else per_axis(stride, axes, "stride")
    for what, values, low in (("kernel_size", kernel, 1), ("stride", steps, 1), ("padding", sides, 0)):
        if min(values) < low:
            raise RecipeError(f"{what} must be {low} or more, got {min(values)}", where=name)
    if any(2 * p > size for p, size in zip(sides, kernel, strict=True)):
        raise ShapeError(f"{name}: padding {sides} is more than half of the window {kernel}")
    require_kernel_fits(name, x, kernel, sides)
