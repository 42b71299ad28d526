"""Convolution in space or over film: three axes. Dimensions: B batch, C input and O output channels, Z, Y, X axes.

The output's length along each axis, and the padding rules: convolution_padding.py.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.convolution_base import ConvolutionLayer
from deepdojo.layers.convolution_padding import PerAxis, output_length, per_axis
from deepdojo.layers.hook import current

__all__ = ["Conv3d", "conv3d", "conv3d_reference"]


def conv3d(
    x: Float[Tensor, "B C Z Y X"],
    weight: Float[Tensor, "O C_per_G h w l"],
    bias: Float[Tensor, " O"] | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Float[Tensor, "B O z y x"]:
    """y[b,o,i,j,k] = bias[o] + sum_{c,u,v,w} weight[o,c,u,v,w] · x[b,c, i·s + u·d - p, j·s + v·d - p, k·s + w·d - p].

    With s the stride, d the dilation, p the padding, each one number or one an axis.
    Cost: 2·B·z·y·x·O·(C/groups)·h·w·l operations: a 3x3x3 kernel costs three times a 3x3 one.
    Source: Ji et al. 2010, "3D convolutional neural networks for human action recognition".
    """
    return F.conv3d(x, weight, bias, stride, padding, dilation, groups)


def conv3d_reference(
    x: Float[Tensor, "B C Z Y X"],
    weight: Float[Tensor, "O C_per_G h w l"],
    bias: Float[Tensor, " O"] | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Float[Tensor, "B O z y x"]:
    """`conv3d` in plain algebra: one product for each cell of the kernel, shifted and added."""
    steps, zeros, gaps = per_axis(stride, 3, "stride"), per_axis(padding, 3, "padding"), per_axis(dilation, 3, "")
    O, C_per_G, *kernel = weight.shape
    rules = zip(x.shape[2:], kernel, steps, zeros, gaps, strict=True)
    sizes = [output_length(n, h, s, p, d) for n, h, s, p, d in rules]
    x = F.pad(x, [p for axis in reversed(zeros) for p in (axis, axis)]).unflatten(1, (groups, C_per_G))
    weight = weight.unflatten(0, (groups, O // groups))
    y = x.new_zeros(len(x), groups, O // groups, *sizes)
    for cell, weight_there in zip(product(*map(range, kernel)), weight.flatten(3).unbind(-1), strict=True):
        each = zip(cell, gaps, steps, sizes, strict=True)
        places: tuple[Any, ...] = (..., *(slice(u * d, u * d + s * (n - 1) + 1, s) for u, d, s, n in each))
        y = y + torch.einsum("goc,bgczyx->bgozyx", weight_there, x[places])
    y = y.flatten(1, 2)
    return y if bias is None else y + bias[:, None, None, None]


class Conv3d(ConvolutionLayer):
    """Convolution over three axes, y = weight * x + bias; see `conv3d` for the formula.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: side of the kernel, cells; one number, or one an axis, as for stride, padding and dilation.
        stride: step between outputs.
        padding: zeros added on each side.
        dilation: distance between the kernel's cells.
        groups: the channels are cut into so many blocks that do not see each other.
        bias: whether a constant is added to each output channel.

    Raises: RecipeError when groups does not divide the channels; ShapeError when the input has another number of
    channels or is smaller than the kernel.
    """

    axes = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: PerAxis = 0,
        dilation: PerAxis = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.convolve = current("conv3d")

    def forward(self, x: Float[Tensor, "B C Z Y X"]) -> Float[Tensor, "B O z y x"]:
        self.require_input(x)
        return self.convolve(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
