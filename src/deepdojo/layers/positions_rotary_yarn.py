"""YaRN scaling of rotary positions. Dimensions: P = K / 2 planes, K head width."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["yarn_size", "yarn_speeds"]


def yarn_speeds(
    speeds: Float[Tensor, " P"],
    base: float,
    factor: float,
    trained_length: int,
    fast: float = 32.0,
    slow: float = 1.0,
    whole_planes: bool = True,
) -> Float[Tensor, " P"]:
    """Fast planes keep their speed, slow ones are divided by `factor`, and a ramp over the planes lies between.

    A plane that turns r times within the trained length has the index K · ln(trained / (2π r)) / (2 ln base): the ramp
    runs from the index of `fast` turns to that of `slow` turns (rounded outwards with `whole_planes`).
    Source: Peng et al. 2023, "YaRN: efficient context window extension", section 3.2 ("NTK-by-parts").
    """
    K = 2 * len(speeds)

    def index(turns: float) -> float:
        return K * math.log(trained_length / (turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = index(fast), index(slow)
    if whole_planes:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, K - 1)
    if low == high:
        high += 0.001
    ramp = ((torch.arange(len(speeds), dtype=speeds.dtype) - low) / (high - low)).clamp(0, 1)
    return speeds / factor * ramp + speeds * (1 - ramp)


def yarn_size(factor: float) -> float:
    """What cos and sin are multiplied with, so that softmax stays as sharp as trained: 0.1 · ln(factor) + 1.

    Source: Peng et al. 2023, equation 22.
    """
    return 0.1 * math.log(factor) + 1.0 if factor > 1 else 1.0
