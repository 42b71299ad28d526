"""Sinusoidal positions (Vaswani et al. 2017). T positions, D width."""

import torch


def sinusoidal_positions(T, D, base=10000.0):
    """Row t holds sin and cos of t / base^(2i / D) in the columns 2i and 2i + 1.

    Args:
        T: positions 0 … T - 1.
        D: even.
        base: the slowest clock turns by almost 1 / base a position.

    Returns:
        (T, D), float32 (torch's default).
    """
    # --- your code ---
    pair = torch.arange(D // 2)
    speed = base ** (-2 * pair / D)  # radians a position
    angle = torch.arange(T)[:, None] * speed  # (T, D / 2)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
    # --- end ---
