"""A Transformer's decoder layer. B batch, T target tokens, S source tokens, D width, H heads, F feed-forward width."""

import math

import torch
import torch.nn.functional as F


def decoder_layer(y, memory, p, num_heads, memory_keep=None):
    """Causal self-attention, attention to the source, a feed-forward part: each is y + part(norm(y)).

    Args:
        y: (B, T, D), the target; token t may look at tokens 0 … t.
        memory: (B, S, D), what the encoder made of the source.
        p: parameters. p["self"], p["cross"]: w_q, w_k, w_v, w_o (D, D), b_q, b_k, b_v, b_o (D,), as x @ w.T + b.
            w_1 (F, D), b_1 (F,), w_2 (D, F), b_2 (D,): feed_forward(x) = relu(x @ w_1.T + b_1) @ w_2.T + b_2.
            gain_1 … gain_3, shift_1 … shift_3 (D,): of the three layer norms, whose eps is 1e-5.
        memory_keep: None, or (B, S) booleans, True = a real token of the source.

    Returns:
        (B, T, D).
    """

    # --- your code ---
    def attention(x_q, x_kv, a, keep):
        def heads(x, name):  # (B, T, D) -> (B, H, T, K)
            return (x @ a[f"w_{name}"].T + a[f"b_{name}"]).unflatten(-1, (num_heads, -1)).transpose(1, 2)

        q, k, v = heads(x_q, "q"), heads(x_kv, "k"), heads(x_kv, "v")
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # (B, H, T, S)
        if keep is not None:
            scores = scores.masked_fill(~keep, -math.inf)
        found = (torch.softmax(scores, -1) @ v).transpose(1, 2).flatten(2)
        return found @ a["w_o"].T + a["b_o"]

    def feed_forward(x):
        return torch.relu(x @ p["w_1"].T + p["b_1"]) @ p["w_2"].T + p["b_2"]

    def norm(x, n):
        return F.layer_norm(x, x.shape[-1:], p[f"gain_{n}"], p[f"shift_{n}"])

    seen = torch.ones(y.shape[1], y.shape[1], dtype=torch.bool).tril()
    real = None if memory_keep is None else memory_keep[:, None, None]
    z = norm(y, 1)
    y = y + attention(z, z, p["self"], seen)
    y = y + attention(norm(y, 2), memory, p["cross"], real)
    return y + feed_forward(norm(y, 3))
    # --- end ---
