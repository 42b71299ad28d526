"""Root-mean-square normalisation. Dimensions: D width, `*B` any leading axes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import require_width

__all__ = ["RMSNorm", "rms_norm", "rms_norm_reference"]


def rms_norm(x: Float[Tensor, "*B D"], weight: Float[Tensor, " D"], eps: float = 1e-6) -> Float[Tensor, "*B D"]:
    """y = x / √(mean(x²) + eps) · weight, over the last axis: layer normalisation without the mean and the bias.

    Source: Zhang & Sennrich 2019.
    """
    return F.rms_norm(x, x.shape[-1:], weight, eps)


def rms_norm_reference(
    x: Float[Tensor, "*B D"], weight: Float[Tensor, " D"], eps: float = 1e-6
) -> Float[Tensor, "*B D"]:
    """`rms_norm` in plain algebra."""
    return x / torch.sqrt((x**2).mean(-1, keepdim=True) + eps) * weight


class RMSNorm(Layer):
    """Root-mean-square normalisation over the last axis; see `rms_norm`. The same in training and evaluation.

    Args:
        width: D.
        eps: added to the mean square; keeps a row of zeros finite.

    Initialisation: weight 1.
    """

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.width, self.eps = width, eps
        self.weight = nn.Parameter(torch.ones(width))
        self.normalise = current("rms_norm")

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        require_width("RMSNorm", x, self.width)
        return self.normalise(x, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.width}"
