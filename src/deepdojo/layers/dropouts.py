"""Dropout: random silence in training, nothing in evaluation."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.hook import Layer, current

__all__ = ["Dropout", "dropout"]


def dropout(x: Float[Tensor, "*B"], p: float, training: bool) -> Float[Tensor, "*B"]:
    """In training each number is zero with probability p and x / (1 - p) otherwise, so the mean stays; else x itself.

    Source: Srivastava et al. 2014, in the "inverted" form that needs no scaling in evaluation.
    """
    return F.dropout(x, p, training) if training and p > 0 else x


class Dropout(Layer):
    """Dropout with probability `p` in training (see `dropout`); the identity in evaluation.

    Args:
        p: share of numbers that are set to zero, 0 <= p < 1.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise RecipeError(f"dropout is a share from 0 to below 1, got {p}", where="dropout")
        self.p = p
        self.drop = current("dropout")

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        return self.drop(x, self.p, self.training)

    def extra_repr(self) -> str:
        return f"{self.p}"
