"""Llama 3.1's scaling of rotary positions. Dimensions: P planes."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["llama3_speeds"]


def llama3_speeds(
    speeds: Float[Tensor, " P"], factor: float, trained_length: int, fast: float, slow: float
) -> Float[Tensor, " P"]:
    """Planes that turn more than `fast` times in the trained length stay; fewer than `slow` times: divided by factor.

    Between, with r turns, s = (r - slow) / (fast - slow) mixes: (1 - s) · speed / factor + s · speed.
    Source: Grattafiori et al. 2024 (Llama 3), as Transformers' `llama3`.
    """
    turns = trained_length * speeds / (2 * math.pi)
    share = ((turns - slow) / (fast - slow)).clamp(0, 1)
    mixed = (1 - share) * speeds / factor + share * speeds
    return torch.where(turns < slow, speeds / factor, torch.where(turns > fast, speeds, mixed))
