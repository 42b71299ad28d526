"""Messages of a chain of tags, from its start and from its end: the two recursions behind a CRF's sum and marginals.

Dimensions: B batch, T time, N tags. `keep` is boolean, True = a real step; padding stands at the end of a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.recurrence import turned_round
from deepdojo.layers.shapes import ShapeError, require_width

__all__ = ["Messages", "forward_backward", "require_chain"]


@dataclass
class Messages:
    """What each step is told from both sides; all (T, B, N), as logs or (`scaled`) as numbers up to a factor.

    Attributes:
        log_z: the log of the sum over all paths, (B,); 0 for a row without steps.
        marginals: probability of each tag at each step, zeros at padding.
        left: sum over all beginnings that end in a tag.
        right: sum over all ends that begin in a tag, this step's own score with it, divided by the sum over all paths:
            left[t-1] (i), the transition (i, j) and right[t] (j) multiply to the probability of that pair of tags.
        transitions: (N, N), in logs or scaled as the messages.
        scaled: whether the messages are numbers rather than logs.
    """

    log_z: Tensor
    marginals: Tensor
    left: Tensor
    right: Tensor
    transitions: Tensor
    scaled: bool


def forward_backward(
    scores: Float[Tensor, "B T N"],
    transitions: Float[Tensor, "N N"],
    start: Float[Tensor, " N"],
    end: Float[Tensor, " N"],
    keep: Bool[Tensor, "B T"],
) -> Messages:
    """Both recursions at once, over at least one row and step; the one from the end runs over the rows turned round.

    Numerics: where the scores allow it sums are taken of numbers, not of logs: exp(score - the greatest), one matrix
    product a step, divided by its sum so that nothing grows or shrinks. That is exact while no number that may matter
    falls below the smallest of its type, which is so where the ranges of scores and transitions add up to less than
    75 in float32, 600 in float64 (exp(-87) and exp(-708) are the smallest). A wider range takes float64, and at last
    logs are summed in float64, which is slower.
    """
    B, T, N = scores.shape
    # Both recursions read their steps from one table, the second one the turned rows; padding reads a row of zeros.
    turned = turned_round(keep).T  # (T, B)
    rows = torch.arange(B, device=keep.device)
    onward = torch.arange(T, device=keep.device).unsqueeze(1).expand(T, B)
    places = torch.stack([onward, turned], 1).add_(rows * T).masked_fill_(~keep.T.unsqueeze(1), B * T)
    table = torch.cat([scores.reshape(B * T, N), scores.new_zeros(1, N)])
    both = table.index_select(0, places.flatten()).view(T, 2, B, N)
    back = turned * 2 * B + B + rows  # where, among (t, 2, B) results, those of the recursion from the end lie
    ways = torch.stack([transitions, transitions.T])  # (2, N, N)
    firsts = torch.stack([start, end]).unsqueeze(1)  # (2, 1, N)
    (low, high), (least, most) = both.aminmax(), torch.cat([ways.flatten(), firsts.flatten()]).aminmax()
    spread = float(high - low + 2 * (most - least))
    if scores.dtype != torch.float64 and spread < 75:
        dtype, run = torch.float32, _by_numbers
    else:
        dtype = torch.float32 if scores.device.type == "mps" else torch.float64  # there are no others there
        run = _by_numbers if spread < (600 if dtype == torch.float64 else 75) else _by_logs
    return run(both.to(dtype), ways.to(dtype), firsts.to(dtype), back, keep)


def _by_numbers(both: Tensor, ways: Tensor, firsts: Tensor, back: Tensor, keep: Tensor) -> Messages:
    top, most = both.amax(), ways.amax()
    factors, moves = (both - top).exp_(), (ways - most).exp()
    ends = (firsts - firsts.amax(-1, keepdim=True)).exp()
    before, after = torch.empty_like(factors), torch.empty_like(factors)  # without and with a step's own score
    sums = factors.new_empty(*factors.shape[:3], 1)
    before[0] = ends
    last = None
    for factor, sent, told, total in zip(*(t.unbind(0) for t in (factors, before, after, sums)), strict=True):
        if last is not None:
            torch.bmm(last, moves, out=sent)
        torch.mul(sent, factor, out=told)
        torch.sum(told, -1, keepdim=True, out=total)
        told.div_(total)
        last = told
    left, from_end = after[:, 0], before.flatten(0, 2).index_select(0, back.flatten()).view_as(before[:, 0])
    marginals = left * from_end
    marginals = marginals.div_(marginals.sum(-1, keepdim=True)).mul_(keep.T.unsqueeze(-1))
    right = marginals / before[:, 0]  # what came from the start is in the marginals, and taken out again
    lengths = keep.sum(1)
    logs = sums[:, 0].log().squeeze(-1).masked_fill(~keep.T, 0.0).sum(0)  # (B,)
    finish = (_last(left, lengths) * ends[1]).sum(-1).log() + firsts.amax(-1).sum()
    log_z = logs + lengths * top + (lengths - 1) * most + finish
    return Messages(log_z.masked_fill(lengths == 0, 0.0), marginals, left, right, moves[0], scaled=True)


def _by_logs(both: Tensor, ways: Tensor, firsts: Tensor, back: Tensor, keep: Tensor) -> Messages:
    before, after = torch.empty_like(both), torch.empty_like(both)
    before[0], after[0] = firsts, both[0] + firsts
    for t in range(1, both.shape[0]):
        before[t] = (after[t - 1].unsqueeze(-1) + ways.unsqueeze(1)).logsumexp(-2)
        after[t] = before[t] + both[t]
    left, from_end = after[:, 0], before.flatten(0, 2).index_select(0, back.flatten()).view_as(before[:, 0])
    real, lengths = keep.T.unsqueeze(-1), keep.sum(1)
    log_z = (_last(left, lengths) + firsts[1]).logsumexp(-1)
    marginals = (left + from_end).softmax(-1).masked_fill(~real, 0.0)
    right = (both[:, 0] + from_end - log_z.unsqueeze(-1)).masked_fill(~real, -torch.inf)
    return Messages(log_z.masked_fill(lengths == 0, 0.0), marginals, left, right, ways[0], scaled=False)


def _last(messages: Tensor, lengths: Tensor) -> Tensor:
    """The message of each row's last real step, (B, N)."""
    _, B, N = messages.shape
    return messages.gather(0, (lengths - 1).clamp(min=0)[None, :, None].expand(1, B, N)).squeeze(0)


def require_chain(scores: Tensor, transitions: Tensor, keep: Tensor | None) -> Tensor:
    """`keep`, or all True; raises ShapeError unless scores are (B, T, N) and padding stands at the end of each row."""
    require_width("CRF", scores, transitions.shape[0], rank=3)
    if keep is None:
        return scores.new_ones(scores.shape[:2], dtype=torch.bool)
    if keep.shape != scores.shape[:2] or keep.dtype != torch.bool:
        raise ShapeError(f"keep must be bool {tuple(scores.shape[:2])}, got {keep.dtype} {tuple(keep.shape)}")
    gap = (keep[:, 1:] & ~keep[:, :-1]).any(1)
    if bool(gap.any()):
        row = int(gap.int().argmax())
        raise ShapeError(f"a CRF needs the real steps of each row at its front; keep has a gap in row {row}")
    return keep
