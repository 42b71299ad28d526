"""Positions as rotations. Dimensions: B batch, H heads, T time, K head width."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import require_width

__all__ = ["RotaryPositions", "rotary", "rotary_reference"]


def rotary(
    x: Float[Tensor, "B H T K"], cos: Float[Tensor, "T K/2"], sin: Float[Tensor, "T K/2"]
) -> Float[Tensor, "B H T K"]:
    """Entry i of each vector and entry i + K/2 are a point of a plane, turned by the angle of its step: products of
    queries and keys then depend on the distance between their steps alone.

    Source: Su et al. 2021, equation 34, with the halves paired as in GPT-NeoX instead of neighbours.
    """
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def rotary_reference(
    x: Float[Tensor, "B H T K"], cos: Float[Tensor, "T K/2"], sin: Float[Tensor, "T K/2"]
) -> Float[Tensor, "B H T K"]:
    """`rotary` as the product of complex numbers, (a + ib)(cos + i sin)."""
    a, b = x.chunk(2, -1)
    turned = torch.complex(a, b) * torch.complex(cos, sin)
    return torch.cat([turned.real, turned.imag], -1)


class RotaryPositions(Layer):
    """Turns queries and keys by their step; see `rotary`. Angles are t · base^(-2i/K) for i = 0 … K/2 - 1.

    Args:
        max_length: steps that are kept ready; longer inputs make the table longer.
        head_width: K, even.
        base: how slowly the slowest plane turns.

    Raises: RecipeError for an odd head width.
    """

    def __init__(self, max_length: int, head_width: int, base: float = 10_000.0) -> None:
        super().__init__()
        if head_width % 2:
            raise RecipeError(f"rotary positions need an even head width, got {head_width}", where="RotaryPositions")
        self.max_length, self.head_width, self.base = max_length, head_width, base
        self.turn = current("rotary")
        self._tables: dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor]] = {}

    def tables(self, steps: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin of every angle, (steps, K/2), made once in float64 and kept in the dtype that asks."""
        key = (like.dtype, like.device)
        if key not in self._tables or len(self._tables[key][0]) < steps:
            with torch.inference_mode(False):  # what is made in inference mode can never take part in training
                self._tables[key] = self._made(max(steps, self.max_length), like)
        cos, sin = self._tables[key]
        return cos[:steps], sin[:steps]

    def _made(self, steps: int, like: Tensor) -> tuple[Tensor, Tensor]:
        speeds = self.base ** (-torch.arange(0, self.head_width, 2, dtype=torch.float64) / self.head_width)
        angles = torch.arange(steps, dtype=torch.float64)[:, None] * speeds
        return angles.cos().to(like.device, like.dtype), angles.sin().to(like.device, like.dtype)

    def forward(self, x: Float[Tensor, "B H T K"], start: int = 0) -> Float[Tensor, "B H T K"]:
        """`start`: the step of the first vector, where earlier ones are in a cache."""
        require_width("RotaryPositions", x, self.head_width, rank=4)
        cos, sin = self.tables(start + x.shape[2], x)
        return self.turn(x, cos[start:], sin[start:])

    def extra_repr(self) -> str:
        return f"{self.head_width}, base={self.base:g}"
