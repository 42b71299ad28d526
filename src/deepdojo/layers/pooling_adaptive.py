"""Pooling to a given size, whatever the size of the input. Dimensions: B batch, C channels, T time, Z, Y and X axes.

Along an axis of n, output i of m looks at the cells from floor(i·n/m) to ceil((i+1)·n/m) - 1. Where m divides n these
are windows side by side; elsewhere neighbours overlap by a cell; where m is above n cells are repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.convolution_padding import PerAxis, per_axis
from deepdojo.layers.shapes import ShapeError

__all__ = [
    "adaptive_average_pool1d",
    "adaptive_average_pool2d",
    "adaptive_average_pool3d",
    "adaptive_average_pool_reference",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "adaptive_max_pool_reference",
]


def adaptive_average_pool1d(x: Float[Tensor, "B C T"], output_size: PerAxis) -> Float[Tensor, "B C t"]:
    """The mean of each window of time; see `adaptive_average_pool2d`."""
    return _pool("adaptive_average_pool1d", x, output_size, F.adaptive_avg_pool1d, adaptive_average_pool_reference)


def adaptive_average_pool2d(x: Float[Tensor, "B C Y X"], output_size: PerAxis) -> Float[Tensor, "B C y x"]:
    """The mean of each window, `output_size` windows along an axis (one number, or one for each axis).

    Raises: ShapeError for another rank or an image without pixels; RecipeError for a size below 1.
    Source: He et al. 2014, "Spatial pyramid pooling" (without a name).
    """
    return _pool("adaptive_average_pool2d", x, output_size, F.adaptive_avg_pool2d, adaptive_average_pool_reference)


def adaptive_average_pool3d(x: Float[Tensor, "B C Z Y X"], output_size: PerAxis) -> Float[Tensor, "B C z y x"]:
    """The mean of each window of space or film; see `adaptive_average_pool2d`."""
    return _pool("adaptive_average_pool3d", x, output_size, F.adaptive_avg_pool3d, adaptive_average_pool_reference)


def adaptive_max_pool1d(x: Float[Tensor, "B C T"], output_size: PerAxis) -> Float[Tensor, "B C t"]:
    """The largest number of each window of time; see `adaptive_average_pool2d`."""
    return _pool("adaptive_max_pool1d", x, output_size, F.adaptive_max_pool1d, adaptive_max_pool_reference)


def adaptive_max_pool2d(x: Float[Tensor, "B C Y X"], output_size: PerAxis) -> Float[Tensor, "B C y x"]:
    """The largest number of each window; see `adaptive_average_pool2d`."""
    return _pool("adaptive_max_pool2d", x, output_size, F.adaptive_max_pool2d, adaptive_max_pool_reference)


def adaptive_max_pool3d(x: Float[Tensor, "B C Z Y X"], output_size: PerAxis) -> Float[Tensor, "B C z y x"]:
    """The largest number of each window of space or film; see `adaptive_average_pool2d`."""
    return _pool("adaptive_max_pool3d", x, output_size, F.adaptive_max_pool3d, adaptive_max_pool_reference)


def adaptive_average_pool_reference(x: Float[Tensor, "B C *S"], output_size: PerAxis) -> Float[Tensor, "B C *P"]:
    """The three means in plain algebra: window by window."""
    return _each_window(x, output_size, lambda window: window.flatten(2).mean(2))


def adaptive_max_pool_reference(x: Float[Tensor, "B C *S"], output_size: PerAxis) -> Float[Tensor, "B C *P"]:
    """The three maxima in plain algebra: window by window."""
    return _each_window(x, output_size, lambda window: window.flatten(2).max(2).values)


def _each_window(x: Tensor, output_size: PerAxis, pool: Callable[[Tensor], Tensor]) -> Tensor:
    sizes = per_axis(output_size, x.dim() - 2, "output_size")
    edges = [
        [
            slice(i * n // m, -((-i - 1) * n // m)) for i in range(m)
        ]  # floor, and ceil as minus the floor of the negative
        for n, m in zip(x.shape[2:], sizes, strict=True)
    ]
    everything: tuple[Any, ...] = (slice(None), slice(None))
    windows = [pool(x[everything + window]) for window in product(*edges)]
    return torch.stack(windows, -1).unflatten(-1, sizes)


def _pool(
    name: str, x: Tensor, output_size: PerAxis, kernel: Callable[..., Tensor], reference: Callable[..., Tensor]
) -> Tensor:
    axes = int(name[-2])
    if x.dim() != axes + 2:
        raise ShapeError(f"{name} expects a tensor of {axes + 2} axes, got {tuple(x.shape)}")
    if 0 in x.shape[2:]:
        raise ShapeError(f"{name} needs an image of at least one pixel, got {tuple(x.shape)}")
    sizes: Any = per_axis(output_size, axes, "output_size")
    if min(sizes) < 1:
        raise RecipeError(f"output_size must be 1 or more, got {min(sizes)}", where=name)
    if x.device.type == "mps" and any(n % m for n, m in zip(x.shape[2:], sizes, strict=True)):
        return reference(x, output_size)  # there torch has windows side by side only
    return kernel(x, sizes)
