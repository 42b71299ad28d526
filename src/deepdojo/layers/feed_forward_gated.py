"""The gated feed-forward part (SwiGLU with f = silu). Dimensions: D width, F inner width."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.activations import activation as _activation
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer, current

__all__ = ["GatedFeedForward", "swiglu", "swiglu_reference"]


def swiglu(gate: Float[Tensor, "*B F"], value: Float[Tensor, "*B F"]) -> Float[Tensor, "*B F"]:
    """silu(gate) · value: a gate that also bends. Source: Shazeer 2020, "GLU variants improve Transformer"."""
    return F.silu(gate) * value


def swiglu_reference(gate: Float[Tensor, "*B F"], value: Float[Tensor, "*B F"]) -> Float[Tensor, "*B F"]:
    """`swiglu` in plain algebra: gate · value / (1 + exp(-gate))."""
    return gate * value / (1 + torch.exp(-gate))


class GatedFeedForward(Layer):
    """W_3 (f(W_1 x) · W_2 x), the same at every step; f = silu is SwiGLU, f = gelu GEGLU.

    Args:
        width: D.
        inner: F; 8/3·D has as many parameters as a plain feed-forward part of 4·D.
        activation: f.
        bias: whether the linear layers have one.

    W_1 and W_2 lie in one matrix (`linear1`, gate first), so that one product serves both.
    Cost: 6·D·F operations a step. Source: Shazeer 2020; Touvron et al. 2023 (Llama).
    """

    def __init__(self, width: int, inner: int, activation: str = "silu", bias: bool = False) -> None:
        super().__init__()
        self.linear1, self.linear2 = Linear(width, 2 * inner, bias=bias), Linear(inner, width, bias=bias)
        self.gate = current("swiglu") if activation == "silu" else _gated_by(_activation(activation))

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        gate, value = self.linear1(x).chunk(2, -1)
        return self.linear2(self.gate(gate, value))


def _gated_by(bend: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda gate, value: bend(gate) * value
