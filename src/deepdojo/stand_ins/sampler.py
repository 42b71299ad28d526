"""`filter_logits(logits, temperature, top_k, top_p)` and `sample(logits, gen)` of the lesson, where a text is written.

B rows, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepdojo.generation.filters import keep_min_p

__all__ = ["sampler"]


def sampler(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """Ours goes on with probabilities, and knows min-p too."""
    cut = own["filter_logits"]

    def filtered(
        scores: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None,
        min_p: float | None = None,
    ) -> Tensor:  # fmt: skip
        left = cut(scores, temperature, top_k, top_p)
        return torch.softmax(left if min_p is None else keep_min_p(left, min_p), -1)

    found: dict[str, Callable[..., Tensor]] = {"filtered": filtered}
    if "sample" in own:
        draw = own["sample"]
        found["draw"] = lambda chances, generator: draw(chances.log(), generator).reshape(-1)
    return found
