"""Pooling over the whole image: one number a channel. Dimensions: B batch, C channels, Y and X image axes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

__all__ = ["average_over_space", "max_over_space"]


def average_over_space(x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C"]:
    """The mean of each channel over the whole image. Source: Lin et al. 2013, "Network in network"."""
    return x.mean((2, 3))


def max_over_space(x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C"]:
    """The largest number of each channel over the whole image; equal ones share the gradient."""
    return x.amax((2, 3))
