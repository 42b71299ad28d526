"""Dropout: random silence in training, nothing in evaluation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.hook import Layer, current

__all__ = ["Dropout", "dropout", "dropout_reference"]

LEVELS = 65_536  # of 16 random bits


def dropout(x: Float[Tensor, "*B"], p: float, training: bool) -> Float[Tensor, "*B"]:
    """In training each number is zero with probability p and x / (1 - p) otherwise, so the mean stays; else x itself.

    Numerics: on the CPU p is rounded to 1/65,536, and the scale is that of the rounded p.
    Cost: on the CPU four numbers share one draw of 64 random bits; forward and backward of 180,000 numbers take a
    fifth of the time of torch's kernel, which draws one number after another.
    Source: Srivastava et al. 2014, in the "inverted" form that needs no scaling in evaluation.
    Raises: RecipeError for a p that is no share.
    """
    if not 0 <= p <= 1:
        raise RecipeError(f"dropout is a share from 0 to 1, got {p}", where="dropout")
    if not training or p == 0:
        return x
    silent = round(p * LEVELS)
    if x.device.type != "cpu" or not 0 < silent < LEVELS:
        return F.dropout(x, p, training)
    n = x.numel()
    draws = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None)
    lanes = draws.view(torch.int16)[:n].view(x.shape)  # uniform from -32,768 to 32,767
    kept = torch.ge(lanes, silent - LEVELS // 2, out=torch.empty(x.shape, dtype=x.dtype))
    return x * kept.mul_(LEVELS / (LEVELS - silent))


def dropout_reference(x: Float[Tensor, "*B"], p: float, heard: Bool[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """`dropout` in training, in plain algebra, where the draws gave `heard`: True with probability 1 - p, by itself."""
    return torch.where(heard, x / (1 - p), 0.0)


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
