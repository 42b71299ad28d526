"""A learned vector for each position. Dimensions: B batch, T time, D width."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.layers.hook import Layer
from deepdojo.layers.shapes import ShapeError, require_width

__all__ = ["LearnedPositions"]


class LearnedPositions(Layer):
    """Adds row t of a learned table to step t.

    Args:
        max_length: longest input, steps.
        width: D.
        std: spread of the initial values, normal around 0.

    Source: Gehring et al. 2017. Raises: ShapeError when an input is longer than the table.
    """

    def __init__(self, max_length: int, width: int, std: float = 0.02) -> None:
        super().__init__()
        self.max_length, self.width, self.std = max_length, width, std
        self.weight = nn.Parameter(torch.empty(max_length, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.weight.normal_(0, self.std)

    def forward(
        self, x: Float[Tensor, "B T D"], start: int = 0, places: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """`start`: the step of the first vector, where earlier ones are in a cache; `places`: of each vector, where
        rows have their own, all below start + T."""
        require_width("LearnedPositions", x, self.width, rank=3)
        end = start + x.shape[1]
        if end > self.max_length:
            raise ShapeError(
                f"an input of {end} steps is longer than the table of {self.max_length} positions",
                todo="raise max_length or cut the input",
            )
        return x + (self.weight[start:end] if places is None else self.weight[places])
