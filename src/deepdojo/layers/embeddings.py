"""A learned vector for each token or category. Dimensions: V vocabulary, D width, `*B` any axes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import ShapeError

__all__ = ["Embedding", "embedding"]


def embedding(ids: Int[Tensor, "*B"], weight: Float[Tensor, "V D"]) -> Float[Tensor, "*B D"]:
    """Row `ids` of `weight`: the product of a one-hot vector with a matrix, without the product.

    Source: Bengio et al. 2003.
    """
    return F.embedding(ids, weight)


class Embedding(Layer):
    """Table of V vectors of width D, looked up by id; see `embedding`.

    Args:
        num_embeddings: V.
        embedding_dim: D.
        std: spread of the initial values, which are normal around 0; torch's own table starts with 1.

    Raises: ShapeError for ids that are not integers, or (on the CPU) outside the table.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, std: float = 1.0) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim, self.std = num_embeddings, embedding_dim, std
        self.weight = nn.Parameter(torch.empty(num_embeddings, embedding_dim))
        self.look_up = current("embedding")
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.weight.normal_(0, self.std) if self.std > 0 else self.weight.zero_()

    def forward(self, ids: Int[Tensor, "*B"]) -> Float[Tensor, "*B D"]:
        if ids.is_floating_point() or ids.dtype == torch.bool:
            raise ShapeError(f"Embedding takes integer ids, got {ids.dtype}")
        try:
            return self.look_up(ids, self.weight)
        except IndexError as error:
            low, high = (int(x) for x in ids.aminmax())
            wrong = low if low < 0 else high
            raise ShapeError(f"ids run from 0 to {self.num_embeddings - 1}, got {wrong}") from error

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"
