"""Positions as waves. Dimensions: T time, D width."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import require_width
from deepdojo.layers.tracing import traced

__all__ = ["SinusoidalPositions", "sinusoidal_positions", "sinusoidal_positions_reference"]


def sinusoidal_positions(T: int, D: int, base: float = 10000.0) -> Float[Tensor, "T D"]:
    """p[t, 2i] = sin(t / base^(2i/D)), p[t, 2i+1] = cos(the same): each pair of columns is a clock of its own speed.

    Returns: float64, which the layer rounds to what its input has. Numerics: t / base^… is large and its sine is not.
    Cost: T·D sines and cosines, once for all batches: the layer keeps its table.
    Source: Vaswani et al. 2017, section 3.5.
    """
    pairs = torch.arange(0, D, 2, dtype=torch.float64, device="cpu")
    angles = torch.arange(T, dtype=torch.float64, device="cpu")[:, None] * base ** (-pairs / D)
    # onnxruntime below 1.25 has a sine in float64 and no cosine.
    cosines = (angles + math.pi / 2).sin() if traced() else angles.cos()
    return torch.stack([angles.sin(), cosines], -1).flatten(1)[:, :D]


def sinusoidal_positions_reference(T: int, D: int, base: float = 10000.0) -> Float[Tensor, "T D"]:
    """`sinusoidal_positions`, number by number."""
    angles = [[t / base ** (2 * (d // 2) / D) for d in range(D)] for t in range(T)]
    waves = [[(math.cos if d % 2 else math.sin)(angle) for d, angle in enumerate(row)] for row in angles]
    return torch.tensor(waves, dtype=torch.float64, device="cpu").reshape(T, D)


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
        # Not a buffer: it follows from width and base, and a cast of the model would round it twice.
        self._tables: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def table(self, steps: int, like: Tensor) -> Float[Tensor, "T D"]:
        """The first `steps` rows in the dtype and on the device of `like`; made twice as long as asked, and kept."""
        if traced():
            return self.make_table(steps, self.width, self.base).to(like.dtype).to(like.device)
        key = (like.dtype, like.device)
        if key not in self._tables or len(self._tables[key]) < steps:
            with torch.inference_mode(False):  # what is made in inference mode can never take part in training
                table = self.make_table(max(256, 2 * steps), self.width, self.base)
                self._tables[key] = table.to(like.dtype).to(like.device)
        return self._tables[key][:steps]

    def forward(self, x: Float[Tensor, "B T D"], start: int = 0) -> Float[Tensor, "B T D"]:
        """`start`: the step of the first vector, where earlier ones are in a cache."""
        require_width("SinusoidalPositions", x, self.width, rank=3)
        return x + self.table(start + x.shape[1], x)[start:]
