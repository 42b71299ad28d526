"""Pooling over the whole image: one number a channel. Dimensions: B batch, C channels, Y and X image axes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.shapes import ShapeError

__all__ = ["average_over_space", "max_over_space"]


def average_over_space(x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C"]:
    """The mean of each channel over the whole image. Source: Lin et al. 2013, "Network in network".

    Raises: ShapeError for another rank, or an image without pixels.
    """
    _require_pixels("average_over_space", x)
    return x.mean((2, 3))


def max_over_space(x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C"]:
    """The largest number of each channel over the whole image; equal ones share the gradient.

    Raises: as `average_over_space`.
    Source: Oquab, Bottou, Laptev & Sivic 2015, "Is object localization for free?".
    """
    _require_pixels("max_over_space", x)
    return x.amax((2, 3))


def _require_pixels(name: str, x: Tensor) -> None:
    if x.dim() != 4 or 0 in x.shape[2:]:
        raise ShapeError(f"{name} needs images (B, C, Y, X) of at least one pixel, got {tuple(x.shape)}")
