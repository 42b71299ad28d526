"""Convolution over time and over images. In space: convolution_3d.py; padding rules: convolution_padding.py.

Dimensions: B batch, C input channels, O output channels, G groups, T time, Y height, X width, h and w the kernel's
    sides.
Padding adds `padding` zeros on both sides of an axis, so an axis of n becomes floor((n + 2·padding - dilation·(h-1) -
1) / stride) + 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.convolution_base import ConvolutionLayer
from deepdojo.layers.convolution_padding import PerAxis, output_length, per_axis
from deepdojo.layers.hook import current

__all__ = ["Conv1d", "Conv2d", "conv1d", "conv1d_reference", "conv2d", "conv2d_reference"]


def conv2d(
    x: Float[Tensor, "B C Y X"],
    weight: Float[Tensor, "O C_per_G h w"],
    bias: Float[Tensor, " O"] | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Float[Tensor, "B O y x"]:
    """y[b,o,i,j] = bias[o] + sum_{c,u,v} weight[o,c,u,v] · x[b,c, i·s + u·d - p, j·s + v·d - p].

    With s the stride, d the dilation, p the padding (each one number, or one for rows and one for columns), and x zero
    outside the image. A sliding weighted sum (in mathematics: a cross-correlation, the kernel is not flipped).
    Cost: 2·B·y·x·O·(C/groups)·h·w operations.
    Source: LeCun et al. 1989, "Backpropagation applied to handwritten zip code recognition".
    """
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups)


def conv2d_reference(
    x: Float[Tensor, "B C Y X"],
    weight: Float[Tensor, "O C_per_G h w"],
    bias: Float[Tensor, " O"] | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Float[Tensor, "B O y x"]:
    """`conv2d` in plain algebra: one product for each cell of the kernel, shifted and added."""
    B, C, *sizes = x.shape
    O, C_per_G, h, w = weight.shape
    (s, t), (p, q), (d, e) = per_axis(stride, 2, "stride"), per_axis(padding, 2, "padding"), per_axis(dilation, 2, "")
    x = F.pad(x, (q, q, p, p))
    y_size, x_size = output_length(sizes[0], h, s, p, d), output_length(sizes[1], w, t, q, e)
    weight = weight.view(groups, O // groups, C_per_G, h, w)
    y = x.new_zeros(B, groups, O // groups, y_size, x_size)
    for u in range(h):
        for v in range(w):
            rows = x[:, :, u * d :: s, v * e :: t][:, :, :y_size, :x_size]
            rows = rows.reshape(B, groups, C // groups, y_size, x_size)
            y = y + torch.einsum("goc,bgcyx->bgoyx", weight[..., u, v], rows)
    y = y.reshape(B, O, y_size, x_size)
    return y if bias is None else y + bias[:, None, None]


def conv1d(
    x: Float[Tensor, "B C T"],
    weight: Float[Tensor, "O C_per_G h"],
    bias: Float[Tensor, " O"] | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Float[Tensor, "B O t"]:
    """y[b,o,i] = bias[o] + sum_{c,u} weight[o,c,u] · x[b,c, i·s + u·d - p].

    With s the stride, d the dilation, p the padding. Cost: 2·B·t·O·(C/groups)·h operations.
    Source: Waibel, Hanazawa, Hinton, Shikano & Lang 1989, "Phoneme recognition using time-delay neural networks".
    """
    return F.conv1d(x, weight, bias, stride, padding, dilation, groups)


def conv1d_reference(
    x: Float[Tensor, "B C T"],
    weight: Float[Tensor, "O C_per_G h"],
    bias: Float[Tensor, " O"] | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Float[Tensor, "B O t"]:
    """`conv1d` in plain algebra: every window of the padded input against every filter."""
    O, C_per_G, h = weight.shape
    (s,), (p,), (d,) = per_axis(stride, 1, "stride"), per_axis(padding, 1, "padding"), per_axis(dilation, 1, "dilation")
    windows = F.pad(x, (p, p)).unfold(2, d * (h - 1) + 1, s)[..., ::d]  # (B, C, t, h)
    windows = windows.unflatten(1, (groups, C_per_G))
    y = torch.einsum("goch,bgcth->bgot", weight.view(groups, O // groups, C_per_G, h), windows).flatten(1, 2)
    return y if bias is None else y + bias[:, None]


class Conv2d(ConvolutionLayer):
    """Convolution over an image, y = weight * x + bias; see `conv2d` for the formula.

    Args:
        in_channels: C.
        out_channels: O, one learned filter each.
        kernel_size: side of a square kernel, or (height, width), pixels.
        stride: step between outputs, pixels; one number, or (down, right), as for padding and dilation.
        padding: zeros added on each side, pixels; kernel_size // 2 keeps the size of an odd kernel at stride 1.
        dilation: distance between the kernel's cells.
        groups: the channels are cut into so many blocks that do not see each other; groups = C is depthwise.
        bias: whether a constant is added to each output channel.

    Raises: RecipeError when groups does not divide the channels; ShapeError when the input has another number of
    channels or is smaller than the kernel.
    """

    axes = 2

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
        self.convolve = current("conv2d")

    def forward(self, x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B O y x"]:
        self.require_input(x)
        return self.convolve(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(ConvolutionLayer):
    """Convolution over time, y = weight * x + bias; see `conv1d` for the formula.

    Args:
        in_channels: C, for text the width of the word vectors.
        out_channels: O.
        kernel_size: length of the kernel, steps.
        stride: step between outputs.
        padding: zeros added on each side.
        dilation: distance between the kernel's cells, steps.
        groups: the channels are cut into so many blocks that do not see each other.
        bias: whether a constant is added to each output channel.

    Raises: as `Conv2d`.
    """

    axes = 1

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
        self.convolve = current("conv1d")

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B O t"]:
        self.require_input(x)
        return self.convolve(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
