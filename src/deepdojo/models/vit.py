"""Vision Transformer: the image is cut into patches, each becomes a token, and a Transformer's encoder reads them.

Source: Dosovitskiy et al. 2021, "An image is worth 16x16 words: Transformers for image recognition at scale"
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.activations import activation
from deepdojo.layers.attention_multi_head import MultiHeadAttention
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear, linear
from deepdojo.layers.hook import current
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.layers.positions_learned import LearnedPositions
from deepdojo.layers.residual_drop_path import DropPath, growing_rates
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.images import channels_last

__all__ = ["Vit", "VitConfig"]


@dataclass(frozen=True)
class VitConfig:
    """Arguments of `vit`. ViT-Base/16: patch 16, model_width 768, num_layers 12, num_heads 12, on 224x224 images."""

    in_channels: int
    """1 for grey images, 3 for colour. From the data."""
    height: int
    """Rows of pixels. From the data."""
    width: int
    """Columns of pixels. From the data."""
    num_outputs: int
    """Classes. From the data."""
    head: Literal["classifier", "none"] = "classifier"
    """A linear layer on the class token, or none: the model then gives all tokens of its last layer, normalised."""
    patch: int | tuple[int, int] = 4
    """Side of a patch, pixels, or its height and width."""
    border: Literal["refuse", "crop"] = "refuse"
    """What to do with pixels that fill no whole patch: refuse the config, or leave the last rows and columns out."""
    model_width: int = 128
    """Numbers that stand for a token (D)."""
    num_layers: int = 6
    """Layers of the encoder."""
    num_heads: int = 4
    """Attentions side by side in a layer; must divide model_width, unless head_width is given."""
    head_width: int = 0
    """Width of a head's queries and keys; 0 takes model_width / num_heads."""
    feed_forward: int = 0
    """Width inside the feed-forward part; 0 takes 4 times model_width."""
    activation: Literal["gelu", "gelu_tanh", "relu", "silu", "tanh", "relu_squared"] = "gelu"
    """The bend in the feed-forward part."""
    qkv_bias: bool = True
    """Whether queries, keys and values have a constant."""
    norm_eps: float = 1e-6
    """Added to the variance in every normalisation."""
    dropout: float = 0.0
    """Share silenced in training, after the positions and after each part of a layer."""
    drop_path: float = 0.0
    """Share of rows that pass the last layer's parts unchanged in training; earlier layers less (stochastic depth)."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "height", "width", "num_outputs", "patch", "model_width", "num_heads")
        require_at_least(self, 0, "num_layers", "head_width", "feed_forward", "norm_eps")
        require_shares(self, "dropout", "drop_path")
        high, wide = self.patch_sides()
        whole = self.border == "crop" or (self.height % high == 0 and self.width % wide == 0)
        image = f"{self.height}x{self.width} image"
        require(
            whole,
            "patch",
            f"a {high}x{wide} patch does not divide the {image}",
            'take a patch that does, or border = "crop" to leave the last rows and columns out',
        )
        require(
            high <= self.height and wide <= self.width, "patch", f"a {high}x{wide} patch is larger than the {image}"
        )
        fits = [n for n in range(1, self.model_width + 1) if self.model_width % n == 0]
        best = min(fits, key=lambda n: abs(n - self.num_heads))
        require(
            self.head_width > 0 or self.model_width % self.num_heads == 0,
            "num_heads",
            f"num_heads = {self.num_heads} does not divide model_width = {self.model_width}",
            f"take {best}, or give head_width",
        )

    def patch_sides(self) -> tuple[int, int]:
        """Height and width of a patch."""
        return (self.patch, self.patch) if isinstance(self.patch, int) else self.patch

    def num_patches(self) -> int:
        """Patches of an image."""
        high, wide = self.patch_sides()
        return (self.height // high) * (self.width // wide)


class _SelfAttention(nn.Module):
    """MultiHeadAttention of the model's tokens among themselves, with heads of any width and with or without biases.

    Parameter names are MultiHeadAttention's, which serves wherever it can, so that a learner's own has its place.
    """

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        D, self.num_heads = config.model_width, config.num_heads
        inner = self.num_heads * (config.head_width or D // self.num_heads)
        self.in_proj_weight = nn.Parameter(torch.empty(3 * inner, D))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * inner)) if config.qkv_bias else None
        self.out_proj = Linear(inner, D)
        self.attend = current("scaled_dot_product_attention")
        bound = math.sqrt(6 / (3 * inner + D))  # Xavier for the whole matrix
        nn.init.uniform_(self.in_proj_weight, -bound, bound)
        if isinstance(self.out_proj.bias, Tensor):
            nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        heads = linear(x, self.in_proj_weight, self.in_proj_bias).unflatten(-1, (3, self.num_heads, -1))
        q, k, v = heads.transpose(1, 3).unbind(2)  # each (B, H, T, K)
        return self.out_proj(self.attend(q, k, v).transpose(1, 2).flatten(2))


class _Layer(nn.Module):
    """x = x + attention(norm1(x)); x = x + W_2 f(W_1 norm2(x) + b_1) + b_2, each part with dropout and drop-path."""

    def __init__(self, config: VitConfig, drop_path: float) -> None:
        super().__init__()
        D, F = config.model_width, config.feed_forward or 4 * config.model_width
        plain = config.qkv_bias and config.head_width in (0, D / config.num_heads)
        self.norm1, self.norm2 = LayerNorm(D, config.norm_eps), LayerNorm(D, config.norm_eps)
        self.attention = MultiHeadAttention(D, config.num_heads) if plain else _SelfAttention(config)
        self.linear1, self.linear2 = Linear(D, F), Linear(F, D)
        self.bend = activation(config.activation)
        self.dropout, self.drop_path = Dropout(config.dropout), DropPath(drop_path)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        x = x + self.drop_path(self.dropout(self.attention(self.norm1(x))))
        return x + self.drop_path(self.dropout(self.linear2(self.bend(self.linear1(self.norm2(x))))))


class Vit(nn.Module):
    """Patches through one linear map (a convolution that steps by a patch), a class token, learned positions, encoder
    layers with normalisation first, a last normalisation, and a linear head on the class token.

    Without a convolution's built-in neighbourhoods it must learn what lies beside what: on few images it trails `cnn`.
    Deviation: no dropout on the attention weights themselves, so that the fused kernel serves training too.
    Initialisation: class token and positions normal with deviation 0.02; the layers' own otherwise; the head a tenth of
    the Linear layer's own (`shrink_head`).

    Raises: RecipeError when an image has another size or number of channels than the config.
    """

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = config
        D = config.model_width
        self.patches = Conv2d(config.in_channels, D, config.patch, config.patch)
        self.cls = nn.Parameter(0.02 * torch.randn(D))
        self.positions = LearnedPositions(config.num_patches() + 1, D)
        self.dropout = Dropout(config.dropout)
        rates = growing_rates(config.drop_path, config.num_layers)
        self.layers = nn.ModuleList(_Layer(config, rate) for rate in rates)
        self.norm = LayerNorm(D, config.norm_eps)
        self.head = Linear(D, config.num_outputs) if config.head == "classifier" else None
        if self.head is not None:
            shrink_head(self.head)

    def forward(self, x: Float[Tensor, "B C Y X"], keep: None = None) -> Float[Tensor, B * _]:
        """Scores (B, num_outputs), or without a head the tokens (B, 1 + patches, D), the class token first."""
        x = channels_last("vit", x, self.config.in_channels, (self.config.height, self.config.width))
        tokens = self.patches(x).flatten(2).transpose(1, 2)  # (B, patches, D), row by row of the image
        h = torch.cat([self.cls.expand(len(tokens), 1, -1), tokens], 1)
        h = self.dropout(self.positions(h))
        for layer in self.layers:
            h = layer(h)
        # The head sees one token of each row, and normalisation sees each token alone: norm it only.
        return self.norm(h) if self.head is None else self.head(self.norm(h[:, 0]))
