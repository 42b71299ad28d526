"""Decoder that writes on: each step sees what came before and gives the scores of the next token.

Dimensions: B batch, T time, V vocabulary, D width, L layers.
Source: Radford et al. 2019 (GPT-2); rotary positions Su et al. 2021, RMS normalisation Zhang & Sennrich 2019, squared
rectifier So et al. 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.layers.attention_causal import KeyValues
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.layers.positions_learned import LearnedPositions
from deepdojo.layers.rms_normalisation import RMSNorm
from deepdojo.layers.shapes import ShapeError
from deepdojo.layers.transformer_decoder_block import DecoderBlock
from deepdojo.models.checks import require, require_at_least, require_shares

__all__ = ["Decoder", "DecoderConfig"]


@dataclass(frozen=True)
class DecoderConfig:
    """Arguments of `decoder`."""

    vocab_size: int
    """Tokens in the vocabulary. From the data."""
    context: int = 128
    """Longest text that the model sees at once, tokens."""
    width: int = 128
    """Width of the token vectors and of every layer."""
    num_layers: int = 4
    """Blocks."""
    num_heads: int = 4
    """Heads of each attention; must divide the width."""
    feed_forward: int = 0
    """Width of the feed-forward part; 0 takes four times the width."""
    positions: Literal["rotary", "learned"] = "rotary"
    """How a token knows its place: queries and keys turned by it, or a learned table of `context` rows."""
    norm: Literal["rms", "layer"] = "rms"
    """Normalisation before each part and at the end."""
    activation: Literal["gelu", "relu", "relu_squared", "silu", "tanh"] = "gelu"
    """The bend inside the feed-forward part."""
    bias: bool = False
    """Whether the linear layers have one."""
    tied: bool = True
    """Whether token vectors and output scores share one table (Press & Wolf 2017)."""
    dropout: float = 0.0
    """Share silenced after the token vectors and after each part, in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "vocab_size", "context", "width", "num_layers", "num_heads")
        require_at_least(self, 0, "feed_forward")
        require_shares(self, "dropout")
        divides = self.width % self.num_heads == 0
        require(divides, "num_heads", f"num_heads = {self.num_heads} does not divide width = {self.width}")
        even = self.positions == "learned" or (self.width // self.num_heads) % 2 == 0
        require(even, "num_heads", "rotary positions need heads of an even width", "take fewer heads")


class Decoder(nn.Module):
    """Token vectors, blocks of causal attention and feed-forward parts, a last normalisation, scores.

    Initialisation as GPT-2: all matrices normal with deviation 0.02, those that end a block's part divided by √(2L),
    biases 0, so that the first loss is close to ln V.
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        rotary = config.context if config.positions == "rotary" else 0
        self.embedding = Embedding(config.vocab_size, D, std=0.02)
        self.positions = None if rotary else LearnedPositions(config.context, D)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            DecoderBlock(
                D, config.num_heads, config.feed_forward or 4 * D, config.dropout, config.activation, config.norm,
                config.bias, rotary,
            )
            for _ in range(config.num_layers)
        )  # fmt: skip
        self.norm = LayerNorm(D) if config.norm == "layer" else RMSNorm(D)
        self.head = None if config.tied else Linear(D, config.vocab_size, bias=False)
        self.apply_linear = current("linear")
        self._initialise()

    def _initialise(self) -> None:
        small = 0.02 / (2 * self.config.num_layers) ** 0.5
        for name, parameter in self.blocks.named_parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=small if name.endswith(("out_proj.weight", "linear2.weight")) else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        if self.head is not None:
            nn.init.normal_(self.head.weight, std=0.02)

    def new_cache(self, capacity: int | None = None) -> list[KeyValues]:
        """An empty cache for each block, of `capacity` steps (default: the context)."""
        return [KeyValues(capacity or self.config.context) for _ in self.blocks]

    def forward(self, tokens: Int[Tensor, "B T"], cache: list[KeyValues] | None = None) -> Float[Tensor, "B T V"]:
        """Scores of the token after each step. With `cache`, `tokens` come after those in it, and are put into it.

        Raises: ShapeError where the text is longer than the context.
        """
        start = 0 if cache is None else cache[0].length
        if start + tokens.shape[1] > self.config.context:
            steps = start + tokens.shape[1]
            raise ShapeError(f"a text of {steps} tokens is longer than the context of {self.config.context}")
        h = self.embedding(tokens)
        if self.positions is not None:
            h = self.positions(h, start)
        h = self.dropout(h)
        for number, block in enumerate(self.blocks):
            h = block(h, None if cache is None else cache[number])
        h = self.norm(h)
        return self.apply_linear(h, self.embedding.weight, None) if self.head is None else self.head(h)
