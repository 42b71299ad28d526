"""How probable each tag is at each step of a chain, over all paths.

Dimensions: B batch, T time, N tags. `keep` is boolean, True = a real step; padding stands at the end of a row.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.crf_forward_backward import forward_backward, require_chain
from deepdojo.layers.crf_log_partition import log_partition_reference

__all__ = ["tag_marginals", "tag_marginals_reference"]


@torch.no_grad()
def tag_marginals(
    scores: Float[Tensor, "B T N"],
    transitions: Float[Tensor, "N N"],
    start: Float[Tensor, " N"],
    end: Float[Tensor, " N"],
    keep: Bool[Tensor, "B T"] | None = None,
) -> Float[Tensor, "B T N"]:
    """p(y_t = n), a distribution over the tags at each real step, zeros at padding. It passes no gradient.

    p = (sum over beginnings) · (sum over ends) / Z: the forward-backward algorithm.
    Source: Lafferty, McCallum & Pereira 2001, section 3; Rabiner 1989, equation 27.
    Raises: ShapeError for a wrong width or mask.
    """
    keep = require_chain(scores, transitions, keep)
    if keep.numel() == 0:
        return torch.zeros_like(scores)
    return forward_backward(scores, transitions, start, end, keep).marginals.transpose(0, 1).to(scores.dtype)


def tag_marginals_reference(
    scores: Float[Tensor, "B T N"],
    transitions: Float[Tensor, "N N"],
    start: Float[Tensor, " N"],
    end: Float[Tensor, " N"],
    keep: Bool[Tensor, "B T"] | None = None,
) -> Float[Tensor, "B T N"]:
    """`tag_marginals` by its other definition: the derivative of log Z with respect to each score."""
    with torch.enable_grad():
        leaf = scores.detach().requires_grad_()
        total = log_partition_reference(leaf, transitions.detach(), start.detach(), end.detach(), keep).sum()
        return torch.autograd.grad(total, leaf)[0]
