"""One block of a decoder that generates. Dimensions: B batch, T time, D width, F width of the feed-forward part."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.activations import activation as _activation
from deepdojo.layers.attention_causal import CausalSelfAttention, KeyValues
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.layers.rms_normalisation import RMSNorm

__all__ = ["DecoderBlock"]


class DecoderBlock(Layer):
    """x = x + attention(norm1(x)), which looks back alone; x = x + W_2 f(W_1 norm2(x)).

    Args:
        d_model: D.
        nhead: heads, must divide D.
        dim_feedforward: F, commonly 4·D.
        dropout: share silenced after each part, in training.
        activation: f.
        norm: layer (Ba et al. 2016) or rms (Zhang & Sennrich 2019).
        bias: whether the linear layers have one.
        rotary: as in CausalSelfAttention.

    Source: Radford et al. 2019, section 2.3 (normalisation first).
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float = 0.0,
        activation: str = "gelu",
        norm: str = "layer",
        bias: bool = True,
        rotary: int = 0,
    ) -> None:
        super().__init__()
        normalisation = LayerNorm if norm == "layer" else RMSNorm
        self.norm1, self.norm2 = normalisation(d_model), normalisation(d_model)
        self.attention = CausalSelfAttention(d_model, nhead, bias=bias, rotary=rotary)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.bend = _activation(activation)

    def forward(self, x: Float[Tensor, "B T D"], cache: KeyValues | None = None) -> Float[Tensor, "B T D"]:
        x = x + self.dropout1(self.attention(self.norm1(x), cache))
        return x + self.dropout2(self.linear2(self.bend(self.linear1(self.norm2(x)))))
