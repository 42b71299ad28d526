"""A residual block of a gated convolution over time: what the models of speech synthesis are made of.

Dimensions: B batch, T steps, D width.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepdojo.layers.convolution import Conv1d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.layer_normalisation import LayerNorm

__all__ = ["GatedConvolution"]


class GatedConvolution(nn.Module):
    """y = x + dropout(a · sigmoid(b)), with (a, b) = Conv(LayerNorm(x)); padding is zero to the convolution.

    Args:
        width: D.
        kernel: steps that it sees, odd.
        dilation: distance between them.
        dropout: share silenced in training.

    Source: Dauphin et al. 2017, "Language modeling with gated convolutional networks"; with normalisation first.
    """

    def __init__(self, width: int, kernel: int, dilation: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = LayerNorm(width)
        self.conv = Conv1d(width, 2 * width, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.dropout = Dropout(dropout)

    def forward(self, x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        y = self.norm(x).masked_fill(~keep.unsqueeze(-1), 0.0)
        a, b = self.conv(y.transpose(1, 2)).transpose(1, 2).chunk(2, -1)
        return x + self.dropout(a * torch.sigmoid(b))
