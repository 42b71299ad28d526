"""The best path through a chain of tags (Viterbi's algorithm).

Dimensions: B batch, T time, N tags. `keep` is boolean, True = a real step; padding stands at the end of a row.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from deepdojo.layers.crf_forward_backward import require_chain

__all__ = ["viterbi", "viterbi_reference"]


@torch.no_grad()
def viterbi(
    scores: Float[Tensor, "B T N"],
    transitions: Float[Tensor, "N N"],
    start: Float[Tensor, " N"],
    end: Float[Tensor, " N"],
    keep: Bool[Tensor, "B T"] | None = None,
) -> Int[Tensor, "B T"]:
    """The tags of the path with the greatest score (`log_partition` has the formula); 0 at padding.

    The recursion of log Z with a maximum for the sum. What each step came from is not kept but found again on the way
    back, along the best path alone: a maximum without places is several times faster than one with them.

    Cost: O(B·T·N²) operations, O(B·T·N) memory. Of equally good paths the one with the smaller last tag is taken.
    Source: Viterbi 1967; Forney 1973.
    Raises: ShapeError for a wrong width or mask.
    """
    keep = require_chain(scores, transitions, keep)
    B, T, _ = scores.shape
    if B == 0 or T == 0:
        return keep.long()
    # What lies behind a row's end never matters: the way back starts at its last real step.
    steps = scores.masked_fill(~keep.unsqueeze(-1), 0.0).transpose(0, 1).contiguous().unbind(0)
    arriving = transitions.T.contiguous()  # (to, from): the axis that is searched lies side by side
    best = [start + steps[0]]
    for step in steps[1:]:
        best.append((best[-1].unsqueeze(1) + arriving).amax(-1) + step)
    ends_here = torch.arange(1, T + 1, device=keep.device).unsqueeze(1) == keep.sum(1)  # (T, B)
    tags = torch.zeros(T, B, dtype=torch.long, device=scores.device)
    following = tags[0]
    for t in range(T - 1, -1, -1):
        leaving = torch.where(ends_here[t].unsqueeze(1), end, arriving.index_select(0, following))
        following = torch.argmax(best[t] + leaving, -1, out=tags[t])
    return tags.T.masked_fill(~keep, 0)


def viterbi_reference(
    scores: Float[Tensor, "B T N"],
    transitions: Float[Tensor, "N N"],
    start: Float[Tensor, " N"],
    end: Float[Tensor, " N"],
    keep: Bool[Tensor, "B T"] | None = None,
) -> Int[Tensor, "B T"]:
    """`viterbi` in plain algebra: row by row, with the best tag before each tag written down."""
    keep = require_chain(scores, transitions, keep)
    tags = torch.zeros(keep.shape, dtype=torch.long)
    for row, (steps, real) in enumerate(zip(scores, keep, strict=True)):
        best, came_from = start, []
        for t, step in enumerate(steps[real]):
            if t > 0:
                best, places = (best.unsqueeze(1) + transitions).max(0)
                came_from.append(places)
            best = best + step
        if real.any():
            path = [int((best + end).argmax())]
            for places in reversed(came_from):
                path.append(int(places[path[-1]]))
            tags[row, : len(path)] = torch.tensor(path[::-1])
    return tags
