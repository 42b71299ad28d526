"""Forecaster of dense layers: the past and what is known ahead become one vector, from which each step is decoded.

Source: Das et al. 2023, "Long-term Forecasting with TiDE: Time-series Dense Encoder"
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.models.checks import require_at_least, require_shares

__all__ = ["ForecastMlp", "ForecastMlpConfig"]


@dataclass(frozen=True)
class ForecastMlpConfig:
    """Arguments of `forecast_mlp`."""

    context: int
    """Steps of the past. From the data."""
    horizon: int
    """Steps ahead. From the data."""
    known_channels: int
    """Numbers known of each step ahead. From the data."""
    num_outputs: int
    """Quantiles of each step. From the data."""
    width: int = 128
    """Hidden units of the encoder and decoder."""
    encoder_layers: int = 2
    """Residual blocks that read all of the past and what is known ahead."""
    known_width: int = 4
    """Numbers that what is known of a step is made into, for the encoder; 0: each step sees its own alone, which helps
    where few days are known and a day could be told by its weather."""
    step_width: int = 16
    """Numbers that the decoder gives each step."""
    step_hidden: int = 64
    """Hidden units of the block that decodes a step."""
    dropout: float = 0.1
    """Share of each block's outputs that are silenced in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "context", "horizon", "known_channels", "num_outputs", "width", "encoder_layers")
        require_at_least(self, 1, "step_width", "step_hidden")
        require_at_least(self, 0, "known_width")
        require_shares(self, "dropout")


class _Block(nn.Module):
    """y = norm(dropout(V relu(W x + b) + c) + S x)."""

    def __init__(self, width_in: int, hidden: int, width_out: int, dropout: float, norm: bool = True) -> None:
        super().__init__()
        self.up, self.down = Linear(width_in, hidden), Linear(hidden, width_out)
        self.skip = Linear(width_in, width_out)
        self.dropout = Dropout(dropout)
        self.norm = LayerNorm(width_out) if norm else None

    def forward(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        y = self.dropout(self.down(torch.relu(self.up(x)))) + self.skip(x)
        return y if self.norm is None else self.norm(y)


class ForecastMlp(nn.Module):
    """e = blocks([past, g(known_1), ..., g(known_H)]); y_t = block([decode(e)_t, known_t]) + last + (W past)_t.

    Where the paper also encodes what was known of the past, ours reads the values alone. W starts at zero, so the first
    forecast is near the last value.
    """

    def __init__(self, config: ForecastMlpConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        self.known = _Block(c.known_channels, c.step_hidden, c.known_width, c.dropout) if c.known_width else None
        widths = [c.context + c.horizon * c.known_width, *[c.width] * c.encoder_layers]
        self.encoder = nn.Sequential(*(_Block(i, c.width, o, c.dropout) for i, o in pairwise(widths)))
        self.decoder = _Block(c.width, c.width, c.horizon * c.step_width, c.dropout)
        self.step = _Block(c.step_width + c.known_channels, c.step_hidden, c.num_outputs, c.dropout, norm=False)
        self.skip = Linear(c.context, c.horizon)
        with torch.no_grad():
            for parameter in self.skip.parameters():
                parameter.zero_()

    def forward(self, past: Float[Tensor, "B T"], known: Float[Tensor, "B F H"]) -> Float[Tensor, "B H Q"]:
        steps = known.transpose(1, 2)  # (B, H, F)
        last = past[:, -1:]
        seen = past if self.known is None else torch.cat([past, self.known(steps).flatten(1)], 1)
        encoded = self.encoder(seen)
        decoded = self.decoder(encoded).view(-1, self.config.horizon, self.config.step_width)
        y = self.step(torch.cat([decoded, steps], 2))
        return y + (last + self.skip(past))[:, :, None]
