"""Tagger: vectors of each word and its spelling, Transformer encoder layers over the sentence, a CRF over the tags.

Dimensions: B batch, T words, F further features of a word, D width, C tags.
Source: Vaswani et al. 2017, "Attention is all you need" (encoder); Xiong et al. 2020 (normalisation first); Lafferty,
    McCallum & Pereira 2001 (CRF)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers.convolution import Conv1d
from deepdojo.layers.crf import CRF
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.layers.positions_learned import LearnedPositions
from deepdojo.layers.positions_sinusoidal import SinusoidalPositions
from deepdojo.layers.shapes import ShapeError
from deepdojo.layers.transformer_encoder_layer import EncoderLayer
from deepdojo.models.checks import require_at_least, require_divides, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.tokens import embed_tokens

__all__ = ["TransformerTagger", "TransformerTaggerConfig"]


@dataclass(frozen=True)
class TransformerTaggerConfig:
    """Arguments of `transformer_tagger`."""

    vocab_size: int
    """Words in the vocabulary. From the data."""
    num_outputs: int
    """Tags. From the data."""
    feature_sizes: tuple[int, ...]
    """How many ids each further feature of a word has: suffix, prefix, capitals, part of speech. From the data."""
    word_width: int = 100
    """Width of the word vectors."""
    feature_width: int = 30
    """Width of the vectors of each further feature."""
    width: int = 192
    """Width of every layer."""
    num_layers: int = 2
    """Encoder layers."""
    num_heads: int = 4
    """Heads of each attention; must divide the width."""
    feed_forward: int = 0
    """Width of the feed-forward part; 0 takes twice the width."""
    neighbours: int = 1
    """Words on each side whose vectors are joined with a word's own before the first layer; 0 for none. Without them
    a word hardly finds the one before it: attention knows places, but not which one is next."""
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """How a word knows its place: fixed waves, for any length, or a learned table of max_length rows."""
    max_length: int = 512
    """Longest sentence with learned positions, words."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "gelu"
    """The bend inside the feed-forward part."""
    embedding_dropout: float = 0.4
    """Share silenced of a word's features, in training."""
    dropout: float = 0.2
    """Share silenced after each part, and of the last states, in training."""
    crf: bool = True
    """Whether the tags of a sentence are scored together; without, each word's tag is chosen alone."""

    def __post_init__(self) -> None:
        sizes = ("word_width", "feature_width", "width", "num_layers", "num_heads", "max_length")
        require_at_least(self, 1, "vocab_size", "num_outputs", "feature_sizes", *sizes)
        require_at_least(self, 0, "feed_forward", "neighbours")
        require_shares(self, "embedding_dropout", "dropout")
        require_divides(self, "num_heads", "width")


class TransformerTagger(nn.Module):
    """Scores of each tag for each word. `crf` has the transitions: `crf.nll` is the loss, `crf.decode` the answer.

    x = Conv(word and feature vectors) (2·neighbours + 1 words wide), plus positions; encoder layers with normalisation
    first; a last LayerNorm; dropout; a linear head. Padding never changes a result: it is zero to the convolution, and
    attention does not see it.
    Initialisation: vectors of words and features normal with variance 1/width, the layers' own otherwise, the head a
    tenth of Linear's (`shrink_head`): the first loss of a word is about ln C.
    """

    def __init__(self, config: TransformerTaggerConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.embedding = Embedding(config.vocab_size, config.word_width, std=config.word_width**-0.5)
        self.features = nn.ModuleList(
            Embedding(size, config.feature_width, std=config.feature_width**-0.5) for size in config.feature_sizes
        )
        self.embedding_dropout = Dropout(config.embedding_dropout)
        width = config.word_width + config.feature_width * len(config.feature_sizes)
        self.mix = Conv1d(width, D, 2 * config.neighbours + 1, padding=config.neighbours)
        learned = config.positions == "learned"
        self.positions = LearnedPositions(config.max_length, D) if learned else SinusoidalPositions(D)
        inner = config.feed_forward or 2 * D
        self.layers = nn.ModuleList(
            EncoderLayer(D, config.num_heads, inner, config.dropout, config.activation)
            for _ in range(config.num_layers)
        )
        self.norm = LayerNorm(D)
        self.dropout = Dropout(config.dropout)
        self.head = Linear(D, config.num_outputs)
        shrink_head(self.head)
        self.crf = CRF(config.num_outputs) if config.crf else None

    def forward(
        self, words: Int[Tensor, "B T"], shapes: Int[Tensor, "B T F"], keep: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T C"]:
        """Scores before the CRF, from word ids and ids of the further features."""
        if words.dim() == 2 and words.shape[1] == 0:
            return self.head.weight.new_zeros(words.shape[0], 0, self.config.num_outputs)
        vectors, keep = embed_tokens(self, words, keep)
        wanted = (*words.shape, len(self.features))
        if shapes.shape != wanted:
            raise ShapeError(f"shapes must be ids {wanted}, got {tuple(shapes.shape)}")
        x = self.embedding_dropout(
            torch.cat([vectors, *(table(shapes[..., i]) for i, table in enumerate(self.features))], 2)
        )
        if keep is not None:
            x = x.masked_fill(~keep.unsqueeze(-1), 0.0)
        h = self.positions(self.mix(x.transpose(1, 2)).transpose(1, 2))
        for layer in self.layers:
            h = layer(h, keep)
        return self.head(self.dropout(self.norm(h)))
