"""Additive attention (Bahdanau et al. 2015). B batch, T queries, S keys, A common width, W value width."""

import math

import torch


def additive_attention(q, k, v, w_q, w_k, w, keep=None):
    """softmax over the keys of w · tanh(W_q q + W_k k), then the mean of the values.

    Args:
        q: (B, T, Q). k: (B, S, E). v: (B, S, W).
        w_q: (A, Q). w_k: (A, E). w: (A,).
        keep: None, or booleans (B, S): True = the key may be seen.

    Returns:
        (B, T, W). Where no key may be seen: zeros, and no gradient.
    """
    # --- your code ---
    queries, keys = q @ w_q.T, k @ w_k.T  # (B, T, A), (B, S, A)
    pairs = queries[:, :, None] + keys[:, None]  # (B, T, S, A)
    scores = torch.tanh(pairs) @ w  # (B, T, S)
    if keep is not None:
        dead = ~keep.any(-1)[:, None, None]
        scores = scores.masked_fill(~(keep[:, None] | dead), -math.inf)
    weights = torch.softmax(scores, -1)
    if keep is not None:
        weights = weights.masked_fill(dead, 0.0)
    return weights @ v
    # --- end ---
