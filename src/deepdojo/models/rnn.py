"""Recurrent classifier: LSTM cells over the words of a text, their states pooled over time, one linear layer.

Source: Hochreiter & Schmidhuber 1997, "Long short-term memory"; Graves & Schmidhuber 2005 (both directions)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.lstm import LSTM
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
    embedding_width: int = 128
    """Width of the word vectors."""
    hidden_size: int = 128
    """Width of the state, for each direction."""
    num_layers: int = 1
    """LSTM layers, each reads the states of the one below."""
    bidirectional: bool = True
    """Whether a second LSTM reads from the end."""
    pooling: Literal["last", "max", "mean"] = "max"
    """How states become one vector: each direction's state after its last word, or the maximum or mean over words."""
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
    """Word vectors, LSTM, pooling over the real words, dropout, linear head. Padding never changes a result.

    A row without words has zero features, so it gets the head's bias.
    Initialisation: word vectors normal (`embedding_std`), LSTM uniform ±1/√hidden_size, head uniform ±1/√inputs.
    """

    def __init__(self, config: RnnConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config.vocab_size, config.embedding_width, std=config.embedding_std)
        self.embedding_dropout = Dropout(config.embedding_dropout)
        self.lstm = LSTM(
            config.embedding_width, config.hidden_size, config.num_layers, config.bidirectional, config.dropout
        )
        names = {"max": "max_over_time", "mean": "mean_over_time"}
        self.pool = current(names[config.pooling]) if config.pooling in names else None
        self.dropout = Dropout(config.dropout)
        self.head = Linear(config.hidden_size * (2 if config.bidirectional else 1), config.num_outputs)

    def forward(self, x: Int[Tensor, "B T"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B num_outputs"]:
        words, keep = embed_tokens(self, x, keep)
        states, (h, _) = self.lstm(self.embedding_dropout(words), keep)
        if self.pool is not None:
            pooled = self.pool(states, keep)
        else:  # the last state of the top layer, of each direction
            pooled = torch.cat(list(h[-2:] if self.config.bidirectional else h[-1:]), 1)
        return self.head(self.dropout(pooled))
