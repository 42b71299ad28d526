"""Positions as a penalty on distance (ALiBi). Dimensions: H heads, T queries, S keys."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import ShapeError
from deepdojo.layers.tracing import traced

__all__ = ["AlibiPositions", "alibi_bias", "alibi_slopes"]


def alibi_slopes(heads: int) -> Float[Tensor, " H"]:
    """A slope for each head: 2^(-8/H), 2^(-16/H), …, 2^(-8); for other H than powers of two those of the power below,
    and between them every second one of the power above."""
    below = 2 ** math.floor(math.log2(heads))

    def geometric(n: int) -> list[float]:
        return [2 ** (-8 * (i + 1) / n) for i in range(n)]

    return torch.tensor(geometric(below) + geometric(2 * below)[::2][: heads - below], dtype=torch.float64)


def alibi_bias(heads: int, T: int, S: int) -> Float[Tensor, "1 H T S"]:
    """-slope_h · distance, for the last T of S steps: added to the scores, far keys count less.

    Returns: float64, which the layer rounds to what its input has.
    No position is added to the input, so texts longer than those of the training work.
    Source: Press et al. 2022, "Train short, test long". Raises: ShapeError for more queries than keys.
    """
    if T > S:
        raise ShapeError(f"alibi needs a key for every query, got {T} queries and {S} keys")
    distance = (torch.arange(S - T, S)[:, None] - torch.arange(S)).abs()
    bias = -alibi_slopes(heads)[:, None, None] * distance
    return bias[None]


class AlibiPositions(Layer):
    """`alibi_bias`, made once for the longest text so far; no parameters.

    Args:
        num_heads: H.
    """

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1:
            raise RecipeError(f"alibi needs a head or more, got {num_heads}", where="AlibiPositions")
        self.num_heads = num_heads
        self.make = current("alibi_bias")
        self._tables: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def table(self, steps: int, like: Tensor) -> Float[Tensor, "1 H S S"]:
        """The bias of `steps` steps in the dtype and on the device of `like`, kept for the longest text so far."""
        if traced():
            return self.make(self.num_heads, steps, steps).to(like.dtype).to(like.device)
        key = (like.dtype, like.device)
        if key not in self._tables or self._tables[key].shape[-1] < steps:
            with torch.inference_mode(False):  # what is made in inference mode can never take part in training
                bias = self.make(self.num_heads, max(32, 2 * steps), max(32, 2 * steps))
                self._tables[key] = bias.to(like.dtype).to(like.device)
        return self._tables[key]

    def forward(
        self, T: int, S: int, like: Tensor, places: Int[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B H T S"]:
        """The bias of the last T of S steps in the dtype and on the device of `like`.

        Args:
            places: of each step, where padding makes them differ from row to row; B is 1 without.
        """
        if T > S:
            raise ShapeError(f"alibi needs a key for every query, got {T} queries and {S} keys")
        table = self.table(S, like)
        if places is None:
            return table[:, :, S - T : S, :S]
        distance = (places[:, S - T :, None] - places[:, None, :]).abs()
        return table[0, :, -1].flip(-1)[:, distance].transpose(0, 1)  # the last row holds every distance
