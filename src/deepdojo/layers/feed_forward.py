"""The part of a Transformer block that thinks about each step alone. Dimensions: D width, F inner width."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.activations import activation as _activation
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer

__all__ = ["FeedForward", "feed_forward_reference"]


class FeedForward(Layer):
    """W_2 f(W_1 x + b_1) + b_2, the same at every step.

    Args:
        width: D.
        inner: F, commonly 4·D.
        activation: f.
        bias: whether b_1 and b_2 are there.

    Cost: 4·D·F operations a step. Source: Vaswani et al. 2017, section 3.3.
    """

    def __init__(self, width: int, inner: int, activation: str = "gelu", bias: bool = True) -> None:
        super().__init__()
        self.linear1, self.linear2 = Linear(width, inner, bias=bias), Linear(inner, width, bias=bias)
        self.bend = _activation(activation)

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        return self.linear2(self.bend(self.linear1(x)))


def feed_forward_reference(layer: FeedForward, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
    """`layer(x)` in plain algebra: two matrices with a bend between."""
    (w1, b1), (w2, b2) = ((part.weight, part.bias) for part in (layer.linear1, layer.linear2))
    inner = layer.bend(x @ w1.T + (0 if b1 is None else b1))
    return inner @ w2.T + (0 if b2 is None else b2)
