"""Rotary positions (Su et al. 2021). B batch, H heads, T tokens, K head width."""

import torch


def rope(x, positions, base=10000.0, interleaved=False):
    """Turns pair i of each token by position · base^(−2i / K).

    Args:
        x: (B, H, T, K), queries or keys; K even.
        positions: (T,) integers.
        base: as in f2.
        interleaved: pairs are the columns (2i, 2i + 1); else (i, i + K / 2).

    Returns:
        (B, H, T, K).
    """
    # --- your code ---
    width = x.shape[-1]
    pair = torch.arange(width // 2, dtype=x.dtype)
    angle = positions[:, None] * base ** (-2 * pair / width)  # (T, K / 2)
    cos, sin = angle.cos(), angle.sin()
    if interleaved:
        a, b = x[..., 0::2], x[..., 1::2]
    else:
        a, b = x.chunk(2, -1)
    turned = [a * cos - b * sin, a * sin + b * cos]
    if interleaved:
        return torch.stack(turned, -1).flatten(-2)
    return torch.cat(turned, -1)
    # --- end ---
