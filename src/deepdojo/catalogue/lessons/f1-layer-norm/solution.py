"""Layer normalisation (Ba et al. 2016). D model width."""

import torch


def layer_norm(x, weight, bias, eps):
    """(x − mean) / √(variance + eps) · weight + bias, the statistics over the last axis.

    Args:
        x: (..., D). weight, bias: (D,).
        eps: stands under the root.

    Returns:
        shape and dtype of x; x itself stays as it is.
    """
    # --- your code ---
    mean = x.mean(-1, keepdim=True)
    centred = x - mean
    variance = (centred * centred).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + eps) * weight + bias
    # --- end ---
