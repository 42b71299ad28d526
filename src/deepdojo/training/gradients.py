"""What happens to a summed gradient before the optimizer takes it."""

from __future__ import annotations

import torch
from torch import Tensor

from deepdojo.training.distributed import whole

__all__ = ["divide_and_clip"]

# As torch's clip_grad_norm_ has it: a gradient of norm 0 is not divided by 0.
EPS = 1e-6


def divide_and_clip(gradients: list[Tensor], weight: float, clip: float) -> float:
    """g <- g / weight, then g <- g · min(1, clip / (‖g‖ + 1e-6)), in place and in one pass; gives ‖g‖ before the clip.

    Args:
        gradients: of all parameters; ‖g‖ is the norm of all of them as one vector.
        weight: summed weight of the examples.
        clip: largest norm; 0 does not clip, and then no norm is computed (NaN).

    Cost: one pass to read and one to write; clip_grad_norm_ after a division takes a pass to write more.
    """
    factor, norm = 1.0 / weight, float("nan")
    if clip > 0:
        norm = float(whole(torch.nn.utils.get_total_norm(gradients, foreach=True))) / weight
        factor *= min(1.0, clip / (norm + EPS))
    torch._foreach_mul_(gradients, factor)
    return norm
