"""Dense detector: one map of centres for each class and one of box sides, from a residual backbone with a path back up.

Source: Zhou, Wang & Krähenbühl 2019, "Objects as points" (CenterNet: centres as peaks of a heat map); Liu et al. 2020,
    "Training-time-friendly network" (TTFNet: four sides instead of size and offset); Lin et al. 2017, "Feature pyramid
    networks" (the path back up)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.activations import activation
from deepdojo.layers.batch_normalisation import BatchNorm2d
from deepdojo.layers.convolution import Conv2d
from deepdojo.models.checks import require, require_at_least
from deepdojo.models.images import channels_last
from deepdojo.models.resnet_blocks import BasicBlock, initialise_convolutions

__all__ = ["DenseDetector", "DenseDetectorConfig"]


@dataclass(frozen=True)
class DenseDetectorConfig:
    """Arguments of `dense_detector`. The defaults have about 0.7 million parameters."""

    in_channels: int
    """1 for grey images, 3 for colour. From the data."""
    num_outputs: int
    """Classes of objects. From the data."""
    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    """Channels of the backbone's stages; each halves the map, the first by its stem: strides 2, 4, 8, 16, 32."""
    stride: Literal[4, 8] = 4
    """Side of an output cell, pixels: 4 as in CenterNet; 8 costs a quarter where objects are 20 pixels and more."""
    head_width: int = 64
    """Channels of the path back up and inside both heads."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    """The bend after each normalisation."""
    prior: float = 0.1
    """The probability of an object that every cell starts with: the many without one then hardly swamp the start."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "num_outputs", "widths", "head_width")
        require(0 < self.prior < 1, "prior", f"prior must be between 0 and 1, got {self.prior}")
        stages = self.stages_to_stride()
        require(
            len(self.widths) >= stages,
            "widths",
            f"a stride of {self.stride} needs {stages} widths or more, got {len(self.widths)}",
        )

    def stages_to_stride(self) -> int:
        """How many stages, each with a step of two, lead to the output's stride."""
        return self.stride.bit_length() - 1


class _Head(nn.Module):
    """3x3 convolution, activation, 1x1 convolution."""

    def __init__(self, c_in: int, width: int, c_out: int, bend: str) -> None:
        super().__init__()
        self.conv, self.out, self.bend = Conv2d(c_in, width, 3, padding=1), Conv2d(width, c_out, 1), activation(bend)

    def forward(self, x: Float[Tensor, "B I y x"]) -> Float[Tensor, "B O y x"]:
        return self.out(self.bend(self.conv(x)))


class DenseDetector(nn.Module):
    """Stem with step 2, stages of one basic residual block, each with step 2; then back up to `stride`; two heads.

    The way back up: the coarser map, each pixel doubled, plus a 1x1 convolution of the finer one, then a 3x3 one over
    the sum (it sees what is where, and how large things are). An axis of n pixels gives ceil(n / stride) cells; cell
    (i, j) stands for the pixel (stride·(j + ½), stride·(i + ½)).

    Returns of a call:
        heat (B, C, y, x): a logit for "the centre of an object of this class lies in this cell".
        box (B, 4, y, x): distances from the cell's pixel to the left, top, right and bottom side, in pixels, >= 0
            (stride · softplus of the last layer). `corners` makes boxes of them.

    The loss is the task's: `heat_map_focal_loss` on heat, `giou_loss` or L1 on box, at the cells near centres.
    Initialisation: convolutions normal with variance 2 / (inputs of an output) (He et al. 2015); the heads' last ones
    normal with deviation 0.001, heat's bias -log((1 - prior) / prior).

    Raises: RecipeError when an image has another number of channels than the config.
    """

    def __init__(self, config: DenseDetectorConfig) -> None:
        super().__init__()
        self.config = config
        first, *others = config.widths
        self.stem = Conv2d(config.in_channels, first, 3, 2, 1, bias=False)  # the norm's bias does that work
        self.norm, self.bend = BatchNorm2d(first), activation(config.activation)
        ins = [first, *others]
        self.stages = nn.ModuleList(
            BasicBlock(i, o, 2, config.activation, config.activation) for i, o in zip(ins, others, strict=False)
        )
        W, kept = config.head_width, list(config.widths[config.stages_to_stride() - 1 :])
        self.lateral = nn.ModuleList(Conv2d(width, W, 1) for width in kept)
        self.smooth = nn.ModuleList(Conv2d(W, W, 3, padding=1, bias=False) for _ in kept)
        self.norms = nn.ModuleList(BatchNorm2d(W) for _ in kept)
        self.heat = _Head(W, W, config.num_outputs, config.activation)
        self.box = _Head(W, W, 4, config.activation)
        initialise_convolutions(self)
        for head in (self.heat, self.box):
            nn.init.normal_(head.out.weight, std=0.001)
            nn.init.zeros_(head.out.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.heat.out.bias, -math.log((1 - config.prior) / config.prior))  # type: ignore[arg-type]

    def forward(self, image: Float[Tensor, "B Ch Y X"]) -> tuple[Float[Tensor, "B C y x"], Float[Tensor, "B 4 y x"]]:
        x = self.bend(self.norm(self.stem(channels_last("dense_detector", image, self.config.in_channels))))
        maps = [x]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        kept = maps[self.config.stages_to_stride() - 1 :]
        up: Tensor | None = None
        for i in reversed(range(len(kept))):
            here = self.lateral[i](kept[i])
            if up is not None:
                here = here + _doubled(up, here)
            up = self.bend(self.norms[i](self.smooth[i](here)))
        return self.heat(up), self.config.stride * F.softplus(self.box(up))

    def corners(self, box: Float[Tensor, "B 4 y x"]) -> Float[Tensor, "B y x 4"]:
        """The boxes of all cells as x1, y1, x2, y2 in pixels of the image."""
        y, x = (self.config.stride * (torch.arange(n, dtype=box.dtype, device=box.device) + 0.5) for n in box.shape[2:])
        left, top, right, bottom = box.unbind(1)
        return torch.stack([x - left, y[:, None] - top, x + right, y[:, None] + bottom], -1)


def _doubled(coarse: Tensor, fine: Tensor) -> Tensor:
    """`coarse` with each pixel twice along both axes, cut to the size of `fine` (which may be one short of double)."""
    return F.interpolate(coarse, scale_factor=2.0, mode="nearest")[..., : fine.shape[2], : fine.shape[3]]
