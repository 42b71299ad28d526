"""Multinomial logistic regression, or linear regression: one layer, the model that every deeper one must beat.

Source: Cox 1958, "The regression analysis of binary sequences"
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.models.checks import require, require_at_least

__all__ = ["LinearModel", "LinearModelConfig"]


@dataclass(frozen=True)
class LinearModelConfig:
    """Arguments of `linear`."""

    in_features: int
    """Numbers of a row: numeric columns, or channels x height x width of an image. From the data."""
    num_outputs: int
    """Classes, or 1 for a regression. From the data."""
    category_sizes: tuple[int, ...] = ()
    """Distinct values of each categorical column, 0 being the unknown one. From the data."""

    def __post_init__(self) -> None:
        require_at_least(self, 0, "in_features")
        require_at_least(self, 1, "num_outputs", "category_sizes")
        columns = self.in_features + len(self.category_sizes)
        require(columns > 0, "in_features", "linear needs at least one numeric or categorical column")


class LinearModel(nn.Module):
    """y = W x + sum_g E_g[category_g] + b: a weight for each number and each value of each category (one-hot).

    Softmax of y is multinomial logistic regression; y itself is linear regression. The problem is convex, so all
    weights start at zero: the first loss of a classification is exactly ln(classes), whatever the seed.
    """

    def __init__(self, config: LinearModelConfig) -> None:
        super().__init__()
        self.config = config
        self.head = Linear(config.in_features, config.num_outputs)
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.zero_()
        self.embeddings = nn.ModuleList(Embedding(size, config.num_outputs, std=0.0) for size in config.category_sizes)

    def forward(
        self, x: Float[Tensor, "B ..."], categories: Int[Tensor, "B G"] | None = None
    ) -> Float[Tensor, "B num_outputs"]:
        y = self.head(x.flatten(1))
        if len(self.embeddings):
            if categories is None or categories.shape[1] != len(self.embeddings):
                got = "none" if categories is None else categories.shape[1]
                require(False, "category_sizes", f"linear was built for {len(self.embeddings)} categories, got {got}")
            assert categories is not None
            for i, table in enumerate(self.embeddings):
                y = y + table(categories[:, i])
        return y
