"""Convolutional network for sentences: filters over 3, 4 and 5 words, the strongest match of each, one linear layer.

With `channels` it is one of the paper's four: rand (vectors drawn and trained), static (given and frozen), non-static
(given and trained), multichannel (both side by side). `model.load_vectors(matrix)` gives it the pretrained vectors.

Source: Kim 2014, "Convolutional neural networks for sentence classification" (CNN-rand, -static, -non-static,
    -multichannel)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.convolution import Conv1d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.shapes import ShapeError
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
    channels: Literal["rand", "static", "non-static", "multichannel"] = "rand"
    """Word vectors: drawn and trained, given and frozen, given and trained, or a frozen beside a trained copy. Where
    they are given, `load_vectors` has to be called before training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "vocab_size", "num_outputs", "embedding_width", "filter_widths", "filters")
        require_at_least(self, 0, "max_norm", "embedding_std")
        require_shares(self, "embedding_dropout", "dropout")
        require(len(self.filter_widths) > 0, "filter_widths", "filter_widths must name at least one width")


class _TwoChannels(nn.Module):
    """Two tables that start alike, one trained and one frozen; their vectors side by side, (*B, 2D)."""

    def __init__(self, vocab_size: int, width: int, std: float) -> None:
        super().__init__()
        self.trained, self.frozen = Embedding(vocab_size, width, std=std), Embedding(vocab_size, width, std=std)
        _freeze(self.frozen)
        with torch.no_grad():
            self.frozen.weight.copy_(self.trained.weight)

    def forward(self, ids: Int[Tensor, "*B"]) -> Float[Tensor, "*B D2"]:
        return torch.cat([self.trained(ids), self.frozen(ids)], -1)


class TextCnn(nn.Module):
    """Word vectors, convolutions over time, ReLU, maximum over time, dropout, linear head.

    A sentence of n words is padded by width - 1 zero vectors on each side, so every word is seen by every cell of a
    filter and a sentence shorter than the filter works. Only windows with at least one real word take part in the
    maximum: padding to the batch's longest sentence changes nothing. A row without words has zero features, so it
    gets the head's bias.

    With two channels a filter has weights for each, as a filter over a colour image has, and its matches in both are
    added. (With one set of weights for both, as the paper's words may be read, the frozen copy would change nothing
    but the scale.)

    Initialisation: word vectors normal (`embedding_std`), the rest the layers' own (uniform ±1/√inputs).
    Raises: RecipeError in training with `channels` static, before vectors came by `load_vectors` or a state dict.
    """

    def __init__(self, config: TextCnnConfig) -> None:
        super().__init__()
        self.config = config
        make = _TwoChannels if config.channels == "multichannel" else Embedding
        self.embedding = make(config.vocab_size, config.embedding_width, std=config.embedding_std)
        if config.channels == "static":
            _freeze(self.embedding)
        self.vectors_are_given = False
        self.register_load_state_dict_post_hook(_take_for_given)
        width = config.embedding_width * (2 if config.channels == "multichannel" else 1)
        self.embedding_dropout = Dropout(config.embedding_dropout)
        self.convs = nn.ModuleList(
            Conv1d(width, config.filters, words, padding=words - 1) for words in config.filter_widths
        )
        self.relu = current("relu")
        self.max_over_time = current("max_over_time")
        self.dropout = Dropout(config.dropout)
        features = config.filters * len(config.filter_widths)
        self.head = Linear(features, config.num_outputs, max_norm=config.max_norm or None)

    def load_vectors(self, matrix: Float[Tensor, "V D"]) -> None:
        """Take row i of `matrix` as the vector of token i, in every channel.

        Raises: ShapeError unless the matrix is (vocab_size, embedding_width).
        """
        wanted = (self.config.vocab_size, self.config.embedding_width)
        if tuple(matrix.shape) != wanted:
            raise ShapeError(f"vectors must be {wanted}, vocab_size x embedding_width, got {tuple(matrix.shape)}")
        with torch.no_grad():
            for table in self.embedding.parameters():
                table.copy_(matrix)
        self.vectors_are_given = True

    def forward(self, x: Int[Tensor, "B T"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B num_outputs"]:
        if self.training and self.config.channels == "static" and not self.vectors_are_given:
            raise RecipeError(
                "text_cnn with channels = static was given no word vectors: it would learn on random ones that stay",
                where="model.channels",
                todo="call model.load_vectors(matrix) before training, or take channels = rand",
            )
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


def _take_for_given(model: nn.Module, missing: Any) -> None:
    """Word vectors from a checkpoint are as good as those of `load_vectors`."""
    if not any(key.endswith("embedding.weight") for key in missing.missing_keys):
        model.vectors_are_given = True  # type: ignore[assignment]


def _freeze(table: nn.Module) -> None:
    for parameter in table.parameters():
        parameter.requires_grad_(False)


def _seen(keep: Tensor | None, width: int) -> Tensor | None:
    """Which of the T + width - 1 windows hold at least one real word."""
    if keep is None or width == 1:
        return keep
    padded = torch.nn.functional.pad(keep, (width - 1, width - 1))  # (B, T + 2 width - 2)
    return padded.unfold(1, width, 1).any(-1)
