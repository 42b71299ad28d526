"""Recurrent forecaster: an LSTM or GRU reads the past, another goes on from its state over what is known ahead.

Source: Wen et al. 2017, "A Multi-Horizon Quantile Recurrent Forecaster"; Sutskever et al. 2014 (encoder and decoder)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.gru import GRU
from deepdojo.layers.lstm import LSTM
from deepdojo.models.checks import require_at_least, require_divides, require_shares
from deepdojo.models.heads import shrink_head

__all__ = ["ForecastRnn", "ForecastRnnConfig"]


@dataclass(frozen=True)
class ForecastRnnConfig:
    """Arguments of `forecast_rnn`."""

    context: int
    """Steps of the past. From the data."""
    horizon: int
    """Steps ahead. From the data."""
    known_channels: int
    """Numbers known of each step ahead. From the data."""
    num_outputs: int
    """Quantiles of each step. From the data."""
    cell: Literal["lstm", "gru"] = "lstm"
    """The recurrent cell."""
    hidden_size: int = 64
    """Width of the state."""
    num_layers: int = 1
    """Recurrent layers, each reads the states of the one below."""
    patch: int = 1
    """Steps of the past that are read at once; must divide them. Longer patches are faster and see further."""
    dropout: float = 0.1
    """Share of the states that are silenced in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "context", "horizon", "known_channels", "num_outputs", "hidden_size", "num_layers")
        require_divides(self, "patch", "context")
        require_shares(self, "dropout")


class ForecastRnn(nn.Module):
    """state = encoder(past in patches); h_t = decoder(known_t, h_(t-1)); y_t = last + W dropout(h_t) + b."""

    def __init__(self, config: ForecastRnnConfig) -> None:
        super().__init__()
        self.config = config
        layer = {"lstm": LSTM, "gru": GRU}[config.cell]
        self.encoder = layer(config.patch, config.hidden_size, config.num_layers, False, config.dropout)
        self.decoder = layer(config.known_channels, config.hidden_size, config.num_layers, False, config.dropout)
        self.dropout = Dropout(config.dropout)
        self.head = Linear(config.hidden_size, config.num_outputs)
        shrink_head(self.head)

    def forward(self, past: Float[Tensor, "B T"], known: Float[Tensor, "B F H"]) -> Float[Tensor, "B H Q"]:
        patches = past.unflatten(1, (-1, self.config.patch))
        _, state = self.encoder(patches)
        states, _ = self.decoder(known.transpose(1, 2), None, state)
        return self.head(self.dropout(states)) + past[:, -1:, None]
