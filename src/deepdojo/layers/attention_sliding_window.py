"""Causal attention that looks back a fixed way.

Dimensions: B batch, H heads, T queries, S keys, K head width, W window, N blocks.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.attention_causal import causal_attention
from deepdojo.layers.attention_dot_product import scaled_dot_product_attention
from deepdojo.layers.shapes import ShapeError, require_mask

__all__ = ["sliding_window_attention", "sliding_window_attention_reference"]


def sliding_window_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S K"],
    window: int,
    keep: Bool[Tensor, "B S"] | None = None,
) -> Float[Tensor, "B H T K"]:
    """softmax(q kᵀ / √K) v over a step itself and the `window` - 1 before it; the queries are the last T of S steps.

    Numerics and cost: steps are cut into blocks of W, and each block sees itself and the one before: 4·B·H·T·W·K
    operations and one mask of W x 2W, so time and memory grow linearly with the text.
    Source: Child et al. 2019; Beltagy et al. 2020 (Longformer); Jiang et al. 2023 (Mistral 7B).
    Raises: RecipeError for a window below 1; ShapeError for more queries than keys or a mask of another shape.
    """
    B, _, T, _ = q.shape
    S = k.shape[2]
    if window < 1:
        raise RecipeError(f"a window must hold one step or more, got {window}", where="sliding_window_attention")
    if T > S:
        raise ShapeError(f"causal attention needs a key for every query, got {T} queries and {S} keys")
    if keep is not None:
        require_mask("sliding window attention", keep, (B, S))
    if T + window - 1 < S:  # keys that no query reaches
        first = S - (T + window - 1)
        k, v = k[:, :, first:], v[:, :, first:]
        return sliding_window_attention(q, k, v, window, None if keep is None else keep[:, first:])
    if window >= S:
        return causal_attention(q, k, v, keep)
    if T == S and 2 * window < T:
        return _in_blocks(q, k, v, window, keep)
    near = _near(T, S, window, q.device)
    return scaled_dot_product_attention(q, k, v, near[None, None] if keep is None else near & keep[:, None, None])


def _near(T: int, S: int, window: int, device: torch.device) -> Bool[Tensor, "T S"]:
    seen = torch.ones(T, S, dtype=torch.bool, device=device)
    return seen.tril(S - T).triu(S - T - window + 1)


def _in_blocks(q: Tensor, k: Tensor, v: Tensor, window: int, keep: Tensor | None) -> Tensor:
    """The last axis but one cut into N blocks of W, which stand in the batch; keys are those of two blocks."""
    B, T = q.shape[0], q.shape[2]
    W, extra = window, -T % window
    N = (T + extra) // W

    def blocks(x: Tensor) -> Tensor:  # (B, H, T, K) -> (B, N, H, W, K)
        return F.pad(x, (0, 0, 0, extra)).unflatten(2, (N, W)).transpose(1, 2)

    def two(x: Tensor) -> Tensor:  # each block behind the one before it: (B·N, H, 2W, K)
        x = blocks(x)
        return torch.cat([F.pad(x, (0, 0, 0, 0, 0, 0, 1, 0))[:, :-1], x], 3).flatten(0, 1)

    real = torch.ones(B, T, dtype=torch.bool, device=q.device) if keep is None else keep
    real = F.pad(real, (W, extra)).unfold(1, 2 * W, W)  # (B, N, 2W)
    near = _near(W, 2 * W, W, q.device)  # (W, 2W)
    seen = (real[:, :, None] & near).flatten(0, 1)[:, None]  # (B·N, 1, W, 2W)
    out = scaled_dot_product_attention(blocks(q).flatten(0, 1), two(k), two(v), seen)
    return out.unflatten(0, (B, N)).transpose(1, 2).flatten(2, 3)[:, :, :T]


def sliding_window_attention_reference(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S K"],
    window: int,
    keep: Bool[Tensor, "B S"] | None = None,
) -> Float[Tensor, "B H T K"]:
    """`sliding_window_attention` in plain algebra."""
    T, S = q.shape[2], k.shape[2]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, T, S)
    back = torch.arange(S - T, S)[:, None] - torch.arange(S)[None, :]
    hidden = ((back < 0) | (back >= window)).to(q.device)[None, None]
    if keep is not None:
        hidden = hidden | ~keep[:, None, None]
    blind = hidden.all(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(hidden & ~blind, -torch.inf), -1)
    return (weights @ v).masked_fill(blind, 0.0)
