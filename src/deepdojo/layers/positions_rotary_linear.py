"""Linear scaling of rotary positions (position interpolation)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

__all__ = ["linear_speeds"]


def linear_speeds(speeds: Float[Tensor, " P"], factor: float) -> Float[Tensor, " P"]:
    """Every plane turns `factor` times more slowly, so that a text so many times longer spans the trained angles.

    Near steps become harder to tell apart; a short fine-tuning mends it. Source: Chen et al. 2023, "Extending context
    window of large language models via positional interpolation".
    """
    return speeds / factor
