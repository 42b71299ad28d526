"""Softmax along one axis, for numbers of any size."""

import torch
from torch import Tensor


def softmax(x: Tensor, dim: int) -> Tensor:
    """exp(x) / sum(exp(x)) along axis `dim`.

    Args:
        x: any shape, any size of numbers: 1000 is one of them.
        dim: the axis that shall sum to one; may be negative.

    Returns:
        shape and dtype of x.
    """
    # --- your code ---
    top = x.amax(dim, keepdim=True)
    e = torch.exp(x - top)
    return e / e.sum(dim, keepdim=True)
    # --- end ---
