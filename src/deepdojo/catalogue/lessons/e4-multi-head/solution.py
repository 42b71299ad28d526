"""Multi-head attention. B batch, T queries, S keys, H heads, K head width, D = H · K, O output width."""

import math

import torch


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, num_heads, keep=None):
    """Head h attends with columns h · K to (h + 1) · K of the projections; w_o mixes what all heads found.

    Args:
        x_q: (B, T, Q). x_kv: (B, S, E); in self-attention the same tensor.
        w_q: (D, Q). w_k, w_v: (D, E). w_o: (O, D). All as in nn.Linear: x @ w.T.
        num_heads: H, divides D.
        keep: None, or booleans that broadcast to (B, H, T, S): True = the query may see the key.

    Returns:
        (B, T, O). A query that may see nothing gets zeros, and passes no gradient.
    """

    # --- your code ---
    def split(x):  # (B, T, D) -> (B, H, T, K)
        return x.view(*x.shape[:2], num_heads, -1).transpose(1, 2)

    q, k, v = split(x_q @ w_q.T), split(x_kv @ w_k.T), split(x_kv @ w_v.T)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # (B, H, T, S)
    if keep is not None:
        dead = ~keep.any(-1, keepdim=True)
        scores = scores.masked_fill(~(keep | dead), -math.inf)
    weights = torch.softmax(scores, -1)
    if keep is not None:
        weights = weights.masked_fill(dead, 0.0)
    found = (weights @ v).transpose(1, 2).flatten(2)  # (B, T, D)
    return found @ w_o.T
    # --- end ---
