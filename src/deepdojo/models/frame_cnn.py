"""Convolutions along time that label each frame, and, if wished, an LSTM over them: what a CTC loss asks for.

Source: Collobert, Puhrsch, Synnaeve 2016, "Wav2Letter: an end-to-end ConvNet-based speech recognition system"; with
    the recurrent layers Amodei et al. 2016, "Deep Speech 2"; residual blocks as Kriman et al. 2020, "QuartzNet"
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepdojo.layers.batch_normalisation import BatchNorm1d
from deepdojo.layers.convolution import Conv1d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.lstm import LSTM
from deepdojo.models.checks import require, require_at_least, require_shares

__all__ = ["FrameCnn", "FrameCnnConfig"]


@dataclass(frozen=True)
class FrameCnnConfig:
    """Arguments of `frame_cnn`."""

    frame_features: int
    """Numbers of each frame. From the data."""
    num_outputs: int
    """Symbols, the blank among them. From the data."""
    channels: int = 128
    """Of each convolution."""
    strides: tuple[int, ...] = (2, 2)
    """Steps of the first convolutions, one each: the product is how many frames become one. The symbols of a text must
    be fewer than what is left."""
    blocks: int = 4
    """Further convolutions, each with what it got added to what it gives."""
    kernel: int = 5
    """Steps that a convolution sees."""
    hidden_size: int = 0
    """Width of the LSTM in each direction; 0: none."""
    num_layers: int = 1
    """Of the LSTM."""
    dropout: float = 0.1
    """Share of the channels dropped after each convolution and before the head."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "frame_features", "channels", "strides", "kernel", "num_layers")
        require_at_least(self, 2, "num_outputs")
        require_at_least(self, 0, "blocks", "hidden_size")
        require_shares(self, "dropout")
        require(self.kernel % 2 == 1, "kernel", f"kernel must be odd, got {self.kernel}")
        require(len(self.strides) > 0, "strides", "strides must name at least one convolution")


class _Block(nn.Module):
    """y = dropout(relu(BN(conv(x)))), x added where `residual` is on; zero where nothing is real."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, dropout: float, residual: bool) -> None:
        super().__init__()
        self.conv = Conv1d(c_in, c_out, kernel, stride, kernel // 2, bias=False)  # the norm's bias does that work
        self.norm = BatchNorm1d(c_out)
        self.dropout = Dropout(dropout)
        self.residual = residual

    def forward(self, x: Float[Tensor, "B I T"], keep: Bool[Tensor, "B t"]) -> Float[Tensor, "B O t"]:
        y = self.dropout(torch.relu(self.norm(self.conv(x))))
        return (x + y if self.residual else y) * keep.unsqueeze(1)


class FrameCnn(nn.Module):
    """Convolutions with steps, residual ones, an LSTM both ways if wished, a linear head for each frame that is left.

    Padding never changes a result in evaluation: what is not real is zero before each convolution. In training, batch
    statistics count padding as zeros, of which batches of like lengths have few.
    """

    def __init__(self, config: FrameCnnConfig) -> None:
        super().__init__()
        self.config = config
        D, K, drop = config.channels, config.kernel, config.dropout
        sizes = [config.frame_features, *[D] * len(config.strides)]
        self.first = nn.ModuleList(
            _Block(a, D, K, step, drop, False) for a, step in zip(sizes[:-1], config.strides, strict=True)
        )
        self.blocks = nn.ModuleList(_Block(D, D, K, 1, drop, True) for _ in range(config.blocks))
        H = config.hidden_size
        self.lstm = LSTM(D, H, config.num_layers, True, drop) if H else None
        self.dropout = Dropout(drop)
        self.head = Linear(2 * H if H else D, config.num_outputs)
        for module in self.modules():
            if isinstance(module, Conv1d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(
        self, x: Float[Tensor, "B T F"], keep: Bool[Tensor, "B T"] | None = None
    ) -> tuple[Float[Tensor, "B S V"], Bool[Tensor, "B S"]]:
        keep = torch.ones_like(x[..., 0], dtype=torch.bool) if keep is None else keep
        y = (x * keep.unsqueeze(-1)).transpose(1, 2)
        for step, block in zip(self.config.strides, self.first, strict=True):
            keep = keep[:, ::step]
            y = block(y, keep)
        for block in self.blocks:
            y = block(y, keep)
        states = y.transpose(1, 2)
        if self.lstm is not None:
            states, _ = self.lstm(states, keep)
        return self.head(self.dropout(states)), keep
