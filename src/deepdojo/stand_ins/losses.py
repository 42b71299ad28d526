"""`lm_loss` and `ctc_loss` of the lessons in the places of ours. B batch, T tokens, S frames, V vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["ctc_loss", "lm_loss"]


def lm_loss(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """The lesson's loss shifts by itself and gives a mean over all rows; ours gets the answers already shifted and
    gives a sum for each row. So each row is handed over with one more step at its ends, which the shift takes away."""
    mean = own["lm_loss"]

    def summed(logits: Tensor, targets: Tensor, ignored: int = -100) -> Tensor:
        asked = targets != ignored
        first = targets.new_zeros(len(targets), 1)
        ids = torch.cat([first, targets.masked_fill(~asked, 0)], 1)  # (B, T + 1)
        keep = torch.cat([torch.ones_like(first, dtype=torch.bool), asked], 1)
        longer = torch.cat([logits, logits.new_zeros(logits.shape[0], 1, logits.shape[2])], 1)
        rows = []
        for row in range(len(targets)):
            one = slice(row, row + 1)
            count = asked[row].sum()
            rows.append(mean(longer[one], ids[one], keep[one]) * count if count else longer[row].sum() * 0)
        return torch.stack(rows) if rows else logits.new_zeros(0)

    return {"next_token_loss": summed}


def ctc_loss(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """The lesson counts frames and labels; ours has masks, and may be asked for 0 where no alignment fits."""
    loss = own["ctc_loss"]

    def masked(
        scores: Tensor, targets: Tensor, keep: Tensor | None = None, target_keep: Tensor | None = None,
        blank: int = 0, zero_infinity: bool = False,
    ) -> Tensor:  # fmt: skip
        keep = torch.ones(scores.shape[:2], dtype=torch.bool, device=scores.device) if keep is None else keep
        real = torch.ones_like(targets, dtype=torch.bool) if target_keep is None else target_keep
        fits = _fit(targets, keep.sum(1), real) if zero_infinity else torch.ones_like(keep[:, 0])
        found = scores.new_zeros(len(scores))
        if bool(fits.any()):
            asked = (scores[fits], targets[fits], keep[fits].sum(1), real[fits].sum(1))
            each = loss(*asked, blank)
            if each.dim() == 0:  # a mean over rows: each row by itself then
                each = torch.stack([loss(*(part[b : b + 1] for part in asked), blank) for b in range(len(asked[0]))])
            found = found.index_put((fits.nonzero()[:, 0],), each)
        return found

    return {"ctc_loss": masked}


def _fit(targets: Tensor, frames: Tensor, real: Tensor) -> Tensor:
    """Whether the labels of a row, and a blank between equal neighbours, have room in its frames."""
    doubled = (targets[:, 1:] == targets[:, :-1]) & real[:, 1:]
    return real.sum(1) + doubled.sum(1) <= frames
