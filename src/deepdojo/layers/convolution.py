"""Convolution over time and over images.

Dimensions: B batch, C input channels, O output channels, G groups, T time, Y height, X width, h and w the kernel's
    sides.
Padding adds `padding` zeros on both sides of an axis, so an axis of n becomes floor((n + 2·padding - dilation·(h-1) -
1) / stride) + 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import ShapeError, require_width

__all__ = ["Conv1d", "Conv2d", "conv1d", "conv2d", "conv2d_reference"]


def conv2d(
    x: Float[Tensor, "B C Y X"],
    weight: Float[Tensor, "O C_per_G h w"],
    bias: Float[Tensor, " O"] | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Float[Tensor, "B O y x"]:
    """y[b,o,i,j] = bias[o] + sum_{c,u,v} weight[o,c,u,v] · x[b,c, i·s + u·d - p, j·s + v·d - p].

    With s the stride, d the dilation, p the padding, and x zero outside the image. A sliding weighted sum
    (in mathematics: a cross-correlation, the kernel is not flipped). Cost: 2·B·y·x·O·(C/groups)·h·w operations.
    Source: LeCun et al. 1989, "Backpropagation applied to handwritten zip code recognition".
    """
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups)


def conv2d_reference(
    x: Float[Tensor, "B C Y X"],
    weight: Float[Tensor, "O C_per_G h w"],
    bias: Float[Tensor, " O"] | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Float[Tensor, "B O y x"]:
    """`conv2d` in plain algebra: one product for each cell of the kernel, shifted and added."""
    B, C = x.shape[:2]
    O, C_per_G, h, w = weight.shape
    x = F.pad(x, (padding,) * 4)
    y_size = (x.shape[2] - dilation * (h - 1) - 1) // stride + 1
    x_size = (x.shape[3] - dilation * (w - 1) - 1) // stride + 1
    weight = weight.view(groups, O // groups, C_per_G, h, w)
    y = x.new_zeros(B, groups, O // groups, y_size, x_size)
    for u in range(h):
        for v in range(w):
            rows = x[:, :, u * dilation :: stride, v * dilation :: stride][:, :, :y_size, :x_size]
            rows = rows.reshape(B, groups, C // groups, y_size, x_size)
            y = y + torch.einsum("goc,bgcyx->bgoyx", weight[..., u, v], rows)
    y = y.reshape(B, O, y_size, x_size)
    return y if bias is None else y + bias[:, None, None]


def conv1d(
    x: Float[Tensor, "B C T"],
    weight: Float[Tensor, "O C h"],
    bias: Float[Tensor, " O"] | None = None,
    stride: int = 1,
    padding: int = 0,
) -> Float[Tensor, "B O t"]:
    """y[b,o,i] = bias[o] + sum_{c,u} weight[o,c,u] · x[b,c, i·stride + u - padding]. Cost: 2·B·t·O·C·h operations."""
    return F.conv1d(x, weight, bias, stride, padding)


class _Convolution(Layer):
    """What the convolutions share: weight (O, C/G, *kernel) and bias (O), uniform in ±1/√(C/G · cells) as torch's."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Sequence[int], groups: int, bias: bool) -> None:
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise RecipeError(
                f"groups = {groups} divides not both {in_channels} input and {out_channels} output channels",
                where=type(self).__name__,
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *kernel))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(max(self.weight[0].numel(), 1))
        with torch.no_grad():
            for parameter in (self.weight, self.bias):
                if parameter is not None:
                    parameter.uniform_(-bound, bound)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, kernel={tuple(self.weight.shape[2:])}"


def _require_kernel_fits(layer: str, x: Tensor, spans: Sequence[int], padding: int) -> None:
    sizes = tuple(x.shape[2:])
    if any(span > size + 2 * padding for span, size in zip(spans, sizes, strict=True)):
        raise ShapeError(
            f"{layer}: a kernel that spans {tuple(spans)} is larger than the input {sizes} padded by {padding}"
        )


class Conv2d(_Convolution):
    """Convolution over an image, y = weight * x + bias; see `conv2d` for the formula.

    Args:
        in_channels: C.
        out_channels: O, one learned filter each.
        kernel_size: side of the square kernel, pixels.
        stride: step between outputs, pixels.
        padding: zeros added on each side, pixels; kernel_size // 2 keeps the size of an odd kernel at stride 1.
        dilation: distance between the kernel's cells.
        groups: the channels are cut into so many blocks that do not see each other; groups = C is depthwise.
        bias: whether a constant is added to each output channel.

    Raises: RecipeError when groups does not divide the channels; ShapeError when the input has another number of
    channels or is smaller than the kernel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, (kernel_size, kernel_size), groups, bias)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.convolve = current("conv2d")

    def forward(self, x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B O y x"]:
        require_width("Conv2d", x, self.in_channels, rank=4, axis=1)
        span = self.dilation * (self.weight.shape[-1] - 1) + 1
        _require_kernel_fits("Conv2d", x, (span, span), self.padding)
        return self.convolve(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(_Convolution):
    """Convolution over time, y = weight * x + bias; see `conv1d` for the formula.

    Args:
        in_channels: C, for text the width of the word vectors.
        out_channels: O.
        kernel_size: length of the kernel, steps.
        stride: step between outputs.
        padding: zeros added on each side.
        bias: whether a constant is added to each output channel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, (kernel_size,), 1, bias)
        self.stride, self.padding = stride, padding
        self.convolve = current("conv1d")

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B O t"]:
        require_width("Conv1d", x, self.in_channels, rank=3, axis=1)
        _require_kernel_fits("Conv1d", x, (self.weight.shape[-1],), self.padding)
        return self.convolve(x, self.weight, self.bias, self.stride, self.padding)
