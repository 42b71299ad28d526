"""NTK-aware scaling of rotary positions, with a base that grows with the text ("dynamic"). P = K / 2, K head width."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["ntk_speeds"]


def ntk_speeds(
    speeds: Float[Tensor, " P"], base: float, factor: float, trained_length: int, steps: int
) -> Float[Tensor, " P"]:
    """base' = base · (factor · n / trained - (factor - 1))^(K / (K - 2)), n = the text's steps, at least `trained`.

    The fastest plane keeps its speed and the slowest is slowed by the whole factor: short distances stay as trained.
    Up to the trained length nothing changes. Keys in a cache keep the angles that they were written with, so beyond
    the trained length a cached text is not exactly one that is read anew.
    Source: bloc97 2023 ("NTK-aware scaled RoPE"), emozilla 2023 (dynamic), as Transformers' `dynamic`.
    """
    K = 2 * len(speeds)
    ratio = factor * torch.sym_max(steps, trained_length) / trained_length - (factor - 1)
    grown = base * ratio ** (K / (K - 2))
    return 1.0 / grown ** (torch.arange(0, K, 2, dtype=speeds.dtype) / K)
