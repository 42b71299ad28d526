"""Attention that looks back alone. Dimensions: B batch, T queries, S keys, D model width, H heads, K = D / H."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.activations import softmax as _softmax
from deepdojo.layers.attention_dot_product import scaled_dot_product_attention
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.positions_rotary import Turn
from deepdojo.layers.shapes import ShapeError, require_heads, require_mask, require_queries, require_width

__all__ = [
    "CausalSelfAttention",
    "causal_attention",
    "causal_attention_reference",
    "current_causal_attention",
    "looking_back",
]


def causal_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S K"],
    keep: Bool[Tensor, "B S"] | None = None,
) -> Float[Tensor, "B H T K"]:
    """softmax(q kᵀ / √K) v over the keys up to each query's own step; the queries are the last T of the S steps.

    Args:
        keep: True = a real step. A query that may see nothing gets zeros and passes no gradient.

    Numerics and cost: torch's fused kernel, which leaves out what lies ahead: about 2·B·H·T·S·K operations, memory
    linear in T and S; with `keep` or a cache of T > 1 steps it is given a mask of T·S booleans.
    Source: Vaswani et al. 2017, section 3.2.3 (the mask of the decoder).
    Raises: ShapeError when there are more queries than keys, or for a mask of another shape.
    """
    require_queries("causal attention", q, k, v)
    T, S = q.shape[2], k.shape[2]
    if T > S:
        raise ShapeError(f"causal attention needs a key for every query, got {T} queries and {S} keys")
    if keep is None and T == S:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True) if T else torch.zeros_like(q)
    if keep is None and T == 1:
        return F.scaled_dot_product_attention(q, k, v)
    if keep is not None:
        require_mask("causal attention", keep, (q.shape[0], S))
    return scaled_dot_product_attention(q, k, v, looking_back(T, S, q.device, keep))


def looking_back(T: int, S: int, device: torch.device, keep: Tensor | None = None) -> Bool[Tensor, "B 1 T S"]:
    """What each of the last T of S steps may see: itself and what came before, where `keep` (B, S) has a real step."""
    back = torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)[None, None]
    return back if keep is None else back & keep[:, None, None]


def causal_attention_reference(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S K"],
    keep: Bool[Tensor, "B S"] | None = None,
    softmax: Callable[[Tensor, int], Tensor] = _softmax,
) -> Float[Tensor, "B H T K"]:
    """`causal_attention` in plain algebra; `softmax` may be another's."""
    T, S = q.shape[2], k.shape[2]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, T, S)
    hidden = (torch.arange(S)[None, :] > torch.arange(S - T, S)[:, None]).to(q.device)
    if keep is not None:
        hidden = hidden | ~keep[:, None, None]
    blind = hidden.all(-1, keepdim=True)
    weights = softmax(scores.masked_fill(hidden & ~blind, -torch.inf), -1)
    return (weights @ v).masked_fill(blind, 0.0)


def current_causal_attention() -> Callable[..., Tensor]:
    """The causal attention to be taken while a layer is constructed: a learner's softmax takes part in the plain form
    alone, for the fused kernel has its own inside."""
    attend = current("causal_attention")
    if attend is not causal_attention:
        return attend
    softmax = current("softmax")
    if softmax is _softmax:
        return attend
    return partial(causal_attention_reference, softmax=softmax)


class CausalSelfAttention(Layer):
    """H attentions side by side in which each step sees itself and what came before; results are joined.

    Args:
        embed_dim: D.
        num_heads: H, must divide D.
        bias: whether both projections have one.

    Initialisation: that of Linear; models draw their own.
    Source: Radford et al. 2018, 2019 (GPT); rotary positions: Su et al. 2021.
    Raises: RecipeError when H does not divide D.
    """

    def __init__(self, embed_dim: int, num_heads: int, bias: bool = True) -> None:
        super().__init__()
        require_heads("CausalSelfAttention", embed_dim, num_heads)
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.in_proj = Linear(embed_dim, 3 * embed_dim, bias=bias)
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias)
        self.attend = current_causal_attention()

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        turn: Turn | None = None,
        cache: KeyValues | None = None,
        keep: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """With `cache`, `x` are the steps after those in it, and they are put into it.

        Args:
            turn: rotates queries and keys by their places (`RotaryPositions.at`).
            cache: what came before.
            keep: True = a real step, of all steps so far, cached and new.
        """
        require_width("CausalSelfAttention", x, self.embed_dim, rank=3)
        heads = self.in_proj(x).unflatten(-1, (3 * self.num_heads, -1)).transpose(1, 2)  # (B, 3H, T, K)
        H = self.num_heads
        if turn is None:
            q, k, v = heads.chunk(3, 1)
        else:
            q, k = turn(heads[:, : 2 * H]).chunk(2, 1)
            v = heads[:, 2 * H :]
        if cache is not None:
            k, v = cache.extended(k, v)
        return self.out_proj(self.attend(q, k, v, keep).transpose(1, 2).flatten(2))

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, heads={self.num_heads}"
