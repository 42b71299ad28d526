"""Residual network for large images: 7x7 stem with step 2, 3x3 max pooling, four stages of residual blocks.

As it stands it is ResNet-18; ResNet-34 is `blocks = [3, 4, 6, 3]`; ResNet-50 is that with `block = "bottleneck"` and
`widths = [256, 512, 1024, 2048]`.

Source: He et al. 2015, "Deep residual learning for image recognition", table 1; the stride in the 3x3 convolution:
    Gross & Wilber 2016, "Training and investigating residual nets"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.activations import activation
from deepdojo.layers.batch_normalisation import BatchNorm2d
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.images import require_images
from deepdojo.models.resnet_blocks import BasicBlock, BottleneckBlock, initialise_convolutions

__all__ = ["ResnetImagenet", "ResnetImagenetConfig"]


@dataclass(frozen=True)
class ResnetImagenetConfig:
    """Arguments of `resnet_imagenet`. The defaults are ResNet-18.

    ResNet-34: blocks (3, 4, 6, 3). ResNet-50: these, block "bottleneck", widths (256, 512, 1024, 2048).
    ResNet-101: as 50 with blocks (3, 4, 23, 3). For 32x32 images take `resnet`.
    """

    in_channels: int
    """1 for grey images, 3 for colour. From the data."""
    num_outputs: int
    """Classes. From the data."""
    head: Literal["classifier", "none"] = "classifier"
    """A linear layer to num_outputs scores, or none: the model then gives the pooled features, (B, last width)."""
    stem_width: int = 64
    """Channels of the 7x7 convolution."""
    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Output channels of each stage."""
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks of each stage: one number for each stage, or one number for all."""
    block: Literal["basic", "bottleneck"] = "basic"
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 with a quarter of the width inside."""
    halve_first: bool = False
    """Whether the first stage halves the map too; the others always do."""
    step_in: Literal["3x3", "1x1"] = "3x3"
    """Which convolution of a bottleneck takes the step of two: the 3x3 ("version 1.5"), or the first 1x1 (2015)."""
    activation: Literal["relu", "gelu", "gelu_tanh", "silu", "tanh", "relu_squared"] = "relu"
    """The bend after the stem's normalisation, and after each sum of a block and its shortcut."""
    inner_activation: Literal["same", "relu"] = "same"
    """The bend between the convolutions of a block; Transformers takes relu there whatever its hidden_act."""
    dropout: float = 0.0
    """Share of the pooled features that are silenced in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "num_outputs", "stem_width", "widths", "blocks")
        require_shares(self, "dropout")
        require(len(self.widths) > 0, "widths", "widths must name at least one stage")
        require(
            len(self.blocks) in (1, len(self.widths)),
            "blocks",
            f"blocks has {len(self.blocks)} numbers for {len(self.widths)} stages",
            "give one number for each stage, or one for all",
        )
        if self.block == "bottleneck":
            narrowest = min(self.widths)
            require(
                narrowest >= 4, "widths", f"a bottleneck has a quarter of its width inside, got a width {narrowest}"
            )

    def plan(self) -> list[tuple[int, int, int]]:
        """Width, number of blocks and first stride of each stage."""
        counts = self.blocks if len(self.blocks) > 1 else self.blocks * len(self.widths)
        strides = [2 if self.halve_first else 1] + [2] * (len(self.widths) - 1)
        return list(zip(self.widths, counts, strides, strict=True))


class ResnetImagenet(nn.Module):
    """Stem, pooling, stages, the mean over space, a linear head.

    Every convolution pads so that a step of two halves an axis, rounding up: any image of one pixel or more fits; below
    32 pixels the last map is a single one.
    Images keep the memory layout in which they come (`resnet` and `cnn` put channels last): with the large weights and
    small maps of the last stages, reordering the weights costs the CPU more than reordering the maps (ResNet-18, 8
    images of 96x96, forward and backward: 405 ms as they come, 453 ms with channels last).
    Initialisation: convolutions normal with variance 2 / (inputs of an output) (He et al. 2015a), norms 1 and 0, the
    head a tenth of the Linear layer's own (`shrink_head`).

    Raises: RecipeError when an image has another number of channels than the config.
    """

    def __init__(self, config: ResnetImagenetConfig) -> None:
        super().__init__()
        self.config = config
        width = config.stem_width
        self.stem = Conv2d(config.in_channels, width, 7, 2, 3, bias=False)  # the norm's bias does that work
        self.norm = BatchNorm2d(width)
        self.bend = activation(config.activation)
        self.max_pool2d = current("max_pool2d")
        self.stages = nn.ModuleList()
        for c_out, count, stride in config.plan():
            ins, steps = [width, *[c_out] * (count - 1)], [stride, *[1] * (count - 1)]
            self.stages.append(nn.Sequential(*(self._block(i, c_out, s) for i, s in zip(ins, steps, strict=True))))
            width = c_out
        self.average_over_space = current("average_over_space")
        classifies = config.head == "classifier"
        self.dropout = Dropout(config.dropout) if classifies else None
        self.head = Linear(width, config.num_outputs) if classifies else None
        initialise_convolutions(self)
        if self.head is not None:
            shrink_head(self.head)

    def _block(self, c_in: int, c_out: int, stride: int) -> nn.Module:
        bend = self.config.activation
        inner = bend if self.config.inner_activation == "same" else self.config.inner_activation
        if self.config.block == "basic":
            return BasicBlock(c_in, c_out, stride, bend, inner)
        return BottleneckBlock(c_in, c_out, stride, bend, inner, self.config.step_in)

    def forward(self, x: Float[Tensor, "B C Y X"], keep: None = None) -> Float[Tensor, "B _"]:
        """Scores (B, num_outputs), or without a head the features (B, last width)."""
        require_images("resnet_imagenet", x, self.config.in_channels)
        x = self.max_pool2d(self.bend(self.norm(self.stem(x))), 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
        features = self.average_over_space(x)
        if self.head is None or self.dropout is None:
            return features
        return self.head(self.dropout(features))
