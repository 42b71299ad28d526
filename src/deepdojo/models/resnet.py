"""Residual network: blocks of two convolutions that add to their input, in stages of falling resolution.

The paper's networks for 32x32 images: ResNet-20 is `blocks = [3]`, ResNet-32 `[5]`, ResNet-56 `[9]`, all with `shortcut
= "zeros"`.

Source: He et al. 2015, "Deep residual learning for image recognition" (section 4.2 for 32x32 images); He et al. 2016,
    "Identity mappings in deep residual networks" (`preactivation`)
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
from deepdojo.layers.residual_block import ResidualBlock
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.images import Pooling, channels_last, global_poolings, halve

__all__ = ["Resnet", "ResnetConfig"]


@dataclass(frozen=True)
class ResnetConfig:
    """Arguments of `resnet`. The defaults are ResNet-20; `blocks` of 5, 9, 18 are ResNet-32, -56, -110."""

    in_channels: int
    """1 for grey images, 3 for colour. From the data."""
    num_outputs: int
    """Classes. From the data."""
    widths: tuple[int, ...] = (16, 32, 64)
    """Channels of each stage; from the second stage on a stage begins by halving the map."""
    blocks: tuple[int, ...] = (3,)
    """Blocks of each stage: one number for each stage, or one number for all."""
    stem_width: int = 0
    """Channels of the first convolution; 0 takes the first stage's."""
    stem_kernel: int = 3
    """Side of the first kernel, pixels, odd; 7 for large images."""
    stem_stride: int = 1
    """Step of the first convolution, pixels; 2 for large images."""
    stem_pool: bool = False
    """Whether the map is halved by 2x2 max pooling straight after the first convolution: a quarter of the cost."""
    halving: Literal["stride", "pool"] = "stride"
    """How a stage halves its map: its first convolution steps by two pixels, or 2x2 max pooling stands before it."""
    shortcut: Literal["projection", "zeros"] = "projection"
    """How a block's input meets a wider output: by a 1x1 convolution (option B of the paper) or filled up with zeros
    (option A, without parameters)."""
    preactivation: bool = False
    """Whether normalisation and activation stand before each convolution (2016) or after it (2015)."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    """The bend after each normalisation."""
    dropout: float = 0.0
    """Share of the pooled features that are silenced in training."""
    pooling: Pooling = "average"
    """How the last map becomes one vector: mean of each channel, largest value, or both side by side."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "num_outputs", "widths", "blocks", "stem_kernel", "stem_stride")
        require_at_least(self, 0, "stem_width")
        require_shares(self, "dropout")
        require(len(self.widths) > 0, "widths", "widths must name at least one stage")
        require(
            len(self.blocks) in (1, len(self.widths)),
            "blocks",
            f"blocks has {len(self.blocks)} numbers for {len(self.widths)} stages",
            "give one number for each stage, or one for all",
        )
        odd = self.stem_kernel % 2 == 1
        require(odd, "stem_kernel", f"stem_kernel must be odd, got {self.stem_kernel}")
        if self.shortcut == "zeros":
            widths = (self.stem_width or self.widths[0], *self.widths)
            require(
                list(widths) == sorted(widths),
                "shortcut",
                f"zeros cannot make a map narrower, and the widths are {', '.join(map(str, widths))}",
                "take projection, or widths that never fall",
            )


class Resnet(nn.Module):
    """A convolution, stages of residual blocks, global pooling, a linear head.

    Initialisation: convolutions normal with variance 2 / (inputs of an output) (He et al. 2015a), norms 1 and 0, the
    head a tenth of the Linear layer's own (`shrink_head`). An axis of the map that is 1 pixel long is not halved by
    pooling, so any number of stages works on any image.

    Raises: RecipeError when an image has another number of channels than the config.
    """

    def __init__(self, config: ResnetConfig) -> None:
        super().__init__()
        self.config = config
        width = config.stem_width or config.widths[0]
        side = config.stem_kernel
        self.stem = Conv2d(config.in_channels, width, side, config.stem_stride, side // 2, bias=False)
        self.norm = BatchNorm2d(config.widths[-1] if config.preactivation else width)
        self.bend = activation(config.activation)
        pools = config.stem_pool or (config.halving == "pool" and len(config.widths) > 1)
        self.max_pool2d = current("max_pool2d") if pools else max_pool2d
        counts = config.blocks if len(config.blocks) > 1 else config.blocks * len(config.widths)
        self.stages = nn.ModuleList()
        for stage, (c_out, count) in enumerate(zip(config.widths, counts, strict=True)):
            first = 2 if stage > 0 and config.halving == "stride" else 1
            ins, steps = [width, *[c_out] * (count - 1)], [first, *[1] * (count - 1)]
            blocks = [
                ResidualBlock(i, c_out, s, config.shortcut, config.preactivation, config.activation)
                for i, s in zip(ins, steps, strict=True)
            ]
            self.stages.append(nn.Sequential(*blocks))
            width = c_out
        self.poolings = global_poolings(config.pooling)
        self.dropout = Dropout(config.dropout)
        self.head = Linear(width * len(self.poolings), config.num_outputs)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            weight = getattr(module, "weight", None)
            if isinstance(weight, nn.Parameter) and weight.dim() == 4:
                nn.init.kaiming_normal_(weight, nonlinearity="relu")
        shrink_head(self.head)

    def forward(self, x: Float[Tensor, "B C Y X"], keep: None = None) -> Float[Tensor, "B num_outputs"]:
        before = self.config.preactivation
        x = self.stem(channels_last("resnet", x, self.config.in_channels))
        if not before:
            x = self.bend(self.norm(x))
        if self.config.stem_pool:
            x = halve(x, self.max_pool2d)
        for i, stage in enumerate(self.stages):
            if i > 0 and self.config.halving == "pool":
                x = halve(x, self.max_pool2d)
            x = stage(x)
        if before:
            x = self.bend(self.norm(x))
        return self.head(self.dropout(torch.cat([pool(x) for pool in self.poolings], 1)))
