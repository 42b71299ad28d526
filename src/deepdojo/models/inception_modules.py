"""The modules of Inception v3: branches side by side whose results are joined, with kernels taken apart to save work.

A: 35x35 maps    a 5x5 kernel as it is, and a 3x3 twice in its place (28 % fewer products)     figure 5
B: 35 to 17      3x3 with a step of two beside pooling: smaller without a bottleneck           figure 10
C: 17x17 maps    7x7 as 1x7 after 7x1: 14 products a pixel instead of 49                       figure 6
D: 17 to 8       as B, the second branch with 1x7 and 7x1 before it                            figure 10
E: 8x8 maps      3x3 as 1x3 and 3x1 side by side: wide, for the last and coarsest map          figure 7

Dimensions: B batch, I and O input and output channels, Y and X image axes.
Source: Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2015, "Rethinking the Inception architecture for computer vision"
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.batch_normalisation import BatchNorm2d
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.hook import current

__all__ = ["ConvNorm", "ModuleA", "ModuleB", "ModuleC", "ModuleD", "ModuleE", "Scale"]

Scale = Callable[[int], int]
"""From the paper's number of channels to this network's."""
Side = int | tuple[int, int]


class ConvNorm(nn.Module):
    """relu(norm(conv(x))), the only kind of convolution in the network.

    Args:
        c_in: input channels.
        c_out: output channels.
        kernel: side, or (height, width), pixels.
        stride: step, pixels.
        same: whether zeros keep the size of the map (kernel // 2 on each side), or the kernel never leaves it.
    """

    def __init__(self, c_in: int, c_out: int, kernel: Side, stride: int = 1, same: bool = True) -> None:
        super().__init__()
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (sides[0] // 2, sides[1] // 2) if same else 0
        self.conv = Conv2d(c_in, c_out, kernel, stride, padding, bias=False)  # the norm's bias does that work
        self.norm = BatchNorm2d(c_out, eps=1e-3)
        self.relu = current("relu")

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B O y x"]:
        return self.relu(self.norm(self.conv(x)))


def _chain(c_in: int, *steps: tuple[int, Side]) -> nn.Sequential:
    """Convolutions that keep the map, one after another: (channels, kernel) of each."""
    widths = [c_in, *(c_out for c_out, _ in steps)]
    return nn.Sequential(*(ConvNorm(i, o, kernel) for i, (o, kernel) in zip(widths, steps, strict=False)))


class _Branches(nn.Module):
    """Runs every branch on the input and joins what they give along the channels."""

    channels: int
    """Of the output."""

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B O y x"]:
        return torch.cat(self.branches(x), 1)

    def branches(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError


class _Averaging(_Branches):
    """Keeps the map; one branch is the mean of each 3x3 window."""

    def __init__(self) -> None:
        super().__init__()
        self.average_pool2d = current("average_pool2d")

    def averaged(self, x: Tensor) -> Tensor:
        return self.average_pool2d(x, 3, 1, 1)  # the zeros of the padding count, as in the known weights


class _Halving(_Branches):
    """Halves the map; one branch is the maximum of each 3x3 window."""

    def __init__(self) -> None:
        super().__init__()
        self.max_pool2d = current("max_pool2d")


class ModuleA(_Averaging):
    """1x1; 1x1 then 5x5; 1x1 then 3x3 twice; mean then 1x1 to `pooled` channels."""

    def __init__(self, c_in: int, pooled: int, scale: Scale) -> None:
        super().__init__()
        a, b, c, d = scale(64), scale(48), scale(96), scale(pooled)
        self.one = ConvNorm(c_in, a, 1)
        self.five = _chain(c_in, (b, 1), (a, 5))
        self.three_twice = _chain(c_in, (a, 1), (c, 3), (c, 3))
        self.pool = ConvNorm(c_in, d, 1)
        self.channels = 2 * a + c + d

    def branches(self, x: Tensor) -> list[Tensor]:
        return [self.one(x), self.five(x), self.three_twice(x), self.pool(self.averaged(x))]


class ModuleB(_Halving):
    """Halves the map: 3x3 with step 2; 1x1, 3x3, 3x3 with step 2; the maximum of 3x3 with step 2."""

    def __init__(self, c_in: int, scale: Scale) -> None:
        super().__init__()
        a, b, c = scale(384), scale(64), scale(96)
        self.three = ConvNorm(c_in, a, 3, 2, same=False)
        self.three_twice = nn.Sequential(*_chain(c_in, (b, 1), (c, 3)), ConvNorm(c, c, 3, 2, same=False))
        self.channels = a + c + c_in

    def branches(self, x: Tensor) -> list[Tensor]:
        return [self.three(x), self.three_twice(x), self.max_pool2d(x, 3, 2)]


class ModuleC(_Averaging):
    """1x1; 1x1, 1x7, 7x1; 1x1, 7x1, 1x7, 7x1, 1x7; mean then 1x1. `narrow`: channels inside the factorised branches."""

    def __init__(self, c_in: int, narrow: int, scale: Scale) -> None:
        super().__init__()
        a, n, flat, tall = scale(192), scale(narrow), (1, 7), (7, 1)
        self.one = ConvNorm(c_in, a, 1)
        self.seven = _chain(c_in, (n, 1), (n, flat), (a, tall))
        self.seven_twice = _chain(c_in, (n, 1), (n, tall), (n, flat), (n, tall), (a, flat))
        self.pool = ConvNorm(c_in, a, 1)
        self.channels = 4 * a

    def branches(self, x: Tensor) -> list[Tensor]:
        return [self.one(x), self.seven(x), self.seven_twice(x), self.pool(self.averaged(x))]


class ModuleD(_Halving):
    """Halves the map: 1x1 then 3x3 with step 2; 1x1, 1x7, 7x1, 3x3 with step 2; the maximum of 3x3 with step 2."""

    def __init__(self, c_in: int, scale: Scale) -> None:
        super().__init__()
        a, b = scale(192), scale(320)
        self.three = nn.Sequential(ConvNorm(c_in, a, 1), ConvNorm(a, b, 3, 2, same=False))
        self.seven = nn.Sequential(*_chain(c_in, (a, 1), (a, (1, 7)), (a, (7, 1))), ConvNorm(a, a, 3, 2, same=False))
        self.channels = a + b + c_in

    def branches(self, x: Tensor) -> list[Tensor]:
        return [self.three(x), self.seven(x), self.max_pool2d(x, 3, 2)]


class ModuleE(_Averaging):
    """1x1; 1x1 then 1x3 beside 3x1; 1x1, 3x3 then 1x3 beside 3x1; mean then 1x1."""

    def __init__(self, c_in: int, scale: Scale) -> None:
        super().__init__()
        a, b, c, d = scale(320), scale(384), scale(448), scale(192)
        self.one = ConvNorm(c_in, a, 1)
        self.three = ConvNorm(c_in, b, 1)
        self.three_flat, self.three_tall = ConvNorm(b, b, (1, 3)), ConvNorm(b, b, (3, 1))
        self.twice = _chain(c_in, (c, 1), (b, 3))
        self.twice_flat, self.twice_tall = ConvNorm(b, b, (1, 3)), ConvNorm(b, b, (3, 1))
        self.pool = ConvNorm(c_in, d, 1)
        self.channels = a + 4 * b + d

    def branches(self, x: Tensor) -> list[Tensor]:
        three, twice = self.three(x), self.twice(x)
        wide = [self.three_flat(three), self.three_tall(three), self.twice_flat(twice), self.twice_tall(twice)]
        return [self.one(x), *wide, self.pool(self.averaged(x))]
