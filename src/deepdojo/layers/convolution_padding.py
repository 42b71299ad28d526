"""Padding of convolutions and pooling windows: how long the output is, and how many zeros each rule adds.

Letters, one axis: n its length, h the kernel, s the stride, d the dilation, p the zeros on each side.

    a kernel spans     d·(h-1) + 1 cells
    the output has     floor((n + 2p - d·(h-1) - 1) / s) + 1 cells
    valid              p = 0: the kernel never leaves the input; the output shrinks by d·(h-1) at stride 1
    same, odd kernel   p = d·(h-1)/2: at stride 1 the output has n cells, at stride s it has ceil(n / s)
    same, TensorFlow   ceil(n / s) cells for any kernel: in all max((ceil(n/s) - 1)·s + d·(h-1) + 1 - n, 0) zeros, of
                       which an odd one stands at the end (`same_padding`)

The last two differ where the stride is above 1: a 3x3 kernel at stride 2 on an even axis has one zero on each side by
the first rule and one at the end alone by the second, so it looks at other cells, and weights of one do not serve the
other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.shapes import ShapeError

__all__ = ["PerAxis", "one_number", "output_length", "pad_same", "per_axis", "require_kernel_fits", "same_padding"]

PerAxis = int | tuple[int, ...]
"""One number for every axis of space, or one for each."""


def per_axis(value: PerAxis, axes: int, name: str) -> tuple[int, ...]:
    """One number an axis. Raises RecipeError for another number of entries, and where they are not whole numbers."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if not all(isinstance(number, int | torch.SymInt) for number in values):
        raise RecipeError(f"{name} is counted in whole cells, got {value}", where=name)
    if len(values) != axes:
        raise RecipeError(f"{name} must be one number or {axes}, got {values}", where=name)
    return values


def one_number(values: tuple[int, ...]) -> PerAxis:
    """The number that all axes share, or the tuple."""
    return values[0] if len(set(values)) == 1 else values


def output_length(n: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """floor((n + 2p - d·(h-1) - 1) / s) + 1; 0 or less where the kernel does not fit.

    Example:
        >>> output_length(224, kernel=7, stride=2, padding=3)
        112
    """
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def same_padding(n: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after an axis of n so that the output has ceil(n / s) cells: TensorFlow's and Keras' "same".

    Example:
        >>> same_padding(8, kernel=3, stride=2), same_padding(7, kernel=3, stride=2)
        ((0, 1), (1, 1))
    """
    total = max((-(-n // stride) - 1) * stride + dilation * (kernel - 1) + 1 - n, 0)
    return total // 2, total - total // 2


def pad_same(
    x: Float[Tensor, "B C *S"], kernel_size: PerAxis, stride: PerAxis = 1, dilation: PerAxis = 1
) -> Float[Tensor, "B C *P"]:
    """`x` with the zeros of `same_padding` around each axis of space; convolve it with padding 0.

    Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", section 2.3; where the zeros
    go at a stride above 1: TensorFlow.
    """
    axes = x.dim() - 2
    each = (per_axis(kernel_size, axes, "kernel_size"), per_axis(stride, axes, "stride"))
    rules = zip(x.shape[2:], *each, per_axis(dilation, axes, "dilation"), strict=True)
    sides = [same_padding(n, h, s, d) for n, h, s, d in rules]
    return F.pad(x, [zeros for pair in reversed(sides) for zeros in pair])  # F.pad names the last axis first


def require_kernel_fits(layer: str, x: Tensor, spans: Sequence[int], padding: Sequence[int]) -> None:
    """Raises ShapeError when a kernel that spans so many cells is larger than the padded input."""
    sizes = tuple(x.shape[2:])
    if any(span > size + 2 * p for span, size, p in zip(spans, sizes, padding, strict=True)):
        by = one_number(tuple(padding))
        raise ShapeError(f"{layer}: a kernel that spans {tuple(spans)} is larger than the input {sizes} padded by {by}")
