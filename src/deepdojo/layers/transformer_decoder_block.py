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
    """Attention that looks back alone, then a feed-forward part for each step; both add to what comes in.

    norm_first:           x = x + attention(norm1(x));  x = x + feed_forward(norm2(x))      (GPT-2, Llama)
    else (GPT, the paper): x = norm1(x + attention(x));  x = norm2(x + feed_forward(x))

    Args:
        width: D.
        attention: CausalSelfAttention (GPT-2) or GroupedQueryAttention (Llama, Qwen).
        feed_forward: FeedForward or GatedFeedForward.
        norm: layer (Ba et al. 2016) or rms (Zhang & Sennrich 2019).
        eps: of the normalisation; 0 takes 1e-5 (layer) or 1e-6 (rms).
        dropout: share silenced after each part, in training.
        norm_first: whether normalisation comes before each part.

    Cost: that of the attention and of the feed-forward part; the rest is one pass over the states each.
    Source: Radford et al. 2018 (normalisation last), 2019, section 2.3 (first); Touvron et al. 2023.
    """

    def __init__(
        self,
        width: int,
        attention: nn.Module,
        feed_forward: nn.Module,
        norm: str = "layer",
        eps: float = 0.0,
        dropout: float = 0.0,
        norm_first: bool = True,
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.norm1, self.norm2 = decoder_norm(norm, width, eps), decoder_norm(norm, width, eps)
        self.attention, self.feed_forward = attention, feed_forward
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)

    def forward(self, x: Float[Tensor, "B T D"], **context: Any) -> Float[Tensor, "B T D"]:
        """`context`: what the attention takes beside its input (turn, cache, keep, bias)."""
        if not self.norm_first:
            x = self.norm1(x + self.dropout1(self.attention(x, **context)))
            return self.norm2(x + self.dropout2(self.feed_forward(x)))
        x = x + self.dropout1(self.attention(self.norm1(x), **context))
        return x + self.dropout2(self.feed_forward(self.norm2(x)))


def decoder_norm(norm: str, width: int, eps: float) -> nn.Module:
    """The normalisation called `norm`: layer or rms."""
    return LayerNorm(width, eps or 1e-5) if norm == "layer" else RMSNorm(width, eps or 1e-6)
