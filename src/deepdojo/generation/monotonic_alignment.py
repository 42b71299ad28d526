"""Which frames belong to which token, where both come in the same order: the best monotonic alignment, by dynamic
programming.

Dimensions: B batch, T frames, S tokens. Masks are boolean, True = real; padding stands at the end of a row.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["diagonal_distance", "monotonic_durations"]

_NEVER = -1e9


def monotonic_durations(
    scores: Float[Tensor, "B T S"], keep: Bool[Tensor, "B S"], frame_keep: Bool[Tensor, "B T"]
) -> Float[Tensor, "B S"]:
    """How many frames each token has in the alignment with the largest sum of scores.

    best(t, s) = score(t, s) + max(best(t - 1, s), best(t - 1, s - 1)): from one frame to the next an alignment stays at
    its token or goes on to the next one. It begins at the first token and ends at the last, so each token has a frame;
    of a row with fewer frames than tokens the last tokens have none.

    Args:
        scores: of a frame as part of a token, larger is better. No gradient flows through the search.

    Returns: whole numbers that sum to the row's frames; 0 for padding.
    Cost: two passes over the frames, each a few operations on (B, S).
    Source: Kim et al. 2020, "Glow-TTS", section 3.2.
    """
    B, T, S = scores.shape
    with torch.no_grad():
        rows = torch.arange(B, device=scores.device)
        frames, tokens = frame_keep.sum(1), keep.sum(1)
        best = scores.new_full((B, S), _NEVER)
        best[:, 0] = scores[:, 0, 0]
        edge = scores.new_full((B, 1), _NEVER)
        went_on = torch.zeros(B, T, S, dtype=torch.bool, device=scores.device)
        for t in range(1, T):
            before = torch.cat([edge, best[:, :-1]], 1)
            went_on[:, t] = before > best
            best = torch.maximum(before, best) + scores[:, t]
        durations = scores.new_zeros(B, S)
        at = torch.minimum(tokens, frames).clamp(min=1) - 1
        for t in range(T - 1, -1, -1):
            real = t < frames
            durations[rows, at] += real.to(durations.dtype)
            at = at - (went_on[rows, t, at] & real).long()
        return durations


def diagonal_distance(keep: Bool[Tensor, "B S"], frame_keep: Bool[Tensor, "B T"]) -> Float[Tensor, "B T S"]:
    """How far frame t of token s lies from the straight alignment: |(t + ½) / frames - (s + ½) / tokens|.

    Its square, taken from the scores, keeps the first searches, whose scores say nothing yet, near speech of even pace.
    """
    places = [
        (torch.arange(mask.shape[1], device=mask.device) + 0.5)[None] / mask.sum(1, keepdim=True).clamp(min=1)
        for mask in (frame_keep, keep)
    ]
    return (places[0][:, :, None] - places[1][:, None, :]).abs()
