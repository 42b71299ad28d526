"""Layer normalisation. Dimensions: D width, `*B` any leading axes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import require_width

__all__ = ["LayerNorm", "layer_norm", "layer_norm_reference"]


def layer_norm(
    x: Float[Tensor, "*B D"], weight: Float[Tensor, " D"], bias: Float[Tensor, " D"], eps: float = 1e-5
) -> Float[Tensor, "*B D"]:
    """y = (x - mean) / √(var + eps) · weight + bias, over the last axis of each row alone (var divides by D).

    Source: Ba, Kiros & Hinton 2016.
    """
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def layer_norm_reference(
    x: Float[Tensor, "*B D"], weight: Float[Tensor, " D"], bias: Float[Tensor, " D"], eps: float = 1e-5
) -> Float[Tensor, "*B D"]:
    """`layer_norm` in plain algebra."""
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + eps) * weight + bias


class LayerNorm(Layer):
    """Layer normalisation over the last axis; see `layer_norm`. The same in training and evaluation.

    Args:
        normalized_shape: D.
        eps: added to the variance; keeps a constant row finite.

    Initialisation: weight 1, bias 0.
    """

    def __init__(self, normalized_shape: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.width, self.eps = normalized_shape, eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))
        self.normalise = current("layer_norm")

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.weight.fill_(1)
            self.bias.zero_()

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        require_width("LayerNorm", x, self.width)
        return self.normalise(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.width}"
