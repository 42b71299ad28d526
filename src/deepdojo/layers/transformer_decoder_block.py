"""One block of a decoder that generates. Dimensions: B batch, T new steps, S steps so far, D width."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.hook import Layer
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.layers.rms_normalisation import RMSNorm

__all__ = ["DecoderBlock"]


class DecoderBlock(Layer):
    """x = x + attention(norm1(x)), which looks back alone; x = x + feed_forward(norm2(x)).

    Args:
        width: D.
        attention: CausalSelfAttention (GPT-2) or GroupedQueryAttention (Llama, Qwen).
        feed_forward: FeedForward or GatedFeedForward.
        norm: layer (Ba et al. 2016) or rms (Zhang & Sennrich 2019).
        eps: of the normalisation; 0 takes 1e-5 (layer) or 1e-6 (rms).
        dropout: share silenced after each part, in training.

    Source: Radford et al. 2019, section 2.3 (normalisation first); Touvron et al. 2023.
    """

    def __init__(
        self,
        width: int,
        attention: nn.Module,
        feed_forward: nn.Module,
        norm: str = "layer",
        eps: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = decoder_norm(norm, width, eps), decoder_norm(norm, width, eps)
        self.attention, self.feed_forward = attention, feed_forward
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)

    def forward(self, x: Float[Tensor, "B T D"], **context: Any) -> Float[Tensor, "B T D"]:
        """`context`: what the attention takes beside its input (turn, cache, keep, bias)."""
        x = x + self.dropout1(self.attention(self.norm1(x), **context))
        return x + self.dropout2(self.feed_forward(self.norm2(x)))


def decoder_norm(norm: str, width: int, eps: float) -> nn.Module:
    """The normalisation called `norm`: layer or rms."""
    return LayerNorm(width, eps or 1e-5) if norm == "layer" else RMSNorm(width, eps or 1e-6)
