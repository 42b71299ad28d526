"""Positions as rotations. Dimensions: B batch, H heads, T time, K head width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.positions_rotary_scaling import RotaryScaling
from deepdojo.layers.shapes import ShapeError, require_width
from deepdojo.layers.tracing import traced

__all__ = [
    "RotaryPositions",
    "Turn",
    "rotary",
    "rotary_neighbours",
    "rotary_neighbours_reference",
    "rotary_reference",
]


def rotary(
    x: Float[Tensor, "B H T K"], cos: Float[Tensor, "*B1 T K/2"], sin: Float[Tensor, "*B1 T K/2"]
) -> Float[Tensor, "B H T K"]:
    """Entry i of each vector and entry i + K/2 are a point of a plane, turned by the angle of its step: products of
    queries and keys then depend on the distance between their steps alone.

    Args:
        cos: of the angles of T steps; (B, 1, T, K/2) where each row has places of its own.
        sin: likewise.

    Source: Su et al. 2021, equation 34, with the halves paired as in GPT-NeoX, Llama and Qwen.
    """
    return turned_halves(x, torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1))


def turned_halves(
    x: Float[Tensor, "B H T K"], cos: Float[Tensor, "*B1 T K"], sin: Float[Tensor, "*B1 T K"]
) -> Float[Tensor, "B H T K"]:
    """`rotary` with tables as wide as a head, the first half of the sines negative: three passes over x, not six."""
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, -1), sin)


def rotary_reference(
    x: Float[Tensor, "B H T K"], cos: Float[Tensor, "*B1 T K/2"], sin: Float[Tensor, "*B1 T K/2"]
) -> Float[Tensor, "B H T K"]:
    """`rotary` as the product of complex numbers, (a + ib)(cos + i sin)."""
    a, b = x.chunk(2, -1)
    turned = torch.complex(a, b) * torch.complex(cos, sin)
    return torch.cat([turned.real, turned.imag], -1)


def rotary_neighbours(
    x: Float[Tensor, "B H T K"], cos: Float[Tensor, "*B1 T K/2"], sin: Float[Tensor, "*B1 T K/2"]
) -> Float[Tensor, "B H T K"]:
    """As `rotary`, with neighbours paired: entries 2i and 2i + 1 are the point.

    The two pairings are one another's permutation of the K entries: weights trained with one do not fit the other.
    Source: Su et al. 2021, equation 34 as printed; GPT-J.
    """
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    turned = [torch.addcmul(a * cos, b, sin, value=-1), torch.addcmul(a * sin, b, cos)]
    return torch.stack(turned, -1).flatten(-2)


def rotary_neighbours_reference(
    x: Float[Tensor, "B H T K"], cos: Float[Tensor, "*B1 T K/2"], sin: Float[Tensor, "*B1 T K/2"]
) -> Float[Tensor, "B H T K"]:
    """`rotary_neighbours` as the product of complex numbers."""
    points = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(points * torch.complex(cos, sin)).flatten(-2)


class Turn:
    """The rotation of certain places: what the attention layers of one call share, so that angles are taken once."""

    def __init__(self, rotate: Callable[..., Tensor], cos: Tensor, sin: Tensor) -> None:
        self.rotate, self.cos, self.sin = rotate, cos, sin
        if rotate is rotary:
            self.rotate, self.cos, self.sin = turned_halves, torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)

    def __call__(self, x: Float[Tensor, "B H T K"]) -> Float[Tensor, "B H T K"]:
        return self.rotate(x, self.cos, self.sin)


class RotaryPositions(Layer):
    """Turns queries and keys by their step; see `rotary`. Angles are t · base^(-2i/K) for i = 0 … K/2 - 1.

    Args:
        max_length: steps that are kept ready; longer inputs make the table longer.
        head_width: K, even.
        base: how slowly the slowest plane turns.
        pairing: halves (GPT-NeoX, Llama) or neighbours (the paper, GPT-J).
        scaling: how angles change beyond the trained length (`positions_rotary_scaling.py`); None leaves them.

    Raises: RecipeError for an odd head width.
    """

    def __init__(
        self,
        max_length: int,
        head_width: int,
        base: float = 10_000.0,
        pairing: Literal["halves", "neighbours"] = "halves",
        scaling: RotaryScaling | None = None,
    ) -> None:
        super().__init__()
        if head_width % 2:
            raise RecipeError(f"rotary positions need an even head width, got {head_width}", where="RotaryPositions")
        self.max_length, self.head_width, self.base = max_length, head_width, base
        self.scaling = scaling
        self.rotate = current("rotary" if pairing == "halves" else "rotary_neighbours")
        self._tables: dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor]] = {}

    def tables(self, steps: int, like: Tensor) -> tuple[Float[Tensor, "T P"], Float[Tensor, "T P"]]:
        """cos and sin of every angle, (steps, K/2), made once and kept in the dtype that asks."""
        if traced() or self._stretched(steps):
            cos, sin = self._made(steps, like)
            return cos, sin
        key = (like.dtype, like.device)
        if key not in self._tables or len(self._tables[key][0]) < steps:
            with torch.inference_mode(False):  # what is made in inference mode can never take part in training
                self._tables[key] = self._made(max(steps, self._ready()), like)
        cos, sin = self._tables[key]
        return cos[:steps], sin[:steps]

    def _stretched(self, steps: int) -> bool:
        scaling = self.scaling
        return scaling is not None and scaling.depends_on_length and steps > scaling.trained_length

    def _ready(self) -> int:
        if self.scaling is not None and self.scaling.depends_on_length:
            return min(self.max_length, self.scaling.trained_length)
        return self.max_length

    def _made(self, steps: int, like: Tensor) -> tuple[Tensor, Tensor]:
        # In float64 for float64; else in float32, as the models were trained whose weights are read: at step 10,000
        # of a head of 64 the two give angles up to 3e-4 apart.
        exact = torch.float64 if like.dtype == torch.float64 else torch.float32
        speeds = 1.0 / self.base ** (torch.arange(0, self.head_width, 2, dtype=exact) / self.head_width)
        size = 1.0
        if self.scaling is not None:
            speeds, size = self.scaling.speeds(speeds, self.base, steps)
        angles = torch.arange(steps, dtype=exact)[:, None] * speeds
        cos, sin = angles.cos() * size, angles.sin() * size
        return cos.to(like.dtype).to(like.device), sin.to(like.dtype).to(like.device)

    def at(self, like: Tensor, start: int, steps: int, places: Int[Tensor, "B T"] | None = None) -> Turn:
        """The rotation of `steps` steps from `start` on, or of the given places, in the dtype of `like`."""
        if places is None:
            cos, sin = self.tables(start + steps, like)
            return Turn(self.rotate, cos[start:], sin[start:])
        cos, sin = self.tables(start + steps, like)
        return Turn(self.rotate, cos[places][:, None], sin[places][:, None])  # (B, 1, T, K/2)

    def forward(
        self, x: Float[Tensor, "B H T K"], start: int = 0, places: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B H T K"]:
        """`start`: the step of the first vector, where earlier ones are in a cache; `places`: of each vector, below
        start + T."""
        require_width("RotaryPositions", x, self.head_width, rank=4)
        if places is not None and places.shape != (x.shape[0], x.shape[2]):
            raise ShapeError(f"places must be {(x.shape[0], x.shape[2])}, got {tuple(places.shape)}")
        return self.at(x, start, x.shape[2], places)(x)

    def extra_repr(self) -> str:
        return f"{self.head_width}, base={self.base:g}"
