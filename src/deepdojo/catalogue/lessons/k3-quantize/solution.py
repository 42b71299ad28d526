"""Weights in eight bits: an integer for each, and one scale for each row. N examples, I inputs, O outputs."""

import torch


def quantize(w):
    """Symmetric int8, one scale for each row: w ≈ q · scale.

    Args:
        w: (O, I) float.

    Returns:
        q: (O, I) torch.int8 from −127 to 127, rounded to the nearest.
        scale: (O, 1), positive; the largest |w| of a row over 127. For a row of zeros any positive number.
    """
    # --- your code ---
    top = w.abs().amax(1, keepdim=True)
    scale = torch.where(top > 0, top / 127, torch.ones_like(top))
    q = torch.round(w / scale).to(torch.int8)
    return q, scale
    # --- end ---


def fake_quantize(w):
    """What is left of w after quantizing, for training: the value of q · scale, and the gradient of w itself.

    Args:
        w: (O, I) float, may require a gradient.

    Returns:
        (O, I) with the dtype of w. A gradient passes as if nothing had been rounded (straight through).
    """
    # --- your code ---
    q, scale = quantize(w)
    return w + (q * scale - w).detach()
    # --- end ---


def linear_int8(x, q, scale):
    """x Wᵀ with integers inside: rows of x are quantized as rows of W are; products are summed in a wider integer.

    Args:
        x: (N, I) float.
        q: (O, I) torch.int8.
        scale: (O, 1).

    Returns:
        (N, O) float.
    """
    # --- your code ---
    qx, scale_x = quantize(x)
    total = qx.to(torch.int32) @ q.to(torch.int32).T
    return total * scale_x * scale.T
    # --- end ---
