"""Attention with a number added to each score. Dimensions: B batch, H heads, T queries, S keys, K and W head widths."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.attention_dot_product import require_pairs
from deepdojo.layers.shapes import ShapeError, require_queries

__all__ = ["biased_attention", "biased_attention_reference"]


def biased_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S W"],
    bias: Float[Tensor, "#B #H T S"],
    keep: Bool[Tensor, "#B #H #T S"] | None = None,
) -> Float[Tensor, "B H T W"]:
    """softmax(q kᵀ / √K + bias) v, for positions that act on the scores: `positions_alibi.py`, `positions_relative.py`.

    Args:
        bias: added to the scores; it may be learned.
        keep: True = may be attended to. A query that may see nothing gets zeros and passes no gradient.

    Cost: as scaled_dot_product_attention; the bias itself is T·S numbers for each head that has its own.
    Source: Shaw et al. 2018; Raffel et al. 2020 (T5); Press et al. 2022 (ALiBi).
    """
    require_queries("biased attention", q, k, v)
    _require_bias(q, k, bias)
    if keep is not None:
        require_pairs(q, k, keep)
    blind = None if keep is None else ~keep.any(-1, keepdim=True)
    if keep is not None and blind is not None:
        bias = bias.masked_fill(~(keep | blind), -torch.inf)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    return out if blind is None else out.masked_fill(blind, 0.0)


def biased_attention_reference(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S W"],
    bias: Float[Tensor, "#B #H T S"],
    keep: Bool[Tensor, "#B #H #T S"] | None = None,
) -> Float[Tensor, "B H T W"]:
    """`biased_attention` in plain algebra."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) + bias
    if keep is None:
        return torch.softmax(scores, -1) @ v
    blind = ~keep.any(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(~(keep | blind), -torch.inf), -1)
    return (weights @ v).masked_fill(blind, 0.0)


def _require_bias(q: Tensor, k: Tensor, bias: Tensor) -> None:
    full = (*q.shape[:3], k.shape[2])
    fits = bias.dim() == 4 and bias.shape[2:] == full[2:] and bias.shape[0] in (1, full[0])
    if not fits or bias.shape[1] not in (1, full[1]):
        raise ShapeError(f"bias must be {full} (or 1 for B, H), got {tuple(bias.shape)}")
