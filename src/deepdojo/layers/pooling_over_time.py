"""Pooling over time: the steps of a sequence become one vector, or the k largest of each column.

Dimensions: B batch, T time, D width, A width of the attention. `keep` is boolean, True = a real step. A row without any
    real step gives zeros and passes no gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.fully_connected import Linear, linear_reference
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import ShapeError, require_width
from deepdojo.layers.softmax_over_kept import softmax_over_kept

__all__ = [
    "AttentionPooling",
    "attention_pooling_reference",
    "k_max_over_time",
    "k_max_over_time_reference",
    "last_over_time",
    "last_over_time_reference",
    "max_over_time",
    "max_over_time_reference",
    "mean_over_time",
    "mean_over_time_reference",
]


def max_over_time(x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B D"]:
    """The largest number of each column over the real steps. Source: Collobert et al. 2011; Kim 2014."""
    if x.shape[1] == 0:
        return x.new_zeros(x.shape[0], x.shape[2])
    if keep is None:
        return x.max(1).values
    _require_keep(x, keep)
    best = x.masked_fill(~keep.unsqueeze(-1), -torch.inf).max(1).values
    return best.masked_fill(~keep.any(1, keepdim=True), 0.0)


def mean_over_time(x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B D"]:
    """The mean of each column over the real steps. Source: Iyyer et al. 2015 ("deep averaging network")."""
    if keep is None:
        return x.sum(1) / max(x.shape[1], 1)
    _require_keep(x, keep)
    total = x.masked_fill(~keep.unsqueeze(-1), 0.0).sum(1)
    return total / keep.sum(1, keepdim=True).clamp(min=1)


def last_over_time(x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B D"]:
    """The last real step of each row: what was remembered at its end. Source: Cho et al. 2014, section 2.2."""
    if x.shape[1] == 0:
        return x.new_zeros(x.shape[0], x.shape[2])
    if keep is None:
        return x[:, -1]
    _require_keep(x, keep)
    steps = torch.arange(1, x.shape[1] + 1, device=x.device)
    last = (keep * steps).amax(1)  # 0 where nothing is kept
    picked = x.gather(1, (last - 1).clamp(min=0)[:, None, None].expand(-1, 1, x.shape[2])).squeeze(1)
    return picked.masked_fill((last == 0).unsqueeze(-1), 0.0)


def k_max_over_time(
    x: Float[Tensor, "B T D"], k: int, keep: Bool[Tensor, "B T"] | None = None
) -> Float[Tensor, "B k D"]:
    """The k largest numbers of each column over the real steps, in the order in which they stand in the text.

    A row of fewer than k real steps gives them all, then zeros. Of equal numbers any may be taken.

    Source: Kalchbrenner, Grefenstette & Blunsom 2014, section 3.2.
    Raises: RecipeError for k below 1.
    """
    if k < 1:
        raise RecipeError(f"k must be 1 or more, got {k}", where="k_max_over_time")
    if keep is None:
        keep = x.new_ones(x.shape[:2], dtype=torch.bool)
    _require_keep(x, keep)
    missing = max(0, k - x.shape[1])
    x, keep = F.pad(x, (0, 0, 0, missing)), F.pad(keep, (0, missing))
    T = x.shape[1]
    places = x.masked_fill(~keep.unsqueeze(-1), -torch.inf).topk(k, 1).indices  # (B, k, D), by size
    real = keep.unsqueeze(-1).expand_as(x).gather(1, places)
    places = places.masked_fill(~real, T).sort(1).values  # by place, padding behind
    return x.gather(1, places.clamp(max=T - 1)).masked_fill(places == T, 0.0)


class AttentionPooling(Layer):
    """A mean of the steps, weighted by how well each answers a learned question.

    a = softmax over the real steps of q·tanh(W x_t + b), y = sum_t a_t x_t.

    Args:
        width: D.
        attention_width: A; 0 takes D.

    Cost: 2·B·T·D·A operations for W x_t, and little beside.
    Returns (B, D); `weights(x, keep)` gives a, (B, T), to be drawn.
    Initialisation: W and b as Linear, q uniform ±1/√A.
    Source: Yang et al. 2016, "Hierarchical attention networks", section 2.2.
    """

    def __init__(self, width: int, attention_width: int = 0) -> None:
        super().__init__()
        self.width = width
        self.project = Linear(width, attention_width or width)
        self.question = Linear(attention_width or width, 1, bias=False)
        self.softmax = current("softmax")

    def weights(self, x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B T"]:
        require_width("AttentionPooling", x, self.width, rank=3)
        if keep is not None:
            _require_keep(x, keep)
        scores = self.question(torch.tanh(self.project(x))).squeeze(-1)
        return softmax_over_kept(scores, keep, self.softmax)

    def forward(self, x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B D"]:
        if keep is not None:
            _require_keep(x, keep)
            x = x.masked_fill(~keep.unsqueeze(-1), 0.0)
        return (self.weights(x, keep).unsqueeze(1) @ x).squeeze(1)


def _require_keep(x: Tensor, keep: Tensor) -> None:
    if keep.shape != x.shape[:2] or keep.dtype != torch.bool:
        raise ShapeError(f"keep must be bool {tuple(x.shape[:2])}, got {keep.dtype} {tuple(keep.shape)}")


def max_over_time_reference(x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B D"]:
    """`max_over_time` in plain algebra, as are those below: one row after another, its real steps alone."""
    return _row_by_row(x, keep, lambda steps: steps.max(0).values)


def mean_over_time_reference(
    x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None
) -> Float[Tensor, "B D"]:
    """`mean_over_time`."""
    return _row_by_row(x, keep, lambda steps: steps.sum(0) / len(steps))


def last_over_time_reference(
    x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None
) -> Float[Tensor, "B D"]:
    """`last_over_time`."""
    return _row_by_row(x, keep, lambda steps: steps[-1])


def k_max_over_time_reference(
    x: Float[Tensor, "B T D"], k: int, keep: Bool[Tensor, "B T"] | None = None
) -> Float[Tensor, "B k D"]:
    """`k_max_over_time`."""

    def largest(steps: Tensor) -> Tensor:
        places = steps.topk(min(k, len(steps)), 0).indices.sort(0).values
        return F.pad(steps.gather(0, places), (0, 0, 0, k - len(places)))

    return _row_by_row(x, keep, largest, k)


def attention_pooling_reference(
    pooling: AttentionPooling, x: Float[Tensor, "B T D"], keep: Bool[Tensor, "B T"] | None = None
) -> Float[Tensor, "B D"]:
    """`pooling(x, keep)`."""
    W, b, q = pooling.project.weight, pooling.project.bias, pooling.question.weight[0]

    def mean(steps: Tensor) -> Tensor:
        scores = torch.exp(torch.tanh(linear_reference(steps, W, b)) @ q)
        return (scores / scores.sum()) @ steps

    return _row_by_row(x, keep, mean)


def _row_by_row(x: Tensor, keep: Tensor | None, pool: Callable[[Tensor], Tensor], *more: int) -> Tensor:
    keep = x.new_ones(x.shape[:2], dtype=torch.bool) if keep is None else keep
    nothing = x.new_zeros(*more, x.shape[2])
    return torch.stack([pool(row[real]) if real.any() else nothing for row, real in zip(x, keep, strict=True)])
