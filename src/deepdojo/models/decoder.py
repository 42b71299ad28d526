"""Decoder that writes on: each step sees what came before and gives the scores of the next token.

GPT-2 is `positions = "learned", norm = "layer", activation = "gelu_tanh", bias = true`; Llama is `gated = true,
activation = "silu"` with `kv_heads`; Qwen2 adds `attention_bias = "qkv"`, Qwen3 `qk_norm` and a free `head_width`.

Dimensions: B batch, T time, S steps so far, V vocabulary, D width, L layers.
Source: Radford et al. 2019 (GPT-2); Touvron et al. 2023 (Llama); Yang et al. 2025 (Qwen3); rotary positions Su et al.
2021, RMS normalisation Zhang & Sennrich 2019, squared rectifier So et al. 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers.attention_causal import CausalSelfAttention
from deepdojo.layers.attention_grouped_query import GroupedQueryAttention
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.feed_forward import FeedForward
from deepdojo.layers.feed_forward_gated import GatedFeedForward
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.positions_alibi import AlibiPositions
from deepdojo.layers.positions_learned import LearnedPositions
from deepdojo.layers.positions_relative import RelativePositions
from deepdojo.layers.positions_rotary import RotaryPositions
from deepdojo.layers.positions_rotary_scaling import RotaryScaling
from deepdojo.layers.shapes import ShapeError, require_mask
from deepdojo.layers.transformer_decoder_block import DecoderBlock, decoder_norm
from deepdojo.models.checks import require, require_at_least, require_divides, require_shares

__all__ = ["Decoder", "DecoderConfig"]

BIASES = ("alibi", "relative")  # positions that act on the scores


@dataclass(frozen=True)
class DecoderConfig:
    """Arguments of `decoder`."""

    vocab_size: int
    """Tokens in the vocabulary. From the data."""
    context: int = 128
    """Longest text of the training, tokens; only learned positions cannot go beyond it."""
    width: int = 128
    """Width of the token vectors and of every layer."""
    num_layers: int = 4
    """Blocks."""
    num_heads: int = 4
    """Heads of each attention; must divide the width unless head_width is given."""
    kv_heads: int = 0
    """Key and value heads, each shared by num_heads / kv_heads query heads (Ainslie et al. 2023); 0 takes num_heads."""
    head_width: int = 0
    """Width of a head; 0 takes width / num_heads."""
    feed_forward: int = 0
    """Width of the feed-forward part; 0 takes four times the width."""
    gated: bool = False
    """Whether the feed-forward part has a gate (Shazeer 2020); with silu it is SwiGLU."""
    positions: Literal["rotary", "learned", "alibi", "relative", "none"] = "rotary"
    """How a token knows its place: queries and keys turned by it, a learned table of `context` rows, a penalty on
    distance (alibi), a learned number for each distance (relative, one table for all blocks), or not at all."""
    rotary_base: float = 10_000.0
    """How slowly the slowest plane of rotary positions turns."""
    rotary_scaling: Literal["none", "linear", "ntk", "yarn", "llama3"] = "none"
    """How rotary angles are stretched for texts longer than those of the training."""
    rotary_factor: float = 1.0
    """How many times longer, for rotary_scaling."""
    rotary_trained: int = 0
    """Longest text before stretching, tokens; 0 takes `context`."""
    rotary_fast: float = 32.0
    """Turns within rotary_trained above which a plane keeps its speed (yarn, llama3)."""
    rotary_slow: float = 1.0
    """Turns within rotary_trained below which a plane is slowed by the whole factor (yarn, llama3)."""
    rotary_size: float = 0.0
    """What rotated vectors are multiplied with; 0 takes the rule's own (yarn: 0.1 ln(factor) + 1, else 1)."""
    rotary_whole_planes: bool = True
    """Whether yarn rounds the borders of its ramp to whole planes."""
    norm: Literal["rms", "layer"] = "rms"
    """Which normalisation: by the root mean square, or by mean and variance."""
    norm_first: bool = True
    """Normalisation before each part and at the end (GPT-2, Llama) or after each part (GPT)."""
    norm_eps: float = 0.0
    """What the normalisation adds under the root; 0 takes 1e-6 (rms) or 1e-5 (layer)."""
    qk_norm: bool = False
    """Whether every query and key head is normalised before it is turned (Henry et al. 2020)."""
    window: int = 0
    """Steps that a step sees in windowed blocks, itself included; 0 sees all before it."""
    windowed: tuple[int, ...] = ()
    """Numbers of the blocks that have the window, from 0; empty means all of them, where window is not 0."""
    activation: Literal["gelu", "gelu_tanh", "relu", "relu_squared", "silu", "tanh"] = "gelu"
    """The bend inside the feed-forward part."""
    bias: bool = False
    """Whether the linear layers have one."""
    attention_bias: Literal["same", "none", "qkv", "all"] = "same"
    """Which projections of the attention have one: as `bias` says, none, queries, keys and values, or all."""
    tied: bool = True
    """Whether token vectors and output scores share one table (Press & Wolf 2017)."""
    dropout: float = 0.0
    """Share silenced after the token vectors and after each part, in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "vocab_size", "context", "width", "num_layers", "num_heads", "rotary_factor")
        require_at_least(self, 0, "feed_forward", "kv_heads", "head_width", "window", "windowed", "norm_eps")
        require_at_least(self, 0, "rotary_trained", "rotary_size")
        require_shares(self, "dropout")
        if not self.head_width:
            require_divides(self, "num_heads", "width")
        if self.kv_heads:
            require_divides(self, "kv_heads", "num_heads")
        require(self.rotary_base > 1, "rotary_base", f"rotary_base must exceed 1, got {self.rotary_base}")
        require(
            self.positions != "rotary" or self.width_of_head() % 2 == 0,
            "num_heads",
            f"rotary positions need heads of an even width, got {self.width_of_head()}",
            "take fewer heads",
        )
        both = self.positions in BIASES and self.window > 0
        require(not both, "window", f"a window and {self.positions} positions do not go together", "take rotary ones")
        wide = self.rotary_scaling != "ntk" or self.width_of_head() > 2
        require(wide, "rotary_scaling", "ntk scaling needs heads wider than 2")
        beyond = [block for block in self.windowed if block >= self.num_layers]
        require(not beyond, "windowed", f"windowed names block {beyond[:1]} of {self.num_layers}, counted from 0")

    def width_of_head(self) -> int:
        """Width of one head."""
        return self.head_width or self.width // self.num_heads

    def grouped(self) -> bool:
        """Whether the attention is more than CausalSelfAttention has."""
        plain = (0, self.num_heads)
        return (
            self.kv_heads not in plain
            or self.head_width not in (0, self.width // self.num_heads)
            or self.qk_norm
            or self.window > 0
            or self.positions in BIASES
            or self.biases() == "qkv"
        )

    def biases(self) -> Literal["none", "qkv", "all"]:
        """Which projections of the attention have a bias."""
        if self.attention_bias == "same":
            return "all" if self.bias else "none"
        return self.attention_bias

    def scaling(self) -> RotaryScaling | None:
        """The rule by which rotary angles are stretched."""
        if self.rotary_scaling == "none":
            return None
        return RotaryScaling(
            self.rotary_scaling,
            self.rotary_factor,
            self.rotary_trained or self.context,
            self.rotary_fast,
            self.rotary_slow,
            self.rotary_size,
            self.rotary_whole_planes,
        )


class Decoder(nn.Module):
    """Token vectors, blocks of causal attention and feed-forward parts, a last normalisation, scores.

    Initialisation as GPT-2: all matrices normal with deviation 0.02, those that end a block's part divided by √(2L),
    biases 0, so that the first loss is close to ln V.
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.embedding = Embedding(config.vocab_size, D, std=0.02)
        self.positions = LearnedPositions(config.context, D) if config.positions == "learned" else None
        self.rotary = (
            RotaryPositions(config.context, config.width_of_head(), config.rotary_base, scaling=config.scaling())
            if config.positions == "rotary"
            else None
        )
        self.bias: AlibiPositions | RelativePositions | None = None
        if config.positions in BIASES:
            relative = config.positions == "relative"
            H = config.num_heads
            self.bias = RelativePositions(H, both_sides=False) if relative else AlibiPositions(H)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(_block(config, number) for number in range(config.num_layers))
        self.norm = decoder_norm(config.norm, D, config.norm_eps) if config.norm_first else None
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
        return [KeyValues(self.config.context if capacity is None else capacity) for _ in self.blocks]

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        cache: list[KeyValues] | None = None,
        keep: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Scores of the token after each step.

        Args:
            cache: `tokens` come after those in it, and are put into it.
            keep: True = a real token, of all so far, cached and new. A token's place is the number of real ones
                before it, so padding never changes a result, wherever it stands.

        Raises: ShapeError for a mask of another shape, or a text longer than a learned table.
        """
        return self.scores(self.hidden(tokens, cache, keep))

    def hidden(
        self,
        tokens: Int[Tensor, "B T"],
        cache: list[KeyValues] | None = None,
        keep: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """What the scores are made of, after the last normalisation."""
        if tokens.dim() != 2:
            raise ShapeError(f"decoder takes token ids (B, T), got {tuple(tokens.shape)}")
        T, start = tokens.shape[1], 0 if cache is None else cache[0].length
        places = all_places = None
        if keep is not None:
            require_mask("decoder", keep, (tokens.shape[0], start + T))
            all_places = (keep.cumsum(1) - 1).clamp(min=0)
            places = all_places[:, start:]
        h = self.embedding(tokens)
        if self.positions is not None:
            h = self.positions(h, start, places)
        h = self.dropout(h)
        context: dict[str, object] = {"keep": keep}
        if self.rotary is not None:
            context["turn"] = self.rotary.at(h, start, T, places)
        if isinstance(self.bias, RelativePositions):
            context["bias"] = self.bias(T, start + T, all_places)
        elif self.bias is not None:
            context["bias"] = self.bias(T, start + T, h, all_places)
        for number, block in enumerate(self.blocks):
            h = block(h, cache=None if cache is None else cache[number], **context)
        return h if self.norm is None else self.norm(h)

    def scores(self, h: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        """The scores of each token of the vocabulary."""
        return self.apply_linear(h, self.embedding.weight, None) if self.head is None else self.head(h)


def _block(config: DecoderConfig, number: int) -> nn.Module:
    D, inner = config.width, config.feed_forward or 4 * config.width
    windowed = config.window and (not config.windowed or number in config.windowed)
    attention: nn.Module
    if config.grouped():
        attention = GroupedQueryAttention(
            D,
            config.num_heads,
            config.kv_heads or config.num_heads,
            config.head_width,
            config.biases(),
            (config.norm_eps or 1e-6) if config.qk_norm else 0.0,
            config.window if windowed else 0,
            config.positions in BIASES,
        )
    else:
        attention = CausalSelfAttention(D, config.num_heads, bias=config.biases() == "all")
    feed_forward = (GatedFeedForward if config.gated else FeedForward)(D, inner, config.activation, config.bias)
    return DecoderBlock(D, attention, feed_forward, config.norm, config.norm_eps, config.dropout, config.norm_first)
