"""Transposed convolution: each number of the input spreads over the output by a learned kernel; maps grow.

Dimensions: B batch, C input and O output channels, G groups, T time, Z, Y, X axes of space, h, w the kernel's sides.
With stride s, padding p, dilation d an axis of n becomes (n - 1)·s - 2p + d·(h-1) + output_padding + 1.

It is the gradient of a convolution with respect to its input, used as a layer of its own ("deconvolution", though it
undoes nothing). A convolution at stride s gives one and the same length for s different lengths of its input:
`output_padding` says which of them comes back. It computes further cells at the end and adds no zeros.
Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", section 4; Zeiler et al. 2010.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.convolution_base import ConvolutionLayer
from deepdojo.layers.convolution_padding import PerAxis, one_number, per_axis
from deepdojo.layers.hook import current
from deepdojo.layers.shapes import ShapeError

__all__ = [
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "conv_transpose_reference",
    "transposed_length",
]


def transposed_length(
    n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """(n - 1)·s - 2p + d·(h-1) + output_padding + 1.

    Example:
        >>> transposed_length(112, kernel=7, stride=2, padding=3, output_padding=1)
        224
    """
    return (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1


def conv_transpose1d(
    x: Float[Tensor, "B C T"],
    weight: Float[Tensor, "C O_per_G h"],
    bias: Float[Tensor, " O"] | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Float[Tensor, "B O t"]:
    """y[b,o, i·s + u·d - p] receives weight[c,o,u] · x[b,c,i] from every c, i, u; plus bias[o]. See the file's head."""
    return F.conv_transpose1d(x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    x: Float[Tensor, "B C Y X"],
    weight: Float[Tensor, "C O_per_G h w"],
    bias: Float[Tensor, " O"] | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Float[Tensor, "B O y x"]:
    """y[b,o, i·s + u·d - p, j·s + v·d - p] receives weight[c,o,u,v] · x[b,c,i,j] from every c, i, j, u, v; plus bias.

    Cost: 2·B·Y·X·C·(O/groups)·h·w operations, by the size of the input. See the file's head for the output's size.
    """
    return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    x: Float[Tensor, "B C Z Y X"],
    weight: Float[Tensor, "C O_per_G h w l"],
    bias: Float[Tensor, " O"] | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Float[Tensor, "B O z y x"]:
    """As `conv_transpose2d`, over three axes. Cost: 2·B·Z·Y·X·C·(O/groups)·h·w·l operations."""
    return F.conv_transpose3d(x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose_reference(
    x: Float[Tensor, "B C *S"],
    weight: Float[Tensor, "C O_per_G *K"],
    bias: Float[Tensor, " O"] | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Float[Tensor, "B O *P"]:
    """All three in plain algebra, for any number of axes: every cell of the kernel writes its share, then p are cut."""
    axes = x.dim() - 2
    steps, gaps = per_axis(stride, axes, "stride"), per_axis(dilation, axes, "dilation")
    cuts, more = per_axis(padding, axes, "padding"), per_axis(output_padding, axes, "output_padding")
    sizes, (O_per_G, *kernel) = x.shape[2:], weight.shape[1:]
    whole = [transposed_length(*rule) for rule in zip(sizes, kernel, steps, [0] * axes, more, gaps, strict=True)]
    y = x.new_zeros(len(x), groups, O_per_G, *whole)
    x, weight = x.unflatten(1, (groups, -1)), weight.unflatten(0, (groups, -1))
    for cell, weight_there in zip(product(*map(range, kernel)), weight.flatten(3).unbind(-1), strict=True):
        each = zip(cell, gaps, steps, sizes, strict=True)
        places: tuple[Any, ...] = (..., *(slice(u * d, u * d + s * (n - 1) + 1, s) for u, d, s, n in each))
        y[places] = y[places] + torch.einsum("gco,bgc...->bgo...", weight_there, x)
    middle: tuple[Any, ...] = (..., *(slice(p, n - p) for p, n in zip(cuts, whole, strict=True)))
    y = y.flatten(1, 2)[middle]
    return y if bias is None else y + bias.view(-1, *[1] * axes)


class _Transposed(ConvolutionLayer):
    transposed = True
    function: str

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: PerAxis = 0,
        output_padding: PerAxis = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: PerAxis = 1,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        more = self._checked("output_padding", output_padding, 0)
        for each, s, d in zip(more, *self._rules()[1:], strict=True):
            if each >= max(s, d):
                raise RecipeError(
                    f"output_padding must be below the stride or the dilation ({max(s, d)}), got {each}",
                    where=type(self).__name__,
                )
        self.output_padding = one_number(more)
        self.convolve = current(self.function)

    def _rules(self) -> list[tuple[int, ...]]:
        """Kernel, stride and dilation, each one number an axis."""
        kernel = tuple(self.weight.shape[2:])
        return [kernel, per_axis(self.stride, self.axes, "stride"), per_axis(self.dilation, self.axes, "dilation")]

    def _spread(self, x: Tensor) -> Tensor:
        self.require_input(x)
        kernel, steps, gaps = self._rules()
        more = per_axis(self.output_padding, self.axes, "output_padding")
        rules = zip(x.shape[2:], kernel, steps, self.zeros, more, gaps, strict=True)
        sizes = tuple(transposed_length(*rule) for rule in rules)
        if min(sizes) < 1:
            raise ShapeError(f"{type(self).__name__}: padding {self.padding} leaves {sizes} of {tuple(x.shape[2:])}")
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return self.convolve(x, self.weight, self.bias, *options)


class ConvTranspose2d(_Transposed):
    """Transposed convolution over an image; see `conv_transpose2d` and the file's head.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: side of a square kernel, or (height, width).
        stride: distance in the output between two neighbours of the input: the factor by which a map grows.
        padding: rows and columns cut off on each side of the output.
        output_padding: further rows and columns at its end; below the stride or the dilation.
        groups: the channels are cut into so many blocks that do not see each other.
        bias: whether a constant is added to each output channel.
        dilation: distance between the kernel's cells.

    A kernel that the stride does not divide overlaps itself unevenly and draws a chequered pattern (Odena et al. 2016).
    The order of the arguments is torch's, and so is the weight, (C, O/G, h, w).
    """

    axes = 2
    function = "conv_transpose2d"

    def forward(self, x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B O y x"]:
        return self._spread(x)


class ConvTranspose1d(_Transposed):
    """Transposed convolution over time; the arguments are those of `ConvTranspose2d`."""

    axes = 1
    function = "conv_transpose1d"

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B O t"]:
        return self._spread(x)


class ConvTranspose3d(_Transposed):
    """Transposed convolution over three axes; the arguments are those of `ConvTranspose2d`."""

    axes = 3
    function = "conv_transpose3d"

    def forward(self, x: Float[Tensor, "B C Z Y X"]) -> Float[Tensor, "B O z y x"]:
        return self._spread(x)
