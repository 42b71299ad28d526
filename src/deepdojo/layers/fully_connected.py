"""The fully connected layer. Dimensions: I input width, O output width, `*B` any leading axes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import require_width

__all__ = ["Linear", "linear", "linear_reference"]


def linear(
    x: Float[Tensor, "*B I"], weight: Float[Tensor, "O I"], bias: Float[Tensor, " O"] | None = None
) -> Float[Tensor, "*B O"]:
    """y = W x + b, row by row. Cost: 2·I·O operations a row. Source: Rosenblatt 1958."""
    return F.linear(x, weight, bias)


def linear_reference(
    x: Float[Tensor, "*B I"], weight: Float[Tensor, "O I"], bias: Float[Tensor, " O"] | None = None
) -> Float[Tensor, "*B O"]:
    """`linear` in plain algebra: y_o = sum_i W_oi x_i + b_o."""
    y = (x.unsqueeze(-2) * weight).sum(-1)
    return y if bias is None else y + bias


class Linear(Layer):
    """Fully connected layer, y = W x + b; see `linear`.

    Args:
        in_features: input width I; 0 leaves the bias alone.
        out_features: output width O.
        bias: whether b is there.
        max_norm: when given, each row of W is scaled down to this Euclidean length before use (Kim 2014 takes 3). In
            training W itself is projected, so that a step never starts from outside the ball.

    Initialisation: W and b uniform in ±1/√I, drawn in torch's order, so equal seeds give torch's numbers.
    Raises: ShapeError when the last axis of the input is not I.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, max_norm: float | None = None) -> None:
        super().__init__()
        self.in_features, self.out_features, self.max_norm = in_features, out_features, max_norm
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features)) if bias else None
        self.apply_linear = current("linear")
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(max(self.in_features, 1))
        with torch.no_grad():
            for parameter in (self.weight, self.bias):
                if parameter is not None:
                    parameter.uniform_(-bound, bound)

    def forward(self, x: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        require_width("Linear", x, self.in_features)
        return self.apply_linear(x, self._weight(), self.bias)

    def _weight(self) -> Tensor:
        if self.max_norm is None:
            return self.weight
        if self.training:
            with torch.no_grad():
                self.weight.copy_(torch.renorm(self.weight, 2, 0, self.max_norm))
            return self.weight
        return torch.renorm(self.weight, 2, 0, self.max_norm)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"
