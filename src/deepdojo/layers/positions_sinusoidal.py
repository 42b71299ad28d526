"""Positions as waves. Dimensions: T time, D width."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import require_width

__all__ = ["SinusoidalPositions", "sinusoidal_positions"]


def sinusoidal_positions(T: int, D: int, base: float = 10000.0) -> Float[Tensor, "T D"]:
    """p[t, 2i] = sin(t / base^(2i/D)), p[t, 2i+1] = cos(the same): each pair of columns is a clock of its own speed.

    Source: Vaswani et al. 2017, section 3.5. Numerics: angles in float64, for t / base^… is large and its sine is not.
    """
    pairs = torch.arange(0, D, 2, dtype=torch.float64, device="cpu")
    angles = torch.arange(T, dtype=torch.float64, device="cpu")[:, None] * base ** (-pairs / D)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :D].to(torch.get_default_dtype())


class SinusoidalPositions(Layer):
    """Adds `sinusoidal_positions` to the input; any length.

    Args:
        width: D.
        base: the slowest clock turns once in 2π·base steps.
    """

    def __init__(self, width: int, base: float = 10000.0) -> None:
        super().__init__()
        self.width, self.base = width, base
        self.make_table = current("sinusoidal_positions")
        self.table: Tensor
        # Not in the state dict: it follows from width and base, and grows when a longer input comes.
        self.register_buffer("table", self.make_table(256, width, base), persistent=False)

    def forward(self, x: Float[Tensor, "B T D"], start: int = 0) -> Float[Tensor, "B T D"]:
        """`start`: the step of the first vector, where earlier ones are in a cache."""
        require_width("SinusoidalPositions", x, self.width, rank=3)
        end = start + x.shape[1]
        if len(self.table) < end:
            with torch.inference_mode(False):  # what is made in inference mode can never take part in training
                self.table = self.make_table(2 * end, self.width, self.base)
        if self.table.dtype != x.dtype or self.table.device != x.device:
            self.table = self.table.to(x)
        return x + self.table[start:end]
