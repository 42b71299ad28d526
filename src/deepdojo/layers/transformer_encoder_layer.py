"""One layer of a Transformer's encoder. Dimensions: B batch, T time, D width, F width of the feed-forward part."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.activations import activation as _activation
from deepdojo.layers.attention_multi_head import MultiHeadAttention
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer
from deepdojo.layers.layer_normalisation import LayerNorm

__all__ = ["EncoderLayer"]


class EncoderLayer(Layer):
    """Self-attention mixes the steps, then a feed-forward part thinks about each; both add to what comes in.

    norm_first:      x = x + attention(norm1(x));  x = x + feed_forward(norm2(x))      (steadier without warm-up)
    else (the paper): x = norm1(x + attention(x));  x = norm2(x + feed_forward(x))
    feed_forward(x) = W_2 f(W_1 x + b_1) + b_2.

    Args:
        d_model: D.
        nhead: heads, must divide D.
        dim_feedforward: F, commonly 4·D.
        dropout: share silenced after each part and inside the feed-forward part, in training.
        activation: f.
        norm_first: whether normalisation comes before each part.
        eps: of the normalisations.

    Parameter names are torch.nn.TransformerEncoderLayer's, so its state dict loads. Deviation: no dropout on the
    attention weights themselves, so that the fused kernel serves training too.
    Cost: B·T·(8·D² + 4·D·F) operations in the matrices and 4·B·T²·D in attention, which is the larger part where T is
    above 2·D + F.
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
        self.self_attn = MultiHeadAttention(d_model, nhead)
        self.linear1, self.linear2 = Linear(d_model, dim_feedforward), Linear(dim_feedforward, d_model)
        self.norm1, self.norm2 = LayerNorm(d_model, eps), LayerNorm(d_model, eps)
        self.dropout, self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout), Dropout(dropout)
        self.bend = _activation(activation)

    def forward(self, x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B T D"]:
        if self.norm_first:
            x = x + self.dropout1(self.self_attn(self.norm1(x), keep=keep))
            return x + self.dropout2(self._feed_forward(self.norm2(x)))
        x = self.norm1(x + self.dropout1(self.self_attn(x, keep=keep)))
        return self.norm2(x + self.dropout2(self._feed_forward(x)))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.bend(self.linear1(x))))
