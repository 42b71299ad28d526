"""From the attention of all layers to what each output token drew from each input token.

L layers, B batch, H heads, T tokens.
"""

import torch


def attention_rollout(attn):
    """Â_L ⋯ Â_2 Â_1 with Â_l = rows of (mean over heads of attn_l + I) / 2, each divided by its sum.

    Args:
        attn: (L, B, H, T, T), attn[l, b, h, t, s] = how much token t drew from token s; the first layer comes first.

    Returns:
        (B, T, T), row t: the share that output token t drew from each input token.
    """
    # --- your code ---
    eye = torch.eye(attn.shape[-1], dtype=attn.dtype, device=attn.device)
    layers = (attn.mean(2) + eye) / 2  # (L, B, T, T)
    layers = layers / layers.sum(-1, keepdim=True)
    rollout = layers[0]
    for layer in layers[1:]:
        rollout = layer @ rollout
    return rollout
    # --- end ---
