"""Convolutional network over time: stages of convolutions with batch normalisation, the signal halved between them.

Source: Wang, Yan, Oates 2017, "Time series classification from scratch with deep neural networks" (its fully
    convolutional network, with pooling between the stages)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.batch_normalisation import BatchNorm1d
from deepdojo.layers.convolution import Conv1d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head

__all__ = ["SignalCnn", "SignalCnnConfig"]


@dataclass(frozen=True)
class SignalCnnConfig:
    """Arguments of `signal_cnn`."""

    in_channels: int
    """Channels of the signal. From the data."""
    steps: int
    """Steps of the signal. From the data."""
    in_features: int
    """Numbers that a row has beside its signal. From the data."""
    num_outputs: int
    """Classes. From the data."""
    channels: tuple[int, ...] = (32, 48, 64)
    """Channels of each stage; between two stages the signal is halved."""
    convs: int = 2
    """Convolutions of each stage; second and later ones add to their input."""
    kernel: int = 5
    """Steps that a kernel sees, odd."""
    hidden: int = 64
    """Units of the layer that reads pooled features and numbers together."""
    dropout: float = 0.2
    """Share of the pooled features that are silenced in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "steps", "num_outputs", "channels", "convs", "kernel", "hidden")
        require_at_least(self, 0, "in_features")
        require(len(self.channels) > 0, "channels", "channels must name at least one stage")
        require(self.kernel % 2 == 1, "kernel", f"kernel must be odd, got {self.kernel}")
        require_shares(self, "dropout")


class _Block(nn.Module):
    """y = relu(BN(conv(x))), added to x where the channels agree."""

    def __init__(self, c_in: int, c_out: int, kernel: int, residual: bool) -> None:
        super().__init__()
        self.conv = Conv1d(c_in, c_out, kernel, 1, kernel // 2, bias=False)  # the norm's bias does that work
        self.norm = BatchNorm1d(c_out)
        self.residual = residual

    def forward(self, x: Float[Tensor, "B I T"]) -> Float[Tensor, "B O T"]:
        y = torch.relu(self.norm(self.conv(x)))
        return x + y if self.residual else y


class SignalCnn(nn.Module):
    """Stages of convolutions, max pooling by 2 between them; mean and maximum over time, and the row's numbers, side by
    side; a hidden layer and a linear head.

    Initialisation: convolutions normal with variance 2 / (inputs of an output) (He et al. 2015), norms 1 and 0, the
    head a tenth of the Linear layer's own (`shrink_head`).
    """

    def __init__(self, config: SignalCnnConfig) -> None:
        super().__init__()
        self.config = config
        self.stages = nn.ModuleList()
        c_in = config.in_channels
        for c_out in config.channels:
            blocks = []
            for i in range(config.convs):
                blocks.append(_Block(c_in, c_out, config.kernel, i > 0))
                c_in = c_out
            self.stages.append(nn.Sequential(*blocks))
        self.max_pool1d = current("max_pool1d")
        self.dropout = Dropout(config.dropout)
        self.hidden = Linear(2 * c_in + config.in_features, config.hidden)
        self.head = Linear(config.hidden, config.num_outputs)
        for module in self.modules():
            if isinstance(module, Conv1d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        shrink_head(self.head)

    def forward(self, x: Float[Tensor, "B C T"], numbers: Float[Tensor, "B N"]) -> Float[Tensor, "B num_outputs"]:
        for i, stage in enumerate(self.stages):
            x = stage(x if i == 0 or x.shape[2] < 2 else self.max_pool1d(x, 2))
        features = torch.cat([x.mean(2), x.amax(2), numbers], 1)
        return self.head(self.dropout(torch.relu(self.hidden(features))))
