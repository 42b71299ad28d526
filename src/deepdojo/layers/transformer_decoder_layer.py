"""One layer of the decoder of an encoder–decoder. Dimensions: B batch, T target, S source, D width."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.activations import activation as _activation
from deepdojo.layers.attention_multi_head import MultiHeadAttention
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.layer_normalisation import LayerNorm

__all__ = ["DecoderLayer"]


class DecoderLayer(Layer):
    """Self-attention that looks back alone, cross-attention to the source, then a feed-forward part for each step.

    norm_first:      x = x + self(norm1(x));  x = x + cross(norm2(x), memory);  x = x + feed_forward(norm3(x))
    else (the paper): x = norm1(x + self(x));  x = norm2(x + cross(x, memory));  x = norm3(x + feed_forward(x))

    Args:
        d_model: D.
        nhead: heads, must divide D.
        dim_feedforward: inner width, commonly 4·D.
        dropout: share silenced after each part and inside the feed-forward part, in training.
        activation: f of W_2 f(W_1 x + b_1) + b_2.
        norm_first: whether normalisation comes before each part.
        eps: of the normalisations.

    Parameter names are torch.nn.TransformerDecoderLayer's, so its state dict loads. Deviation: no dropout on the
    attention weights themselves, so that the fused kernel serves training too.
    Cost, with F the inner width: B·T·(12·D² + 4·D·F) + 4·B·S·D² operations in the matrices, 4·B·T·(T + S)·D in
    attention (about half of its T² where what lies ahead is skipped).
    Source: Vaswani et al. 2017, section 3.1; norm first: Xiong et al. 2020.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = True,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.self_attn = MultiHeadAttention(d_model, nhead, causal=True)
        self.multihead_attn = MultiHeadAttention(d_model, nhead)
        self.linear1, self.linear2 = Linear(d_model, dim_feedforward), Linear(dim_feedforward, d_model)
        self.norm1, self.norm2, self.norm3 = (LayerNorm(d_model, eps) for _ in range(3))
        self.dropout, self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout) for _ in range(4))
        self.bend = _activation(activation)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        memory: Float[Tensor, "B S D"],
        memory_keep: Bool[Tensor, "B S"] | None = None,
        keep: Bool[Tensor, "B T2"] | None = None,
        caches: tuple[KeyValues, KeyValues] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """The target's steps after the source is known.

        Args:
            memory: the encoder's states.
            memory_keep: which of them are real.
            keep: which steps of the target are real, cached ones included; padding at the end needs none.
            caches: for the target's own keys and values and for the memory's.
        """
        own, cross = caches if caches is not None else (None, None)
        if self.norm_first:
            x = x + self.dropout1(self.self_attn(self.norm1(x), keep=keep, cache=own))
            x = x + self.dropout2(self.multihead_attn(self.norm2(x), memory, memory_keep, cache=cross))
            return x + self.dropout3(self._feed_forward(self.norm3(x)))
        x = self.norm1(x + self.dropout1(self.self_attn(x, keep=keep, cache=own)))
        x = self.norm2(x + self.dropout2(self.multihead_attn(x, memory, memory_keep, cache=cross)))
        return self.norm3(x + self.dropout3(self._feed_forward(x)))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.bend(self.linear1(x))))
