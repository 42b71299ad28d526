"""Convolutional network like VGG: stages of 3x3 convolutions with batch normalisation, pooling between them.

Source: Simonyan & Zisserman 2014, "Very deep convolutional networks"; Ioffe & Szegedy 2015, "Batch normalization";
    Lin et al. 2013, "Network in network" (pooling over the whole map)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.activations import activation
from deepdojo.layers.batch_normalisation import BatchNorm2d
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.pooling import max_pool2d
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.images import Pooling, channels_last, global_poolings, halve

__all__ = ["Cnn", "CnnConfig"]


@dataclass(frozen=True)
class CnnConfig:
    """Arguments of `cnn`."""

    in_channels: int
    """1 for grey images, 3 for colour. From the data."""
    height: int
    """Rows of pixels. From the data."""
    width: int
    """Columns of pixels. From the data."""
    num_outputs: int
    """Classes. From the data."""
    channels: tuple[int, ...] = (24, 48, 96)
    """Channels of each stage; between two stages the map is halved."""
    convs: tuple[int, ...] = (1, 1, 2)
    """Convolutions of each stage: one number for each stage, or one number for all."""
    kernel: int = 3
    """Side of the kernels, pixels; odd, and the map is padded so that it keeps its size."""
    first_kernel: int = 5
    """Side of the very first kernel, which sees raw pixels and is cheap because it has few input channels."""
    stride: int = 0
    """Step of the first convolution, pixels; 0 takes the smallest power of two that brings the longer side to 64."""
    residual: bool = True
    """Whether second and later convolutions of a stage add to their input (He et al. 2015) or replace it."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    """The bend after each normalised convolution."""
    dropout: float = 0.0
    """Share of the pooled features that are silenced in training."""
    pooling: Pooling = "average"
    """How the last map becomes one vector: mean of each channel, largest value, or both side by side."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "height", "width", "num_outputs", "channels", "convs")
        require_at_least(self, 0, "stride")
        require_shares(self, "dropout")
        require(len(self.channels) > 0, "channels", "channels must name at least one stage")
        require(
            len(self.convs) in (1, len(self.channels)),
            "convs",
            f"convs has {len(self.convs)} numbers for {len(self.channels)} stages",
            "give one number for each stage, or one for all",
        )
        for field in ("kernel", "first_kernel"):
            side = getattr(self, field)
            require(side >= 1 and side % 2 == 1, field, f"{field} must be odd and positive, got {side}")
            # Up to 5 the padding makes a kernel fit any image; a larger one would have cells that hardly meet a pixel.
            require(
                side <= max(5, self.height, self.width),
                field,
                f"a {side}x{side} kernel is larger than the {self.height}x{self.width} image",
            )

    def first_stride(self) -> int:
        """Step of the first convolution."""
        if self.stride:
            return self.stride
        step = 1
        while -(-max(self.height, self.width) // step) > 64:
            step *= 2
        return step

    def maps(self) -> list[tuple[int, int]]:
        """Height and width of the map in each stage; between stages an axis longer than 1 is halved, rounding down."""
        step = self.first_stride()
        y, x = -(-self.height // step), -(-self.width // step)
        sizes = [(y, x)]
        for _ in self.channels[1:]:
            y, x = max(1, y // 2), max(1, x // 2)
            sizes.append((y, x))
        return sizes


class _Block(nn.Module):
    """y = f(BN(conv(x))), added to x where `residual` is on."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, residual: bool, bend: str) -> None:
        super().__init__()
        self.conv = Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)  # the norm's bias does that work
        self.norm = BatchNorm2d(c_out)
        self.bend = activation(bend)
        self.residual = residual

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B O y x"]:
        y = self.bend(self.norm(self.conv(x)))
        return x + y if self.residual else y


class Cnn(nn.Module):
    """Stages of convolution, batch norm and activation; 2x2 max pooling between stages; global pooling; a linear head.

    Pooling rule: between two stages each axis of the map that is longer than 1 is halved (rounding down); an axis of
    length 1 stays, so any number of stages works on any image. Initialisation: convolutions normal with variance 2 /
    (inputs of an output) (He et al. 2015), norms 1 and 0, the head a tenth of the Linear layer's own (`shrink_head`).

    Raises: RecipeError when an image has another number of channels than the config.
    """

    def __init__(self, config: CnnConfig) -> None:
        super().__init__()
        self.config = config
        counts = config.convs if len(config.convs) > 1 else config.convs * len(config.channels)
        self.stages = nn.ModuleList()
        c_in = config.in_channels
        for stage, (c_out, count) in enumerate(zip(config.channels, counts, strict=True)):
            blocks = []
            for i in range(count):
                first = stage == 0 and i == 0
                kernel, stride = (config.first_kernel, config.first_stride()) if first else (config.kernel, 1)
                blocks.append(_Block(c_in, c_out, kernel, stride, config.residual and i > 0, config.activation))
                c_in = c_out
            self.stages.append(nn.Sequential(*blocks))
        halves = any(max(size) > 1 for size in config.maps()[:-1])
        self.max_pool2d = current("max_pool2d") if halves else max_pool2d
        self.poolings = global_poolings(config.pooling)
        self.dropout = Dropout(config.dropout)
        self.head = Linear(c_in * len(self.poolings), config.num_outputs)
        self._initialise()

    def _initialise(self) -> None:
        for stage in self.stages:
            for block in stage:  # type: ignore[attr-defined]
                nn.init.kaiming_normal_(block.conv.weight, nonlinearity="relu")
        shrink_head(self.head)

    def forward(self, x: Float[Tensor, "B C Y X"], keep: None = None) -> Float[Tensor, "B num_outputs"]:
        x = channels_last("cnn", x, self.config.in_channels)
        for i, stage in enumerate(self.stages):
            x = stage(x if i == 0 else halve(x, self.max_pool2d))
        features = torch.cat([pool(x) for pool in self.poolings], 1)
        return self.head(self.dropout(features))
