"""Positions as a learned number for each distance. Dimensions: H heads, T queries, S keys, N buckets."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.hook import Layer
from deepdojo.layers.shapes import ShapeError

__all__ = ["RelativePositions", "distance_buckets"]


def distance_buckets(
    distance: Int[Tensor, "*B T S"], buckets: int, furthest: int, both_sides: bool
) -> Int[Tensor, "*B T S"]:
    """The bucket of each distance (key minus query): near ones have one of their own, far ones share, ever wider.

    With n buckets a side, distances below n/2 are exact; from there to `furthest` they grow logarithmically, and the
    last bucket takes all beyond. `both_sides`: the upper half of the buckets is for keys ahead; else those ahead count
    as distance 0. Source: Raffel et al. 2020 (T5), section 2.1.
    """
    n = buckets // 2 if both_sides else buckets
    ahead = (distance > 0).long() * n if both_sides else torch.zeros_like(distance)
    away = distance.abs() if both_sides else (-distance).clamp(min=0)
    exact = n // 2
    # float32, as in the original: the borders of the buckets then fall where trained weights expect them.
    far = exact + (torch.log(away.clamp(min=1).float() / exact) / math.log(furthest / exact) * (n - exact)).long()
    return ahead + torch.where(away < exact, away, far.clamp(max=n - 1))


class RelativePositions(Layer):
    """A bias of each head for each bucket of distances, to be added to the scores (`attention_biased.py`).

    Args:
        num_heads: H.
        buckets: N; even where keys ahead are seen.
        furthest: distance from which on all share the last bucket.
        both_sides: whether keys ahead have buckets of their own (encoders) or are never seen (decoders).

    Initialisation: normal, deviation 0.02. Source: Raffel et al. 2020 (T5).
    Raises: RecipeError for fewer than 4 buckets or an odd number on both sides.
    """

    def __init__(self, num_heads: int, buckets: int = 32, furthest: int = 128, both_sides: bool = True) -> None:
        super().__init__()
        if buckets < 4 or (both_sides and buckets % 2):
            raise RecipeError(f"buckets must be even and 4 or more, got {buckets}", where="RelativePositions")
        if furthest <= buckets:
            raise RecipeError(f"furthest must exceed the {buckets} buckets, got {furthest}", where="RelativePositions")
        self.num_heads, self.buckets, self.furthest, self.both_sides = num_heads, buckets, furthest, both_sides
        self.weight = nn.Parameter(torch.empty(buckets, num_heads))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.weight.normal_(0, 0.02)

    def forward(self, T: int, S: int, places: Int[Tensor, "B S"] | None = None) -> Float[Tensor, "B H T S"]:
        """The bias of the last T of S steps. Raises ShapeError for more queries than keys.

        Args:
            places: of each step, where padding makes them differ from row to row; B is 1 without.
        """
        if T > S:
            raise ShapeError(f"relative positions need a key for every query, got {T} queries and {S} keys")
        if places is None:
            places = torch.arange(S, device=self.weight.device)[None]
        distance = places[:, None, :] - places[:, S - T :, None]
        bucket = distance_buckets(distance, self.buckets, self.furthest, self.both_sides)
        return self.weight[bucket].permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        return f"heads={self.num_heads}, buckets={self.buckets}, furthest={self.furthest}"
