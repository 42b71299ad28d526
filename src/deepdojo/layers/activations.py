"""Activations: the bend between two linear layers, applied to each number alone; and softmax, to a row of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.errors import UnknownNameError
from deepdojo.layers.hook import current

__all__ = [
    "ACTIVATIONS",
    "activation",
    "gelu",
    "gelu_reference",
    "gelu_tanh",
    "gelu_tanh_reference",
    "relu",
    "relu_squared",
    "silu",
    "softmax",
    "softmax_reference",
    "tanh",
]

ACTIVATIONS = ("gelu", "gelu_tanh", "relu", "relu_squared", "silu", "tanh")


def relu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Rectifier, max(x, 0); its gradient at 0 is 0. Source: Nair & Hinton 2010."""
    return F.relu(x)


def relu_squared(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """max(x, 0)². Source: So et al. 2021 (Primer)."""
    return F.relu(x).square()


def gelu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Gaussian error linear unit, x · Phi(x), exact. Source: Hendrycks & Gimpel 2016."""
    return F.gelu(x)


def gelu_reference(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """`gelu` in plain algebra: x/2 · (1 + erf(x / √2))."""
    return x / 2 * (1 + torch.erf(x / math.sqrt(2)))


def gelu_tanh(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """GELU by a tanh, up to 5e-4 from the exact one: what GPT-2 was trained with. Source: Hendrycks & Gimpel 2016."""
    return F.gelu(x, approximate="tanh")


def gelu_tanh_reference(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """`gelu_tanh` in plain algebra: x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))."""
    return x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Sigmoid-weighted linear unit, x / (1 + exp(-x)). Source: Elfwing et al. 2017."""
    return F.silu(x)


def tanh(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Hyperbolic tangent, (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return torch.tanh(x)


def softmax(x: Float[Tensor, "*B"], dim: int = -1) -> Float[Tensor, "*B"]:
    """p_i = exp(x_i) / sum_j exp(x_j) along `dim`. The largest number is subtracted first, so nothing overflows."""
    return torch.softmax(x, dim)


def softmax_reference(x: Float[Tensor, "*B"], dim: int = -1) -> Float[Tensor, "*B"]:
    """`softmax` in plain algebra."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The activation called `name`, to be taken while a layer is being constructed. Raises UnknownNameError."""
    if name not in ACTIVATIONS:
        raise UnknownNameError("activation", name, ACTIVATIONS)
    return current(name)
