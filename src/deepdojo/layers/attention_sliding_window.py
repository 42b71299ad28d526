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
from deepdojo.layers.shapes import ShapeError, require_mask, require_queries
from deepdojo.layers.tracing import traced

__all__ = ["sliding_window_attention", "sliding_window_attention_reference"]


def sliding_window_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S K"],
    window: int,
    keep: Bool[Tensor, "B S"] | None = None,
) -> Float[Tensor, "B H T K"]:
    """softmax(q kᵀ / √K) v over a step itself and the `window` - 1 real ones before it; the queries are the last T of S
    steps.

    Args:
        window: W.
        keep: True = a real step; padding takes no place in a window, wherever it stands, and as a query gets zeros.

    Numerics and cost: steps are cut into blocks of W, and each block sees itself and the one before: 4·B·H·T·W·K
    operations and one mask of W x 2W, so time and memory grow linearly with the text.
    Source: Child et al. 2019; Beltagy et al. 2020 (Longformer); Jiang et al. 2023 (Mistral 7B).
    Raises: RecipeError for a window below 1; ShapeError for more queries than keys or a mask of another shape.
    """
    require_queries("sliding window attention", q, k, v)
    B, T, S = q.shape[0], q.shape[2], k.shape[2]
    if window < 1:
        raise RecipeError(f"a window must hold one step or more, got {window}", where="sliding_window_attention")
    if T > S:
        raise ShapeError(f"causal attention needs a key for every query, got {T} queries and {S} keys")
    if keep is not None:
        require_mask("sliding window attention", keep, (B, S))
    if T == 0:
        return torch.zeros_like(q)
    if traced():
        real = torch.ones(B, S, dtype=torch.bool, device=q.device) if keep is None else keep
        return scaled_dot_product_attention(q, k, v, _near_in_places(real, T, window))
    if keep is not None:
        if _has_holes(keep):
            return scaled_dot_product_attention(q, k, v, _near_in_places(keep, T, window))
        return _in_columns(q, k, v, window, keep).masked_fill(~keep[:, None, S - T :, None], 0.0)
    return _in_columns(q, k, v, window, None)


def _in_columns(q: Tensor, k: Tensor, v: Tensor, window: int, keep: Tensor | None) -> Tensor:
    """Where real steps stand side by side, so that their distance is that of the columns."""
    T, S = q.shape[2], k.shape[2]
    if T + window - 1 < S:  # keys that no query reaches
        first = S - (T + window - 1)
        k, v = k[:, :, first:], v[:, :, first:]
        return _in_columns(q, k, v, window, None if keep is None else keep[:, first:])
    if window >= S:
        return causal_attention(q, k, v, keep)
    if T == S and 2 * window < T:
        return _in_blocks(q, k, v, window, keep)
    near = _near(T, S, window, q.device)
    return scaled_dot_product_attention(q, k, v, near[None, None] if keep is None else near & keep[:, None, None])


def _near(T: int, S: int, window: int, device: torch.device) -> Bool[Tensor, "T S"]:
    seen = torch.ones(T, S, dtype=torch.bool, device=device)
    return seen.tril(S - T).triu(S - T - window + 1)


def _has_holes(keep: Tensor) -> bool:
    """Whether padding stands between real steps, so that distance in the table is not distance in the text."""
    begins = (keep[:, 1:] & ~keep[:, :-1]).sum(1) + keep[:, 0]
    return bool((begins > 1).any())


def _near_in_places(keep: Tensor, T: int, window: int) -> Bool[Tensor, "B 1 T S"]:
    places = keep.cumsum(1)
    back = places[:, -T:, None] - places[:, None, :]
    S = keep.shape[1]
    ahead = torch.ones(T, S, dtype=torch.bool, device=keep.device).triu(S - T + 1)
    return ((back < window) & ~ahead & keep[:, None] & keep[:, -T:, None])[:, None]


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
    keep = torch.ones(len(q), S, dtype=torch.bool, device=q.device) if keep is None else keep
    places, steps = keep.cumsum(1), torch.arange(S, device=q.device)
    ahead = steps[None, :] > steps[S - T :, None]
    far = places[:, S - T :, None] - places[:, None, :] >= window
    hidden = (ahead | far | ~keep[:, None] | ~keep[:, S - T :, None])[:, None]
    blind = hidden.all(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(hidden & ~blind, -torch.inf), -1)
    return (weights @ v).masked_fill(blind, 0.0)
