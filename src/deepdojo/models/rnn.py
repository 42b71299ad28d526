"""Recurrent classifier: LSTM, GRU or Elman cells over the words of a text, states pooled over time, a linear layer.

Source: Hochreiter & Schmidhuber 1997, "Long short-term memory"; Graves & Schmidhuber 2005 (both directions);
    Cho et al. 2014 (GRU); Elman 1990; Yang et al. 2016 (attention pooling)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.elman import RNN
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.gru import GRU
from deepdojo.layers.hook import current
from deepdojo.layers.lstm import LSTM
from deepdojo.layers.pooling_over_time import AttentionPooling
from deepdojo.models.checks import require_at_least, require_shares
from deepdojo.models.tokens import embed_tokens

__all__ = ["Rnn", "RnnConfig"]


@dataclass(frozen=True)
class RnnConfig:
    """Arguments of `rnn`."""

    vocab_size: int
    """Tokens in the vocabulary. From the data."""
    num_outputs: int
    """Classes. From the data."""
    cell: Literal["lstm", "gru", "elman"] = "lstm"
    """The recurrent cell: with a memory behind gates, with two gates, or without any."""
    embedding_width: int = 128
    """Width of the word vectors."""
    hidden_size: int = 128
    """Width of the state, for each direction."""
    num_layers: int = 1
    """Recurrent layers, each reads the states of the one below."""
    bidirectional: bool = True
    """Whether second cells read from the end."""
    pooling: Literal["last", "max", "mean", "attention"] = "max"
    """How states become one vector: each direction's state after its last word, or the maximum, mean, or learned
    weighted mean over words."""
    embedding_dropout: float = 0.3
    """Share of the word vectors' numbers that are silenced in training."""
    dropout: float = 0.5
    """Share of the pooled states, and of the states between layers, that are silenced in training."""
    embedding_std: float = 0.25
    """Spread of the word vectors at the start."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "vocab_size", "num_outputs", "embedding_width", "hidden_size", "num_layers")
        require_at_least(self, 0, "embedding_std")
        require_shares(self, "embedding_dropout", "dropout")


class Rnn(nn.Module):
    """Word vectors, recurrent layers, pooling over the real words, dropout, linear head.

    Padding never changes a result. A row without words has zero features, so it gets the head's bias.
    Initialisation: word vectors normal (`embedding_std`), cells uniform ±1/√hidden_size, head uniform ±1/√inputs.
    """

    def __init__(self, config: RnnConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config.vocab_size, config.embedding_width, std=config.embedding_std)
        self.embedding_dropout = Dropout(config.embedding_dropout)
        layer = {"lstm": LSTM, "gru": GRU, "elman": RNN}[config.cell]
        width = config.hidden_size * (2 if config.bidirectional else 1)
        stack = layer(
            config.embedding_width, config.hidden_size, config.num_layers, config.bidirectional, config.dropout
        )
        self.add_module(config.cell, stack)  # `lstm`, `gru` or `elman`
        self.pool = self._pooling(config.pooling, width)
        self.dropout = Dropout(config.dropout)
        self.head = Linear(width, config.num_outputs)

    @staticmethod
    def _pooling(pooling: str, width: int) -> Callable[..., Tensor] | None:
        if pooling == "attention":
            return AttentionPooling(width)
        return None if pooling == "last" else current(f"{pooling}_over_time")

    def forward(self, x: Int[Tensor, "B T"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B num_outputs"]:
        words, keep = embed_tokens(self, x, keep)
        states, after = self.get_submodule(self.config.cell)(self.embedding_dropout(words), keep)
        if self.pool is not None:
            pooled = self.pool(states, keep)
        else:  # the last state of the top layer, of each direction
            h = after[0] if self.config.cell == "lstm" else after
            pooled = torch.cat(list(h[-2:] if self.config.bidirectional else h[-1:]), 1)
        return self.head(self.dropout(pooled))
