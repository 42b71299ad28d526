"""Convolutional network that gives a picture a place: pictures of one name near each other, others apart.

Stages of 3x3 convolution, batch normalisation and ReLU, each followed by 2x2 max pooling; four of 64 channels and no
linear layer are the network of prototypical networks. With `centres` the vectors have length 1, and every name of the
training rows a direction that its pictures are drawn to (ArcFace).

Dimensions: B batch, C channels, Y and X image axes, D embedding width.

Source: Snell, Swersky & Zemel 2017, "Prototypical networks for few-shot learning"; Deng et al. 2019, "ArcFace"
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.batch_normalisation import BatchNorm1d, BatchNorm2d
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.loss_arcface import ArcFace
from deepdojo.layers.pooling import max_pool2d
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.images import channels_last, halve

__all__ = ["EmbeddingCnn", "EmbeddingCnnConfig"]


@dataclass(frozen=True)
class EmbeddingCnnConfig:
    """Arguments of `embedding_cnn`."""

    in_channels: int
    """1 for grey images, 3 for colour. From the data."""
    height: int
    """Rows of pixels. From the data."""
    width: int
    """Columns of pixels. From the data."""
    num_outputs: int
    """Names to learn from. From the data."""
    channels: tuple[int, ...] = (64, 64, 64, 64)
    """Channels of each stage; after each stage the map is halved."""
    convs: int = 1
    """Convolutions of each stage; second and later ones add to their input (He et al. 2015)."""
    embedding_width: int = 0
    """D; 0 takes the last map as it is, end to end, without a linear layer."""
    centres: bool = False
    """Whether vectors have length 1, and names directions that are learned with them (ArcFace)."""
    margin: float = 0.3
    """With centres: the angle by which the right name has to win, radians."""
    scale: float = 24.0
    """With centres: the radius of the sphere."""
    dropout: float = 0.0
    """Share of the last map that is silenced in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "height", "width", "num_outputs", "channels", "convs")
        require_at_least(self, 0, "embedding_width")
        require_shares(self, "dropout")
        require(len(self.channels) > 0, "channels", "channels must name at least one stage")

    def last_map(self) -> tuple[int, int]:
        """Height and width after all halvings, rounding down; an axis of length 1 stays."""
        y, x = self.height, self.width
        for _ in self.channels:
            y, x = max(1, y // 2), max(1, x // 2)
        return y, x


class _Block(nn.Module):
    """y = relu(BN(conv(x))), added to x where `residual` is on."""

    def __init__(self, c_in: int, c_out: int, residual: bool) -> None:
        super().__init__()
        self.conv = Conv2d(c_in, c_out, 3, 1, 1, bias=False)  # the norm's bias does that work
        self.norm = BatchNorm2d(c_out)
        self.relu = current("relu")
        self.residual = residual
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B O Y X"]:
        y = self.relu(self.norm(self.conv(x)))
        return x + y if self.residual else y


class EmbeddingCnn(nn.Module):
    """Stages of `convs` convolutions and 2x2 pooling; the last map, end to end, or a linear layer of it with batch
    normalisation; of length 1 where there are centres.

    Raises: RecipeError when an image has another size or number of channels than the config.
    """

    def __init__(self, config: EmbeddingCnnConfig) -> None:
        super().__init__()
        self.config = config
        self.stages = nn.ModuleList()
        c_in = config.in_channels
        for c_out in config.channels:
            blocks = [_Block(c_in if i == 0 else c_out, c_out, i > 0) for i in range(config.convs)]
            self.stages.append(nn.Sequential(*blocks))
            c_in = c_out
        self.max_pool2d = current("max_pool2d") if max(config.height, config.width) > 1 else max_pool2d
        y, x = config.last_map()
        self.dropout = Dropout(config.dropout)
        self.linear = Linear(c_in * y * x, config.embedding_width) if config.embedding_width else None
        self.norm = BatchNorm1d(config.embedding_width) if config.embedding_width else None
        width = config.embedding_width or c_in * y * x
        self.centres = ArcFace(width, config.num_outputs, config.margin, config.scale) if config.centres else None

    def forward(
        self, x: Float[Tensor, "B C Y X"], keep: None = None, *, cosines: bool = False
    ) -> Float[Tensor, "B width"]:
        x = channels_last("embedding_cnn", x, self.config.in_channels, (self.config.height, self.config.width))
        for stage in self.stages:
            x = halve(stage(x), self.max_pool2d)
        place = self.dropout(x.flatten(1))
        if self.linear is not None and self.norm is not None:
            place = self.norm(self.linear(place))
        if self.centres is None:
            return place
        return self.centres.cosines(place) if cosines else F.normalize(place, dim=1)
