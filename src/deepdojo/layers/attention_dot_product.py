"""Dot-product attention, scaled and bare. Dimensions: B batch, H heads, T queries, S keys, K head width, W value width.

A formula that many learners arrive with is A = MultiHeadAttention(Q, K, V) + PositionalEncoding(L), P = softmax(A). Two
things are wrong in it. Positions are added to the *input*, before queries, keys and values are made of it (or they turn
queries and keys: `positions_rotary.py`): added to the result they could not change who looks at whom. And the softmax
stands *inside* attention, over the scaled scores q kᵀ / √K of one query with all keys; what comes out is a mean of
values, not a distribution, and no softmax follows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.activations import softmax as _softmax
from deepdojo.layers.shapes import ShapeError, require_queries

__all__ = [
    "dot_product_attention",
    "require_pairs",
    "scaled_dot_product_attention",
    "scaled_dot_product_attention_reference",
]


def scaled_dot_product_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S W"],
    keep: Bool[Tensor, "#B #H #T S"] | None = None,
) -> Float[Tensor, "B H T W"]:
    """softmax(q kᵀ / √K) v: each query takes the mean of the values, weighted by how well their keys match it.

    Args:
        q: queries.
        k: keys.
        v: values.
        keep: True = may be attended to; axes of size 1 stand for all. A query that may see nothing gets
            zeros and passes no gradient, never NaN.

    Numerics and cost: torch's fused kernel, 2·B·H·T·S·(K + W) operations, no T x S table kept in memory.
    Source: Vaswani et al. 2017, equation 1; fused kernel: Dao et al. 2022.
    """
    require_queries("scaled dot-product attention", q, k, v)
    if keep is None:
        return F.scaled_dot_product_attention(q, k, v) if k.shape[2] else q.new_zeros(*q.shape[:3], v.shape[3])
    require_pairs(q, k, keep)
    if k.shape[2] == 0:
        return q.new_zeros(*q.shape[:3], v.shape[3])
    # Where nothing may be seen everything is let in and the result zeroed: no NaN can arise, in value or gradient.
    # (The CPU kernel of torch 2.13 gives zeros by itself; not every kernel of every version promises that.)
    dead = ~keep.any(-1, keepdim=True)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=keep | dead).masked_fill(dead, 0.0)


def dot_product_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S W"],
    keep: Bool[Tensor, "#B #H #T S"] | None = None,
) -> Float[Tensor, "B H T W"]:
    """softmax(q kᵀ) v: as `scaled_dot_product_attention` without the division by √K.

    The scores of random vectors then have deviation √K, so with wide heads the softmax is one-hot at the start and
    passes hardly any gradient: why the division is there. Source: Luong et al. 2015, section 3.1 ("dot").
    """
    return scaled_dot_product_attention(q * math.sqrt(q.shape[-1]), k, v, keep)


def scaled_dot_product_attention_reference(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S W"],
    keep: Bool[Tensor, "#B #H #T S"] | None = None,
    softmax: Callable[[Tensor, int], Tensor] = _softmax,
) -> Float[Tensor, "B H T W"]:
    """`scaled_dot_product_attention` in plain algebra; `softmax` may be another's."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, T, S)
    if keep is None:
        return softmax(scores, -1) @ v
    dead = ~keep.any(-1, keepdim=True)
    weights = softmax(scores.masked_fill(~(keep | dead), -torch.inf), -1)
    return (weights @ v).masked_fill(dead, 0.0)


def require_pairs(q: Tensor, k: Tensor, keep: Tensor) -> None:
    """Raises ShapeError unless `keep` says of each pair of query and key whether it may be seen."""
    full = (*q.shape[:3], k.shape[2])
    fits = keep.dim() == 4 and all(got in (1, want) for got, want in zip(keep.shape, full, strict=True))
    if keep.dtype != torch.bool or not fits or keep.shape[3] != full[3]:
        raise ShapeError(f"keep must be bool {full} (or 1 for B, H, T), got {keep.dtype} {tuple(keep.shape)}")
