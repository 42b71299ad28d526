"""Multi-layer perceptron: embeddings for categories, then hidden layers with normalisation, dropout and skips.

Source: Gorishniy et al. 2021, "Revisiting deep learning models for tabular data" (its ResNet block, with embeddings)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.layers.activations import activation
from deepdojo.layers.batch_normalisation import BatchNorm1d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.embeddings_periodic import PeriodicEmbedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head

__all__ = ["Mlp", "MlpConfig"]


@dataclass(frozen=True)
class MlpConfig:
    """Arguments of `mlp`."""

    in_features: int
    """Numbers of a row: numeric columns, or channels x height x width of an image. From the data."""
    num_outputs: int
    """Classes, or 1 for a regression. From the data."""
    category_sizes: tuple[int, ...] = ()
    """Distinct values of each categorical column, 0 being the unknown one. From the data."""
    hidden: tuple[int, ...] = (128, 128)
    """Width of each hidden layer."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    """The bend after each hidden layer."""
    norm: Literal["batch", "layer", "none"] = "none"
    """Normalisation before each activation: over the batch, over the row's own units, or none."""
    dropout: float = 0.1
    """Share of hidden units that are silenced in training."""
    embedding_dropout: float = 0.0
    """Share of the embedded categories' numbers that are silenced in training."""
    embedding_width: int = 0
    """Width of each category's vector; 0 takes fast.ai's rule, min(50, round(1.6 n^0.56)) for n distinct values."""
    residual: bool = False
    """Whether a hidden layer of its input's width adds to its input instead of replacing it."""
    frequencies: int = 0
    """Each number becomes a vector made of so many learned waves (Gorishniy et al. 2022, PLR); 0: it stays a number."""
    frequency_std: float = 0.1
    """Spread of the waves' frequencies at the start, for each standard deviation of the number."""
    number_width: int = 16
    """Width of the vector of each number, with `frequencies`."""

    def __post_init__(self) -> None:
        require_at_least(self, 0, "in_features", "embedding_width", "frequencies", "frequency_std")
        require_at_least(self, 1, "num_outputs", "category_sizes", "hidden", "number_width")
        require_shares(self, "dropout", "embedding_dropout")
        require(
            self.in_features + len(self.category_sizes) > 0,
            "in_features",
            "mlp needs at least one numeric or categorical column",
        )

    def width_of(self, size: int) -> int:
        """Width of the vector of a category with `size` distinct values."""
        return self.embedding_width or min(50, max(1, round(1.6 * size**0.56)))


class _Hidden(nn.Module):
    """y = dropout(f(norm(W x + b))), added to x where the widths agree and `residual` is on."""

    def __init__(self, width_in: int, width: int, config: MlpConfig) -> None:
        super().__init__()
        self.linear = Linear(width_in, width)
        norms: dict[str, type] = {"batch": BatchNorm1d, "layer": LayerNorm}
        self.norm = norms[config.norm](width) if config.norm in norms else None
        self.bend = activation(config.activation)
        self.dropout = Dropout(config.dropout)
        self.residual = config.residual and width_in == width

    def forward(self, x: Float[Tensor, "B I"]) -> Float[Tensor, "B O"]:
        y = self.linear(x)
        if self.norm is not None:
            y = self.norm(y)
        y = self.dropout(self.bend(y))
        return x + y if self.residual else y


class Mlp(nn.Module):
    """Multi-layer perceptron over the numbers and the embedded categories of a row, or over the pixels of an image.

    Initialisation: the layers' own (uniform ±1/√I), embeddings normal with deviation 1/√width; the head a tenth
    of the Linear layer's own (`shrink_head`).
    """

    def __init__(self, config: MlpConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width_of(size) for size in config.category_sizes]
        self.embeddings = nn.ModuleList(
            Embedding(size, width, std=width**-0.5) for size, width in zip(config.category_sizes, widths, strict=True)
        )
        self.embedding_dropout = Dropout(config.embedding_dropout)
        self.numbers = None
        numbers = config.in_features
        if config.frequencies:
            self.numbers = PeriodicEmbedding(numbers, config.frequencies, config.number_width, config.frequency_std)
            numbers *= config.number_width
        sizes = [numbers + sum(widths), *config.hidden]
        self.hidden = nn.ModuleList(_Hidden(i, o, config) for i, o in pairwise(sizes))
        self.head = Linear(sizes[-1], config.num_outputs)
        shrink_head(self.head)

    def forward(
        self, x: Float[Tensor, "B ..."], categories: Int[Tensor, "B G"] | None = None
    ) -> Float[Tensor, "B num_outputs"]:
        x = x.flatten(1)
        parts = [x if self.numbers is None else self.numbers(x).flatten(1)]
        if len(self.embeddings):
            if categories is None or categories.shape[1] != len(self.embeddings):
                got = "none" if categories is None else categories.shape[1]
                require(False, "category_sizes", f"mlp was built for {len(self.embeddings)} categories, got {got}")
            assert categories is not None
            embedded = [table(categories[:, i]) for i, table in enumerate(self.embeddings)]
            parts.append(self.embedding_dropout(torch.cat(embedded, 1)))
        h = torch.cat(parts, 1) if len(parts) > 1 else parts[0]
        for layer in self.hidden:
            h = layer(h)
        return self.head(h)
