"""Convolutional network for clips: each frame through the same convolutions, what they find through one over time.

Dimensions: B clips, T steps, Ch channels, Y, X pixels, D features.

Source: Tran et al. 2018, "A closer look at spatiotemporal convolutions for action recognition" (section 3.2: 2D
    convolutions of frames, time joined at the top)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.batch_normalisation import BatchNorm1d, BatchNorm2d
from deepdojo.layers.convolution import Conv1d, Conv2d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.images import channels_last, halve

__all__ = ["ClipCnn", "ClipCnnConfig"]


@dataclass(frozen=True)
class ClipCnnConfig:
    """Arguments of `clip_cnn`."""

    in_channels: int
    """Channels of a step. From the data."""
    num_outputs: int
    """Classes. From the data."""
    channels: tuple[int, ...] = (16, 32, 48, 64)
    """Channels of each convolution; after each the frame is halved."""
    kernel: int = 3
    """Pixels that a kernel sees, odd."""
    time_kernel: int = 3
    """Steps that the convolution over time sees, odd."""
    dropout: float = 0.3
    """Share of the features that are silenced in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "num_outputs", "channels", "kernel", "time_kernel")
        require(len(self.channels) > 0, "channels", "channels must name at least one convolution")
        for name in ("kernel", "time_kernel"):
            require(getattr(self, name) % 2 == 1, name, f"{name} must be odd, got {getattr(self, name)}")
        require_shares(self, "dropout")


class _FrameBlock(nn.Module):
    """y = pool(relu(BN(conv(x)))), the maximum of each 2 x 2 pixels."""

    def __init__(self, c_in: int, c_out: int, kernel: int) -> None:
        super().__init__()
        self.conv = Conv2d(c_in, c_out, kernel, 1, kernel // 2, bias=False)  # the norm's bias does that work
        self.norm = BatchNorm2d(c_out)
        self.max_pool2d = current("max_pool2d")

    def forward(self, x: Float[Tensor, "N I Y X"]) -> Float[Tensor, "N O y x"]:
        return halve(torch.relu(self.norm(self.conv(x))), self.max_pool2d)


class ClipCnn(nn.Module):
    """Convolutions with batch normalisation and max pooling on each frame; the mean over its pixels; a convolution over
    time; mean and maximum over time; a linear head.

    Initialisation: convolutions normal with variance 2 / (inputs of an output) (He et al. 2015), norms 1 and 0, the
    head a tenth of the Linear layer's own (`shrink_head`).
    """

    def __init__(self, config: ClipCnnConfig) -> None:
        super().__init__()
        self.config = config
        sizes = [config.in_channels, *config.channels]
        self.frame = nn.Sequential(*(_FrameBlock(a, b, config.kernel) for a, b in pairwise(sizes)))
        width = sizes[-1]
        self.time = Conv1d(width, width, config.time_kernel, 1, config.time_kernel // 2, bias=False)
        self.time_norm = BatchNorm1d(width)
        self.dropout = Dropout(config.dropout)
        self.head = Linear(2 * width, config.num_outputs)
        for module in self.modules():
            if isinstance(module, Conv1d | Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        shrink_head(self.head)

    def forward(self, x: Float[Tensor, "B T Ch Y X"]) -> Float[Tensor, "B num_outputs"]:
        steps = x.shape[1]
        frames = channels_last("clip_cnn", x.flatten(0, 1), self.config.in_channels)
        found = self.frame(frames).mean((2, 3)).unflatten(0, (-1, steps))  # (B, T, D)
        found = torch.relu(self.time_norm(self.time(found.transpose(1, 2))))  # (B, D, T)
        return self.head(self.dropout(torch.cat([found.mean(2), found.amax(2)], 1)))
