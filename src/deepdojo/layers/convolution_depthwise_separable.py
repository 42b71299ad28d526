"""Depthwise separable convolution: space first, channel by channel, then the channels, pixel by pixel.

Dimensions: B batch, C input and O output channels, Y and X image axes, h and w the kernel's sides.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.convolution import Conv2d, conv2d_reference
from deepdojo.layers.convolution_padding import PerAxis
from deepdojo.layers.hook import Layer

__all__ = ["DepthwiseSeparableConv2d", "depthwise_separable_reference"]


class DepthwiseSeparableConv2d(Layer):
    """pointwise(depthwise(x)): one h x w filter for each channel (groups = C), then a 1x1 convolution from C to O.

    |            | a whole convolution | this |
    |---|---|---|
    | parameters | O·C·h·w + O         | C·h·w + C + C·O + O |
    | operations | 2·B·y·x·O·C·h·w     | 2·B·y·x·(C·h·w + C·O) |

    The ratio of both is 1/O + 1/(h·w): with a 3x3 kernel an eighth to a ninth. It can only express weights of the form
    pointwise[o,c] · depthwise[c,u,v]. There is nothing between the two parts, as in Xception; MobileNet puts a
    normalisation and an activation there.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: of the depthwise part, as are stride, padding and dilation; see `Conv2d`.
        stride: step between outputs, pixels.
        padding: zeros added on each side, pixels.
        dilation: distance between the kernel's cells.
        bias: whether both parts add a constant.

    Source: Sifre 2014; Chollet 2017, "Xception"; Howard et al. 2017, "MobileNets", section 3.1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: PerAxis = 0,
        dilation: PerAxis = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.depthwise = Conv2d(
            in_channels, in_channels, kernel_size, stride, padding, dilation, groups=in_channels, bias=bias
        )
        self.pointwise = Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B O y x"]:
        return self.pointwise(self.depthwise(x))


def depthwise_separable_reference(
    layer: DepthwiseSeparableConv2d, x: Float[Tensor, "B C Y X"]
) -> Float[Tensor, "B O y x"]:
    """`layer(x)` in plain algebra: each channel through its own filter, then each pixel through one matrix."""
    part, mix = layer.depthwise, layer.pointwise
    filtered = []
    for c in range(x.shape[1]):
        bias = None if part.bias is None else part.bias[c : c + 1]
        rules = (part.stride, part.padding, part.dilation)
        filtered.append(conv2d_reference(x[:, c : c + 1], part.weight[c : c + 1], bias, *rules))
    y = torch.einsum("oc,bcyx->boyx", mix.weight[:, :, 0, 0], torch.cat(filtered, 1))
    return y if mix.bias is None else y + mix.bias[:, None, None]
