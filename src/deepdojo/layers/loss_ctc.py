"""Connectionist temporal classification: a loss for labels whose place among the frames nobody knows.

Dimensions: B batch, S frames, L labels of a row, V vocabulary with the blank. `keep` is boolean, True = a real frame;
    padding stands at the end of a row.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from deepdojo.layers.shapes import ShapeError

__all__ = ["ctc_greedy", "ctc_loss", "ctc_loss_reference"]

_NEVER = -1e30  # the log of a probability of 0 that can still be differentiated


def ctc_loss(
    scores: Float[Tensor, "B S V"],
    targets: Int[Tensor, "B L"],
    keep: Bool[Tensor, "B S"] | None = None,
    target_keep: Bool[Tensor, "B L"] | None = None,
    blank: int = 0,
    zero_infinity: bool = False,
) -> Float[Tensor, " B"]:
    """-log of the sum over all alignments of the product of their frames' probabilities, p = softmax(scores).

    An alignment gives each frame a label or the blank; merging equal neighbours and then dropping the blanks gives the
    target. So equal neighbours in a target need a blank between them. No label at all is aligned with blanks alone;
    without frames that costs nothing.

    Args:
        scores: of each frame, before the softmax: the gradient is with respect to them. (torch's own loss takes log
            probabilities, and its gradient is right only where they come from a softmax.)
        targets: labels; what stands in the padding never matters.
        keep: the real frames; None: all.
        target_keep: the real labels; None: all.
        blank: the id of the blank.
        zero_infinity: a target that is too long for its frames has no alignment and an infinite loss, whose gradient is
            not a number. True makes both 0: such a row then teaches nothing.

    Returns: the loss of each row, not divided by its length.
    Cost: O(B·S·L) beside the softmax.
    Source: Graves et al. 2006, "Connectionist temporal classification", section 4.1.
    Raises: ShapeError for a wrong rank or mask, a gap in a mask, or targets that are no labels.
    """
    keep, target_keep = _require(scores, targets, keep, target_keep, blank)
    if scores.shape[0] == 0 or scores.shape[1] == 0:
        loss = torch.where(target_keep.any(1), torch.inf, 0.0).to(scores.dtype)
        return (loss.masked_fill(loss.isinf(), 0.0) if zero_infinity else loss) + scores.sum((1, 2))
    logs = scores.masked_fill(~keep.unsqueeze(-1), 0.0).log_softmax(-1).transpose(0, 1)
    spare = blank + 1 if blank == 0 else 0  # a label, so that torch's kernel accepts what stands in the padding
    targets = targets.masked_fill(~target_keep, spare)
    return F.ctc_loss(logs, targets, keep.sum(1), target_keep.sum(1), blank, "none", zero_infinity)


def ctc_greedy(
    scores: Float[Tensor, "B S V"], keep: Bool[Tensor, "B S"] | None = None, blank: int = 0
) -> list[list[int]]:
    """The labels of each row's most probable alignment: the best of each frame, neighbours merged, blanks dropped."""
    best = scores.argmax(-1)
    keep = torch.ones_like(best, dtype=torch.bool) if keep is None else keep
    _require_prefix("keep", keep, best.shape)
    fresh = torch.ones_like(keep)
    fresh[:, 1:] = best[:, 1:] != best[:, :-1]
    said = fresh & keep & (best != blank)
    return [row[real].tolist() for row, real in zip(best, said, strict=True)]


def ctc_loss_reference(
    scores: Float[Tensor, "B S V"],
    targets: Int[Tensor, "B L"],
    keep: Bool[Tensor, "B S"] | None = None,
    target_keep: Bool[Tensor, "B L"] | None = None,
    blank: int = 0,
    zero_infinity: bool = False,
) -> Float[Tensor, " B"]:
    """`ctc_loss` in plain algebra.

    Blanks are put around all labels; a(s) is the log of the sum over alignments that stand at place s of that. From one
    frame to the next an alignment stays, steps on by one, or leaps over a blank between two different labels.
    """
    keep, target_keep = _require(scores, targets, keep, target_keep, blank)
    losses = []
    for row, labels, real, said in zip(scores, targets, keep, target_keep, strict=True):
        places = [blank]
        for label in labels[said].tolist():
            places += [label, blank]
        leap = torch.tensor([i > 1 and p != blank and p != places[i - 2] for i, p in enumerate(places)])
        begins = torch.arange(len(places)) == 0  # before the first frame: at the place of the first blank ...
        a = torch.where(begins, 0.0, _NEVER).to(row.dtype)
        for frame in row[real]:
            one, two = F.pad(a, (1, 0), value=_NEVER)[:-1], F.pad(a, (2, 0), value=_NEVER)[: len(places)]
            ways = torch.stack([a, one, torch.where(leap, two, _NEVER)])
            a = ways.logsumexp(0) + frame.log_softmax(-1)[places]
        loss = (
            -a[-2:].logsumexp(0) + 0 * row[~real].nan_to_num().sum()
        )  # ... and at last on the last label or behind it
        possible = loss < -_NEVER / 2
        losses.append(torch.where(possible, loss, 0.0) if zero_infinity or possible else loss * torch.inf)
    return torch.stack(losses) if losses else scores.new_zeros(0)


def _require(
    scores: Tensor, targets: Tensor, keep: Tensor | None, target_keep: Tensor | None, blank: int
) -> tuple[Tensor, Tensor]:
    """Both masks, all True where none was given; ShapeError where something doesn't fit."""
    if scores.dim() != 3 or targets.dim() != 2 or targets.shape[0] != scores.shape[0]:
        raise ShapeError(
            f"CTC takes scores (B, S, V) and targets (B, L), got {tuple(scores.shape)} and {tuple(targets.shape)}"
        )
    V = scores.shape[2]
    if not 0 <= blank < V:
        raise ShapeError(f"the blank must be one of the {V} entries of the vocabulary, got {blank}")
    keep = scores.new_ones(scores.shape[:2], dtype=torch.bool) if keep is None else keep
    target_keep = torch.ones_like(targets, dtype=torch.bool) if target_keep is None else target_keep
    _require_prefix("keep", keep, scores.shape[:2])
    _require_prefix("target_keep", target_keep, targets.shape)
    wrong = target_keep & ((targets < 0) | (targets >= V) | (targets == blank))
    if bool(wrong.any()):
        raise ShapeError(f"targets run from 0 to {V - 1} without the blank {blank}, got {int(targets[wrong][0])}")
    return keep, target_keep


def _require_prefix(name: str, keep: Tensor, shape: tuple[int, ...]) -> None:
    if keep.shape != shape or keep.dtype != torch.bool:
        raise ShapeError(f"{name} must be bool {tuple(shape)}, got {keep.dtype} {tuple(keep.shape)}")
    if bool((keep[:, 1:] & ~keep[:, :-1]).any()):
        raise ShapeError(f"CTC needs what is real of each row at its front; {name} has gaps")
