"""Transformer of two halves: an encoder reads the source, a decoder writes the target and looks back at the source.

Dimensions: B batch, S source, T target, D width, V target vocabulary.
Source: Vaswani et al. 2017, "Attention is all you need"; Xiong et al. 2020 (normalisation first)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.layers.positions_learned import LearnedPositions
from deepdojo.layers.positions_sinusoidal import SinusoidalPositions
from deepdojo.layers.shapes import ShapeError, require_mask, require_width
from deepdojo.layers.transformer_decoder_layer import DecoderLayer
from deepdojo.layers.transformer_encoder_layer import EncoderLayer
from deepdojo.models.checks import require, require_at_least, require_divides, require_shares

__all__ = ["EncoderDecoder", "EncoderDecoderCache", "EncoderDecoderConfig"]


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """Arguments of `encoder_decoder`. The paper's base model is width 512, 6 layers, 8 heads, norm_first false."""

    source_vocab_size: int
    """Tokens of the source language. From the data."""
    target_vocab_size: int
    """Tokens of the target language. From the data."""
    width: int = 256
    """Width of the token vectors and of every layer."""
    encoder_layers: int = 3
    """Layers of the encoder."""
    decoder_layers: int = 3
    """Layers of the decoder."""
    num_heads: int = 4
    """Heads of each attention; must divide the width."""
    feed_forward: int = 0
    """Width of the feed-forward part; 0 takes four times the width."""
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """How a token knows its place: fixed waves, for any length, or a learned table of max_length rows."""
    max_length: int = 512
    """Longest source or target with learned positions, tokens."""
    norm_first: bool = True
    """Normalisation before each part (steadier) or after it (as in the paper)."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    """The bend inside the feed-forward part."""
    tied: bool = True
    """Whether target vectors and output scores share one table (section 3.4 of the paper)."""
    shared: bool = False
    """Whether source and target share one table of vectors; both vocabularies are then the same one."""
    dropout: float = 0.1
    """Share silenced after the token vectors and after each part, in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "source_vocab_size", "target_vocab_size", "width", "encoder_layers")
        require_at_least(self, 1, "decoder_layers", "num_heads", "max_length")
        require_at_least(self, 0, "feed_forward")
        require_shares(self, "dropout")
        require_divides(self, "num_heads", "width")
        same = self.source_vocab_size == self.target_vocab_size
        sizes = f"{self.source_vocab_size} and {self.target_vocab_size}"
        require(not self.shared or same, "shared", f"one table cannot serve vocabularies of {sizes} tokens")


class EncoderDecoderCache:
    """What the decoder has seen: its own steps, and the source, projected once for each layer."""

    def __init__(self, layers: int) -> None:
        self.layers = [(KeyValues(), KeyValues()) for _ in range(layers)]

    @property
    def length(self) -> int:
        """Steps of the target so far."""
        return self.layers[0][0].length

    def reorder(self, rows: Int[Tensor, R]) -> None:
        """Row i becomes what row `rows[i]` was."""
        for own, cross in self.layers:
            own.reorder(rows)
            cross.reorder(rows)


class EncoderDecoder(nn.Module):
    """Token vectors times √D plus positions on both sides, encoder layers, decoder layers, scores of the next token.

    Padding never changes a result. Initialisation: token vectors normal with deviation 1/√D, matrices of the layers
    Xavier uniform, biases 0.
    """

    def __init__(self, config: EncoderDecoderConfig) -> None:
        super().__init__()
        self.config = config
        D, inner = config.width, config.feed_forward or 4 * config.width
        self.scale = D**0.5
        self.target_embedding = Embedding(config.target_vocab_size, D, std=D**-0.5)
        self.source_embedding = None if config.shared else Embedding(config.source_vocab_size, D, std=D**-0.5)
        learned = config.positions == "learned"
        self.source_positions = LearnedPositions(config.max_length, D) if learned else SinusoidalPositions(D)
        self.target_positions = LearnedPositions(config.max_length, D) if learned else SinusoidalPositions(D)
        self.dropout = Dropout(config.dropout)
        parts = (D, config.num_heads, inner, config.dropout, config.activation, config.norm_first)
        self.encoder = nn.ModuleList(EncoderLayer(*parts) for _ in range(config.encoder_layers))
        self.decoder = nn.ModuleList(DecoderLayer(*parts) for _ in range(config.decoder_layers))
        self.encoder_norm = LayerNorm(D) if config.norm_first else None
        self.decoder_norm = LayerNorm(D) if config.norm_first else None
        self.head = None if config.tied else Linear(D, config.target_vocab_size, bias=False)
        self.apply_linear = current("linear")
        for part in (self.encoder, self.decoder):
            for name, parameter in part.named_parameters():
                if parameter.ndim == 2:
                    nn.init.xavier_uniform_(parameter)
                elif name.endswith("bias"):
                    nn.init.zeros_(parameter)

    def encode(self, source: Int[Tensor, "B S"], keep: Bool[Tensor, "B S"] | None = None) -> Float[Tensor, "B S D"]:
        """The memory: a state for each token of the source. Raises ShapeError for a mask of another shape."""
        if source.dim() != 2:
            raise ShapeError(f"encoder_decoder takes token ids (B, S), got {tuple(source.shape)}")
        if keep is not None:
            require_mask("encoder_decoder", keep, tuple(source.shape))
        table = self.target_embedding if self.source_embedding is None else self.source_embedding
        h = self.dropout(self.source_positions(table(source) * self.scale))
        for layer in self.encoder:
            h = layer(h, keep)
        return h if self.encoder_norm is None else self.encoder_norm(h)

    def decode(
        self,
        target: Int[Tensor, "B T"],
        memory: Float[Tensor, "B S D"],
        keep: Bool[Tensor, "B S"] | None = None,
        cache: EncoderDecoderCache | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Scores of the token after each step of the target.

        Args:
            target: tokens so far; with `cache` those after the ones in it.
            memory: what `encode` gave.
            keep: True = a real token of the source.
            cache: of `new_cache`, filled as a side effect.
        """
        require_width("encoder_decoder", memory, self.config.width, rank=3)
        if target.dim() != 2 or len(target) != len(memory):
            raise ShapeError(f"encoder_decoder takes targets ({len(memory)}, T), got {tuple(target.shape)}")
        start = 0 if cache is None else cache.length
        h = self.target_embedding(target) * self.scale
        h = self.dropout(self.target_positions(h, start))
        for number, layer in enumerate(self.decoder):
            h = layer(h, memory, keep, caches=None if cache is None else cache.layers[number])
        if self.decoder_norm is not None:
            h = self.decoder_norm(h)
        return self.apply_linear(h, self.target_embedding.weight, None) if self.head is None else self.head(h)

    def forward(
        self,
        source: Int[Tensor, "B S"],
        target: Int[Tensor, "B T"],
        keep: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """`decode` of `encode`: what training calls, all steps at once."""
        return self.decode(target, self.encode(source, keep), keep)

    def new_cache(self) -> EncoderDecoderCache:
        """An empty cache for `decode`; the first call projects the memory for each layer."""
        return EncoderDecoderCache(len(self.decoder))
