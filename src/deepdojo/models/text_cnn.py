"""Convolutional network for sentences: filters over 3, 4 and 5 words, the strongest match of each, one linear layer.

Source: Kim 2014, "Convolutional neural networks for sentence classification" (CNN-rand)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers.convolution import Conv1d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.tokens import embed_tokens

__all__ = ["TextCnn", "TextCnnConfig"]


@dataclass(frozen=True)
class TextCnnConfig:
    """Arguments of `text_cnn`."""

    vocab_size: int
    """Tokens in the vocabulary. From the data."""
    num_outputs: int
    """Classes. From the data."""
    embedding_width: int = 128
    """Width of the word vectors; Kim took 300."""
    filter_widths: tuple[int, ...] = (3, 4, 5)
    """Words that a filter sees, one group of filters for each width."""
    filters: int = 100
    """Filters of each width."""
    embedding_dropout: float = 0.3
    """Share of the word vectors' numbers that are silenced in training; Kim has none."""
    dropout: float = 0.5
    """Share of the pooled features that are silenced in training."""
    max_norm: float = 0.0
    """Longest weight vector of the last layer (Kim: 3.0); 0 sets no bound."""
    embedding_std: float = 0.25
    """Spread of the word vectors at the start; Kim draws from ±0.25."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "vocab_size", "num_outputs", "embedding_width", "filter_widths", "filters")
        require_at_least(self, 0, "max_norm", "embedding_std")
        require_shares(self, "embedding_dropout", "dropout")
        require(len(self.filter_widths) > 0, "filter_widths", "filter_widths must name at least one width")


class TextCnn(nn.Module):
    """Word vectors, convolutions over time, ReLU, maximum over time, dropout, linear head.

    A sentence of n words is padded by width - 1 zero vectors on each side, so every word is seen by every cell of a
    filter and a sentence shorter than the filter works. Only windows with at least one real word take part in the
    maximum: padding to the batch's longest sentence changes nothing. A row without words has zero features, so it
    gets the head's bias.

    Initialisation: word vectors normal (`embedding_std`), the rest the layers' own (uniform ±1/√inputs).
    """

    def __init__(self, config: TextCnnConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config.vocab_size, config.embedding_width, std=config.embedding_std)
        self.embedding_dropout = Dropout(config.embedding_dropout)
        self.convs = nn.ModuleList(
            Conv1d(config.embedding_width, config.filters, width, padding=width - 1) for width in config.filter_widths
        )
        self.relu = current("relu")
        self.max_over_time = current("max_over_time")
        self.dropout = Dropout(config.dropout)
        features = config.filters * len(config.filter_widths)
        self.head = Linear(features, config.num_outputs, max_norm=config.max_norm or None)

    def forward(self, x: Int[Tensor, "B T"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B num_outputs"]:
        words, keep = embed_tokens(self, x, keep)
        words = self.embedding_dropout(words)
        if keep is not None:
            words = words.masked_fill(~keep.unsqueeze(-1), 0.0)
        columns = words.transpose(1, 2)  # (B, D, T)
        pooled = []
        for conv, width in zip(self.convs, self.config.filter_widths, strict=True):
            matches = conv(columns).transpose(1, 2)  # (B, T + width - 1, filters)
            pooled.append(self.max_over_time(matches, _seen(keep, width)))
        return self.head(self.dropout(self.relu(torch.cat(pooled, 1))))


def _seen(keep: Tensor | None, width: int) -> Tensor | None:
    """Which of the T + width - 1 windows hold at least one real word."""
    if keep is None or width == 1:
        return keep
    padded = torch.nn.functional.pad(keep, (width - 1, width - 1))  # (B, T + 2 width - 2)
    return padded.unfold(1, width, 1).any(-1)
