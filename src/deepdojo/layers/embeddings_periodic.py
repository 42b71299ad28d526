"""Numbers as learned waves: what lets a network bend sharply at a value, as a tree's split does.

Dimensions: B batch, F numbers of a row, K frequencies of each, D width of the vector of one number.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.hook import Layer

__all__ = ["PeriodicEmbedding"]


class PeriodicEmbedding(Layer):
    """y_f = relu(W_f [sin(2π c_f x_f), cos(2π c_f x_f)] + b_f) for each number f, its own c_f (K,), W_f (D, 2K), b_f.

    Args:
        numbers: F.
        frequencies: K.
        width: D.
        std: spread of the frequencies at the start, in waves for each unit of x (standardised: 0.1 to 1).

    Initialisation: c normal(0, std), W and b uniform ±1/√(2K).
    Cost: 4·B·F·K·D operations.
    Source: Gorishniy, Rubachev, Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep Learning",
        section 3.3 (PLR).
    """

    def __init__(self, numbers: int, frequencies: int, width: int, std: float = 0.1) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.randn(numbers, frequencies) * std)
        bound = (2 * frequencies) ** -0.5
        self.weight = nn.Parameter(torch.empty(numbers, 2 * frequencies, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(numbers, width).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "B F"]) -> Float[Tensor, "B F D"]:
        angle = 2 * math.pi * x[:, :, None] * self.frequency  # (B, F, K)
        waves = torch.cat([angle.sin(), angle.cos()], -1)
        return torch.relu(torch.einsum("bfk,fkd->bfd", waves, self.weight) + self.bias)
