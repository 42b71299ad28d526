"""The basic block of a residual network: two 3x3 convolutions that add to their input.

Dimensions: B batch, I and O input and output channels, Y and X image axes before, y and x after the block.
Source: He et al. 2015, "Deep residual learning for image recognition"; He et al. 2016, "Identity mappings in deep
    residual networks" (`preactivation`)
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.activations import activation as activation_of
from deepdojo.layers.batch_normalisation import BatchNorm2d
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.hook import Layer

__all__ = ["ResidualBlock"]


class ResidualBlock(Layer):
    """y = f(x' + N2(conv2(f(N1(conv1(x)))))), or with `preactivation` y = x' + conv2(f(N2(conv1(f(N1(x)))))).

    x' is the shortcut: x itself where shapes are the same. N is batch normalisation, f the activation; convolutions
    have no bias, for the norms' do that work.

    Args:
        c_in, c_out: I and O.
        stride: step of the first convolution and of the shortcut, pixels.
        shortcut: where shapes differ: "projection", a 1x1 convolution and a norm (option B of the paper), or "zeros",
            every `stride`-th pixel and channels of zeros (option A).
        preactivation: norm and activation stand before each convolution (2016) or after it (2015).
        activation: the name of f.

    Source: He et al. 2015, figure 2 and section 4.2; He et al. 2016, figure 4.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, shortcut: str = "projection", preactivation: bool = False,
        activation: str = "relu",
    ) -> None:  # fmt: skip
        super().__init__()
        self.before = preactivation
        self.conv1 = Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.norm1 = BatchNorm2d(c_in if preactivation else c_out)
        self.conv2 = Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.norm2 = BatchNorm2d(c_out)
        self.shortcut = _Shortcut(c_in, c_out, stride, shortcut)
        self.bend = activation_of(activation)

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B O y x"]:
        if self.before:
            y = self.conv2(self.bend(self.norm2(self.conv1(self.bend(self.norm1(x))))))
            return self.shortcut(x) + y
        y = self.norm2(self.conv2(self.bend(self.norm1(self.conv1(x)))))
        return self.bend(self.shortcut(x) + y)


class _Shortcut(nn.Module):
    """A block's input in the shape of its output; the input itself where that is the same."""

    def __init__(self, c_in: int, c_out: int, stride: int, kind: str) -> None:
        super().__init__()
        self.stride, self.missing = stride, c_out - c_in
        project = kind == "projection" and (c_in != c_out or stride > 1)
        self.conv = Conv2d(c_in, c_out, 1, stride, bias=False) if project else None
        self.norm = BatchNorm2d(c_out) if project else None

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B O y x"]:
        if self.conv is not None and self.norm is not None:
            return self.norm(self.conv(x))
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.missing)) if self.missing else x
