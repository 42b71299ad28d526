"""Scaled dot-product attention. B batch, H heads, T queries, S keys, K head width, W value width."""

import math

import torch


def attention(q, k, v, keep=None):
    """softmax(q kᵀ / √K) v.

    Args:
        q: (B, H, T, K). k: (B, H, S, K). v: (B, H, S, W).
        keep: None, or booleans that broadcast to (B, H, T, S): True = the query may see the key.

    Returns:
        (B, H, T, W). A query that may see nothing gets zeros, and passes no gradient.
    """
    # --- your code ---
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # (B, H, T, S)
    if keep is not None:
        dead = ~keep.any(-1, keepdim=True)
        scores = scores.masked_fill(~(keep | dead), -math.inf)
    weights = torch.softmax(scores, -1)
    if keep is not None:
        weights = weights.masked_fill(dead, 0.0)
    return weights @ v
    # --- end ---
