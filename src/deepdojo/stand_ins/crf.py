"""`log_partition` and `viterbi` of the lesson in the places of ours. B batch, T steps, N tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["crf"]


def crf(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """Ours may come without a mask, and with rows or batches that have no step at all."""
    found: dict[str, Callable[..., Tensor]] = {"log_partition": _filled(own["log_partition"])}
    if "viterbi" in own:
        found["viterbi"] = _tags_alone(_filled(own["viterbi"]))
    return found


def _filled(function: Callable[..., Any]) -> Callable[..., Any]:
    def whole(scores: Tensor, transitions: Tensor, start: Tensor, end: Tensor, keep: Tensor | None = None) -> Any:
        keep = torch.ones(scores.shape[:2], dtype=torch.bool, device=scores.device) if keep is None else keep
        return function(scores, transitions, start, end, keep)

    return whole


def _tags_alone(function: Callable[..., Any]) -> Callable[..., Tensor]:
    """(B, T) tags, 0 at padding, from what a learner gives: tags, or (tags, scores), or a list of tags a row."""

    def decoded(scores: Tensor, transitions: Tensor, start: Tensor, end: Tensor, keep: Tensor | None = None) -> Tensor:
        given = function(scores, transitions, start, end, keep)
        tags = given[0] if isinstance(given, tuple) else given
        if isinstance(tags, list):
            out = torch.zeros(scores.shape[:2], dtype=torch.long, device=scores.device)
            for row, some in enumerate(tags):
                out[row, : len(some)] = torch.as_tensor(some)
            return out
        return tags if keep is None else tags.masked_fill(~keep, 0)

    return decoded
