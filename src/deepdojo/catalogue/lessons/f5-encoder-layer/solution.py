"""A Transformer's encoder layer. B batch, T tokens, D width, H heads, K = D / H, F width of the feed-forward part."""

import math

import torch
import torch.nn.functional as F


def encoder_layer(x, p, num_heads, keep=None, norm_first=True):
    """Self-attention, then a feed-forward part; each is added to what came in.

    For each of the two parts: x + part(norm(x)) where norm_first, else norm(x + part(x)).

    Args:
        x: (B, T, D).
        p: parameters. p["self"]: w_q, w_k, w_v, w_o (D, D) and b_q, b_k, b_v, b_o (D,), used as x @ w.T + b.
            w_1 (F, D), b_1 (F,), w_2 (D, F), b_2 (D,): feed_forward(x) = relu(x @ w_1.T + b_1) @ w_2.T + b_2.
            gain_1, shift_1, gain_2, shift_2 (D,): of the layer norms, whose eps is 1e-5.
        keep: None, or (B, T) booleans, True = a real token: padding is not looked at.

    Returns:
        (B, T, D); what stands at padding does not matter.
    """

    # --- your code ---
    def attention(x):
        a = p["self"]

        def heads(name):  # (B, T, D) -> (B, H, T, K)
            return (x @ a[f"w_{name}"].T + a[f"b_{name}"]).unflatten(-1, (num_heads, -1)).transpose(1, 2)

        q, k, v = heads("q"), heads("k"), heads("v")
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # (B, H, T, T)
        if keep is not None:
            scores = scores.masked_fill(~keep[:, None, None], -math.inf)
        found = (torch.softmax(scores, -1) @ v).transpose(1, 2).flatten(2)
        return found @ a["w_o"].T + a["b_o"]

    def feed_forward(x):
        return torch.relu(x @ p["w_1"].T + p["b_1"]) @ p["w_2"].T + p["b_2"]

    def norm_1(x):
        return F.layer_norm(x, x.shape[-1:], p["gain_1"], p["shift_1"])

    def norm_2(x):
        return F.layer_norm(x, x.shape[-1:], p["gain_2"], p["shift_2"])

    if norm_first:
        x = x + attention(norm_1(x))
        return x + feed_forward(norm_2(x))
    x = norm_1(x + attention(x))
    return norm_2(x + feed_forward(x))
    # --- end ---
