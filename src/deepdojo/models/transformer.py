"""Transformer encoder as a classifier: words and positions, layers of self-attention, pooling, a linear head.

Source: Vaswani et al. 2017, "Attention is all you need" (encoder); Xiong et al. 2020 (normalisation first)
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
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.layers.positions_learned import LearnedPositions
from deepdojo.layers.positions_sinusoidal import SinusoidalPositions
from deepdojo.layers.transformer_encoder_layer import EncoderLayer
from deepdojo.models.checks import require_at_least, require_divides, require_shares
from deepdojo.models.tokens import embed_tokens

__all__ = ["TransformerClassifier", "TransformerClassifierConfig"]


@dataclass(frozen=True)
class TransformerClassifierConfig:
    """Arguments of `transformer`."""

    vocab_size: int
    """Tokens in the vocabulary. From the data."""
    num_outputs: int
    """Classes. From the data."""
    width: int = 128
    """Width of the word vectors and of every layer."""
    num_layers: int = 2
    """Encoder layers."""
    num_heads: int = 4
    """Heads of each attention; must divide the width."""
    feed_forward: int = 0
    """Width of the feed-forward part; 0 takes four times the width."""
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """How a word knows its place: fixed waves, for any length, or a learned table of max_length rows."""
    max_length: int = 512
    """Longest text with learned positions, tokens."""
    norm_first: bool = True
    """Normalisation before each part (steadier) or after it (as in the paper)."""
    pooling: Literal["mean", "max", "cls"] = "mean"
    """How the words become one vector: mean or maximum over real words, or a learned word set before the text (cls)."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "gelu"
    """The bend inside the feed-forward part."""
    embedding_dropout: float = 0.1
    """Share of the word vectors' numbers that are silenced in training."""
    dropout: float = 0.1
    """Share silenced after each part, and of the pooled vector, in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "vocab_size", "num_outputs", "width", "num_layers", "num_heads", "max_length")
        require_at_least(self, 0, "feed_forward")
        require_shares(self, "embedding_dropout", "dropout")
        require_divides(self, "num_heads", "width")


class TransformerClassifier(nn.Module):
    """Word vectors times √width plus positions, encoder layers, pooling over the real words, dropout, linear head.

    Padding never changes a result: attention does not see it and pooling leaves it out. A row without words has zero
    features (with `cls`: those of the learned word alone).
    Initialisation: word vectors normal with deviation 1/√width (so that times √width they are of size 1, as positions
    are); the layers' own otherwise; a last LayerNorm where normalisation comes first.
    """

    def __init__(self, config: TransformerClassifierConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.embedding = Embedding(config.vocab_size, D, std=D**-0.5)
        self.scale = D**0.5
        self.cls = nn.Parameter(torch.randn(D)) if config.pooling == "cls" else None
        steps = config.max_length + (config.pooling == "cls")
        self.positions = SinusoidalPositions(D) if config.positions == "sinusoidal" else LearnedPositions(steps, D)
        self.embedding_dropout = Dropout(config.embedding_dropout)
        self.layers = nn.ModuleList(
            EncoderLayer(
                D,
                config.num_heads,
                config.feed_forward or 4 * D,
                config.dropout,
                config.activation,
                config.norm_first,
            )
            for _ in range(config.num_layers)
        )
        self.norm = LayerNorm(D) if config.norm_first else None
        self.pool = None if config.pooling == "cls" else current(f"{config.pooling}_over_time")
        self.dropout = Dropout(config.dropout)
        self.head = Linear(D, config.num_outputs)

    def forward(self, x: Int[Tensor, "B T"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B num_outputs"]:
        words, keep = embed_tokens(self, x, keep)
        h = words * self.scale
        if self.cls is not None:
            h = torch.cat([self.cls.expand(len(h), 1, -1), h], 1)
            keep = None if keep is None else torch.nn.functional.pad(keep, (1, 0), value=True)
        h = self.embedding_dropout(self.positions(h))
        for layer in self.layers:
            h = layer(h, keep)
        if self.norm is not None:
            h = self.norm(h)
        return self.head(self.dropout(h[:, 0] if self.pool is None else self.pool(h, keep)))
