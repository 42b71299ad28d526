"""The tokens that end a text."""

from __future__ import annotations

from collections.abc import Collection

import torch
from jaxtyping import Int
from torch import Tensor

from deepdojo.errors import UsageError

__all__ = ["stop_tokens"]


def stop_tokens(stop: Collection[int], like: Tensor) -> Int[Tensor, E]:
    """The tokens of `stop` as a tensor beside `like`. Raises UsageError for anything but token ids."""
    if (
        isinstance(stop, str)
        or not isinstance(stop, Collection)
        or not all(isinstance(t, int) and t >= 0 for t in stop)
    ):
        raise UsageError(f"stop must be a collection of token ids, got {stop!r}", where="stop", todo="give [2], say")
    return torch.tensor(sorted(stop), dtype=torch.long, device=like.device)
