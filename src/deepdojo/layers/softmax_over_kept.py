"""Softmax over the entries that a mask keeps. Dimensions: S entries, `*B` any leading axes. `keep`: True = is there."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.activations import softmax as _softmax

__all__ = ["softmax_over_kept"]


def softmax_over_kept(
    scores: Float[Tensor, "*B S"],
    keep: Bool[Tensor, "*#B S"] | None = None,
    softmax: Callable[[Tensor, int], Tensor] = _softmax,
) -> Float[Tensor, "*B S"]:
    """p_s = exp(x_s) / sum of exp(x_j) over the kept j; 0 elsewhere. Where nothing is kept: zeros, without gradient.

    `softmax` may be another's, such as a learner's.
    """
    if keep is None:
        return softmax(scores, -1)
    # Where nothing is kept everything is let in and the result zeroed: no NaN can arise, in value or gradient.
    dead = ~keep.any(-1, keepdim=True)
    return softmax(scores.masked_fill(~(keep | dead), -torch.inf), -1).masked_fill(dead, 0.0)
