"""Conditional random field: the tags of a sentence are scored together, not one by one.

Dimensions: B batch, T time, N tags. `keep` is boolean, True = a real step; padding stands at the end of a row.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.crf_forward_backward import require_chain
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import ShapeError

__all__ = ["CRF", "path_score"]


class CRF(Layer):
    """p(y | x) = exp(score(y)) / Z over all paths y of tags; `log_partition` has score and Z.

    `nll` is the loss, `decode` gives the best path, `marginals` the probability of each tag at each step.

    Args:
        num_tags: N.

    Parameter names and initialisation (uniform ±0.1) are pytorch-crf's, so its state dict loads:
    `transitions[i, j]` is the score of going from i to j. A length of 0 is allowed, and costs nothing.
    Source: Lafferty, McCallum & Pereira 2001; over an LSTM: Huang, Xu & Yu 2015.
    Raises: RecipeError for no tags; ShapeError for a wrong width, a mask with gaps, or tags that are none.
    """

    def __init__(self, num_tags: int) -> None:
        super().__init__()
        if num_tags < 1:
            raise RecipeError(f"a CRF needs 1 tag or more, got {num_tags}", where="CRF")
        self.num_tags = num_tags
        self.start_transitions = nn.Parameter(torch.empty(num_tags))
        self.end_transitions = nn.Parameter(torch.empty(num_tags))
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags))
        self.log_partition = current("log_partition")
        self.viterbi = current("viterbi")
        self.tag_marginals = current("tag_marginals")
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            for parameter in (self.start_transitions, self.end_transitions, self.transitions):
                parameter.uniform_(-0.1, 0.1)

    def _chain(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.transitions, self.start_transitions, self.end_transitions

    def nll(
        self, scores: Float[Tensor, "B T N"], tags: Int[Tensor, "B T"], keep: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, " B"]:
        """-log p(tags) of each row, log Z - score(tags). What stands in `tags` at padding never matters."""
        return self.log_partition(scores, *self._chain(), keep) - path_score(scores, tags, *self._chain(), keep)

    def forward(
        self, scores: Float[Tensor, "B T N"], tags: Int[Tensor, "B T"], keep: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, " B"]:
        return self.nll(scores, tags, keep)

    def decode(self, scores: Float[Tensor, "B T N"], keep: Bool[Tensor, "B T"] | None = None) -> Int[Tensor, "B T"]:
        """The tags of the best path; 0 at padding."""
        return self.viterbi(scores, *self._chain(), keep)

    def marginals(
        self, scores: Float[Tensor, "B T N"], keep: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T N"]:
        """The probability of each tag at each step; zeros at padding. It passes no gradient."""
        return self.tag_marginals(scores, *self._chain(), keep)

    def extra_repr(self) -> str:
        return f"{self.num_tags}"


def path_score(
    scores: Float[Tensor, "B T N"],
    tags: Int[Tensor, "B T"],
    transitions: Float[Tensor, "N N"],
    start: Float[Tensor, " N"],
    end: Float[Tensor, " N"],
    keep: Bool[Tensor, "B T"] | None = None,
) -> Float[Tensor, " B"]:
    """start[y_1] + sum_t scores[t, y_t] + sum_t transitions[y_{t-1}, y_t] + end[y_T]; 0 for a row without steps."""
    keep = require_chain(scores, transitions, keep)
    N = transitions.shape[0]
    if tags.shape != keep.shape:
        raise ShapeError(f"tags must be {tuple(keep.shape)} as the scores are, got {tuple(tags.shape)}")
    if keep.numel() == 0:
        return scores.sum((1, 2))
    tags = tags.masked_fill(~keep, 0)
    low, high = (int(t) for t in tags.aminmax())
    if low < 0 or high >= N:
        raise ShapeError(f"tags run from 0 to {N - 1}, got {low if low < 0 else high}")
    # All scores in one row, and where in it each row of the batch finds its own: one look-up for all of them.
    B, T = tags.shape
    table = torch.cat([scores.flatten(), transitions.flatten(), start, end, scores.new_zeros(1)])
    pairs, begin, nothing = B * T * N, B * T * N + N * N, len(table) - 1
    steps = torch.arange(0, B * T * N, N, device=tags.device).view(B, T) + tags
    moves = pairs + tags[:, :-1] * N + tags[:, 1:]
    last = tags.gather(1, (keep.sum(1, keepdim=True) - 1).clamp(min=0))
    index = torch.cat([steps, moves, begin + tags[:, :1], begin + N + last], 1)
    real = torch.cat([keep, keep[:, 1:], keep[:, :1], keep[:, :1]], 1)
    return table.gather(0, index.masked_fill(~real, nothing).flatten()).view(B, -1).sum(1)
