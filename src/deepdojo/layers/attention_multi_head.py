"""Multi-head attention. Dimensions: B batch, T queries, S keys, D model width, H heads, K = D / H head width."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepdojo.layers.activations import softmax
from deepdojo.layers.attention_causal import current_causal_attention
from deepdojo.layers.attention_dot_product import (
    scaled_dot_product_attention,
    scaled_dot_product_attention_reference,
)
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.shapes import ShapeError, require_heads, require_mask, require_width

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Layer):
    """H attentions side by side, each over its own K-wide projection of queries, keys and values; results are joined.

    out = W_o [head_1; …; head_H], head_h = softmax(W_q^h x_q (W_k^h x_kv)ᵀ / √K) W_v^h x_kv.

    Args:
        embed_dim: D.
        num_heads: H, must divide D.
        causal: each step sees itself and what came before; self-attention alone.

    Cost: 8·B·T·D² operations for the projections and 4·B·T·S·D for the scores and means.
    Parameter names are torch.nn.MultiheadAttention's (`in_proj_weight` holds W_q, W_k, W_v), so its state dict loads.
    Initialisation as there: in_proj Xavier uniform, biases 0, W_o uniform ±1/√D.
    Source: Vaswani et al. 2017, section 3.2.2.
    Raises: RecipeError when H does not divide D; ShapeError for a wrong width or mask.
    """

    def __init__(self, embed_dim: int, num_heads: int, causal: bool = False) -> None:
        super().__init__()
        require_heads("MultiHeadAttention", embed_dim, num_heads)
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * embed_dim, embed_dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dim))
        self.out_proj = Linear(embed_dim, embed_dim)
        self.causal, self.apply_linear = causal, current("linear")
        self.attend = current_causal_attention() if causal else _current_attention()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = math.sqrt(6 / (4 * self.embed_dim))  # Xavier for the whole (3D, D) matrix
        with torch.no_grad():
            self.in_proj_weight.uniform_(-bound, bound)
            self.in_proj_bias.zero_()
            if isinstance(self.out_proj.bias, Tensor):
                self.out_proj.bias.zero_()

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        memory: Float[Tensor, "B S D"] | None = None,
        keep: Bool[Tensor, "B S"] | Bool[Tensor, "B T S"] | None = None,
        cache: KeyValues | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Self-attention over `x`, or cross-attention: queries from `x`, keys and values from `memory`.

        Args:
            keep: which keys may be seen: (B, S) by all queries of a row, or (B, T, S) by each.
            cache: self-attention puts its keys and values behind those in it; cross-attention fills an empty one with
                those of the memory and later takes them from there, so that each step projects its queries alone.
        """
        require_width("MultiHeadAttention", x, self.embed_dim, rank=3)
        if memory is None:
            q, k, v = map(self._split, self.apply_linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, -1))
            k, v = (k, v) if cache is None else cache.extended(k, v)
        else:
            require_width("MultiHeadAttention", memory, self.embed_dim, rank=3)
            if self.causal:
                raise ShapeError("a causal MultiHeadAttention looks back at its own steps and takes no memory")
            if len(memory) != len(x):
                raise ShapeError(f"MultiHeadAttention: memory has {len(memory)} rows and x has {len(x)}")
            D = self.embed_dim
            q = self._split(self.apply_linear(x, self.in_proj_weight[:D], self.in_proj_bias[:D]))
            k, v = self._of_memory(memory) if cache is None or not cache.length else cache.held()
            if cache is not None and not cache.length:
                cache.extended(k, v)
        if self.causal:
            if keep is not None:
                require_mask("MultiHeadAttention", keep, (x.shape[0], k.shape[2]))
            heads = self.attend(q, k, v, keep)
        else:
            heads = self.attend(q, k, v, self._four_axes(keep, q, k))
        return self.out_proj(heads.transpose(1, 2).flatten(2))

    def _of_memory(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        D = self.embed_dim
        k, v = self.apply_linear(memory, self.in_proj_weight[D:], self.in_proj_bias[D:]).chunk(2, -1)
        return self._split(k), self._split(v)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (B, H, T, K)

    @staticmethod
    def _four_axes(keep: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
        if keep is None:
            return None
        B, T, S = q.shape[0], q.shape[2], k.shape[2]
        require_mask("MultiHeadAttention", keep, (B, S), (B, T, S))
        return keep[:, None, None] if keep.dim() == 2 else keep[:, None]

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, heads={self.num_heads}"


def _current_attention() -> Callable[..., Tensor]:
    """The attention to be taken while a layer is constructed: a learner's softmax takes part in the plain form alone,
    for the fused kernel has its own inside."""
    attend = current("scaled_dot_product_attention")
    if attend is not scaled_dot_product_attention:
        return attend
    own_softmax = current("softmax")
    if own_softmax is softmax:
        return attend
    return partial(scaled_dot_product_attention_reference, softmax=own_softmax)
