"""Squared distances between two sets of points. N and M points, D coordinates."""

import torch


def pairwise_sq_dist(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """out[n, m] = Σ over d of (a[n, d] − b[m, d])², without a Python loop.

    Args:
        a: (N, D); N may be 0.
        b: (M, D).

    Returns:
        (N, M), never below zero.
    """
    # --- your code ---
    difference = a[:, None] - b  # (N, M, D)
    return difference.square().sum(-1)
    # --- end ---
