"""The log of the sum over all paths of a chain of tags, whose gradient is the marginals.

Dimensions: B batch, T time, N tags. `keep` is boolean, True = a real step; padding stands at the end of a row.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.crf_forward_backward import forward_backward, require_chain

__all__ = ["log_partition", "log_partition_reference"]


def log_partition(
    scores: Float[Tensor, "B T N"],
    transitions: Float[Tensor, "N N"],
    start: Float[Tensor, " N"],
    end: Float[Tensor, " N"],
    keep: Bool[Tensor, "B T"] | None = None,
) -> Float[Tensor, " B"]:
    """log Z, the log of the sum over all paths y of exp(score(y)).

    score(y) = start[y_1] + sum_t scores[t, y_t] + sum_t transitions[y_{t-1}, y_t] + end[y_T].

    A row without steps has one path, the empty one, of score 0.

    Numerics: see `forward_backward`. The derivative of log Z with respect to a score is the probability of that tag at
    that step, with respect to a transition the expected number of its uses: both come from the recursion from the end,
    which runs with the one from the start. Hence no graph of T steps; a second derivative is refused with an error.
    Cost: O(B·T·N²) operations, O(B·T·N) memory.
    Source: Lafferty, McCallum & Pereira 2001; recursions as in Rabiner 1989, sections III.A and V.A.
    Raises: ShapeError for a wrong width or mask.
    """
    keep = require_chain(scores, transitions, keep)
    if keep.numel() == 0:
        return scores.sum((1, 2))
    return _LogPartition.apply(scores, transitions, start, end, keep)


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, transitions: Tensor, start: Tensor, end: Tensor, keep: Tensor) -> Tensor:
        m = forward_backward(scores, transitions, start, end, keep)
        ctx.save_for_backward(m.marginals, m.left, m.right, m.transitions, keep)
        ctx.scaled, ctx.dtypes = m.scaled, [t.dtype for t in (scores, transitions, start, end)]
        return m.log_z.to(torch.result_type(scores, transitions))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # create_graph=True: silence would give a wrong second derivative
            raise RuntimeError("log_partition has no second derivative; log_partition_reference has one")
        marginals, left, right, transitions, keep = ctx.saved_tensors
        weighted = marginals * gradient.to(marginals.dtype).unsqueeze(-1)  # (T, B, N)
        weights = gradient.to(right.dtype).view(1, -1, 1)
        pairs = _pairs(left, right, transitions, weights, ctx.scaled)
        steps = torch.arange(1, keep.shape[1] + 1, device=keep.device).unsqueeze(1)
        last = (steps == keep.sum(1)).unsqueeze(-1)  # (T, B, 1)
        gradients = (weighted.transpose(0, 1), pairs, weighted[:1].sum((0, 1)), (weighted * last).sum((0, 1)))
        return *(g.to(dtype) for g, dtype in zip(gradients, ctx.dtypes, strict=True)), None


def _pairs(left: Tensor, right: Tensor, transitions: Tensor, weights: Tensor, scaled: bool) -> Tensor:
    """Expected number of uses of each transition, (N, N), each row of the batch with its weight."""
    if scaled:
        return transitions * (left[:-1].flatten(0, 1).T @ (right[1:] * weights).flatten(0, 1))
    total = torch.zeros_like(transitions)
    for a, b in zip(left[:-1], right[1:], strict=True):
        uses = (a.unsqueeze(2) + transitions + b.unsqueeze(1)).exp()  # (B, N, N)
        total += (uses * weights.view(-1, 1, 1)).sum(0)
    return total


def log_partition_reference(
    scores: Float[Tensor, "B T N"],
    transitions: Float[Tensor, "N N"],
    start: Float[Tensor, " N"],
    end: Float[Tensor, " N"],
    keep: Bool[Tensor, "B T"] | None = None,
) -> Float[Tensor, " B"]:
    """`log_partition` in plain algebra: a_t(j) = log sum_i exp(a_{t-1}(i) + transitions(i, j)) + scores_t(j)."""
    keep = require_chain(scores, transitions, keep)
    rows = []
    for row, real in zip(scores, keep, strict=True):
        steps = row[real]
        a = start  # before the first step: what it costs to begin with each tag
        for t, step in enumerate(steps):
            a = (a if t == 0 else (a.unsqueeze(1) + transitions).logsumexp(0)) + step
        rows.append((a + end).logsumexp(0) if len(steps) else (0 * row).sum())
    return torch.stack(rows) if rows else scores.new_zeros(0)
