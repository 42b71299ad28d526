"""Multi-head attention. Dimensions: B batch, T queries, S keys, D model width, H heads, K = D / H head width."""

from __future__ import annotations

import math
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.activations import softmax
from deepdojo.layers.attention_dot_product import (
    scaled_dot_product_attention,
    scaled_dot_product_attention_reference,
)
from deepdojo.layers.fully_connected import Linear, linear
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import ShapeError, require_width

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Layer):
    """H attentions side by side, each over its own K-wide projection of queries, keys and values; results are joined.

    out = W_o [head_1; …; head_H], head_h = softmax(W_q^h x_q (W_k^h x_kv)ᵀ / √K) W_v^h x_kv.

    Args:
        embed_dim: D.
        num_heads: H, must divide D.

    Parameter names are torch.nn.MultiheadAttention's (`in_proj_weight` holds W_q, W_k, W_v), so its state dict loads.
    Initialisation as there: in_proj Xavier uniform, biases 0, W_o uniform ±1/√D.
    Source: Vaswani et al. 2017, section 3.2.2.
    Raises: RecipeError when H does not divide D; ShapeError for a wrong width or mask.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise RecipeError(
                f"num_heads = {num_heads} does not divide the width {embed_dim}", where="MultiHeadAttention"
            )
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * embed_dim, embed_dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dim))
        self.out_proj = Linear(embed_dim, embed_dim)
        self.attend = current("scaled_dot_product_attention")
        own_softmax = current("softmax")
        if own_softmax is not softmax and self.attend is scaled_dot_product_attention:
            # The fused kernel has its softmax inside: a learner's takes part only in the plain form.
            self.attend = partial(scaled_dot_product_attention_reference, softmax=own_softmax)
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
    ) -> Float[Tensor, "B T D"]:
        """Queries come from `x`, keys and values from `memory` (None: from `x` itself, self-attention).

        `keep` says which keys may be seen: (B, S) by all queries of a row, or (B, T, S) by each.
        """
        require_width("MultiHeadAttention", x, self.embed_dim, rank=3)
        if memory is None:
            q, k, v = linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
        else:
            require_width("MultiHeadAttention", memory, self.embed_dim, rank=3)
            D = self.embed_dim
            q = linear(x, self.in_proj_weight[:D], self.in_proj_bias[:D])
            k, v = linear(memory, self.in_proj_weight[D:], self.in_proj_bias[D:]).chunk(2, -1)
        heads = self.attend(self._split(q), self._split(k), self._split(v), self._four_axes(keep, x, k))
        return self.out_proj(heads.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (B, H, T, K)

    @staticmethod
    def _four_axes(keep: Tensor | None, x: Tensor, k: Tensor) -> Tensor | None:
        if keep is None:
            return None
        B, T, S = x.shape[0], x.shape[1], k.shape[1]
        if keep.dtype != torch.bool or keep.shape not in ((B, S), (B, T, S)):
            raise ShapeError(f"keep must be bool {(B, S)} or {(B, T, S)}, got {keep.dtype} {tuple(keep.shape)}")
        return keep[:, None, None] if keep.dim() == 2 else keep[:, None]

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, heads={self.num_heads}"
