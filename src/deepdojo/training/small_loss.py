"""Learning from the examples of a batch with the lowest loss, where some labels are wrong.

Source: Han et al. 2018, "Co-teaching" (small-loss examples, with two networks; arXiv:1804.06872), and Shen & Sanghavi
    2019, "Learning with bad training data via iterative trimmed loss minimization" (one network; arXiv:1810.11874)
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["without_highest"]


def without_highest(
    losses: Float[Tensor, " B"], weights: Float[Tensor, " B"], share: float
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """(losses, weights) with zeros for the floor(share B) examples whose loss by weight is highest; no gradient flows
    through them. One example always stays."""
    count = min(int(share * len(losses)), len(losses) - 1)
    if count < 1:
        return losses, weights
    each = losses.detach() / weights.clamp_min(torch.finfo(weights.dtype).tiny)
    keep = torch.ones_like(weights, dtype=torch.bool).scatter_(0, each.topk(count).indices, False)
    keep |= ~torch.isfinite(each)  # a loss that is no number must be seen
    return torch.where(keep, losses, 0.0), torch.where(keep, weights, 0.0)
