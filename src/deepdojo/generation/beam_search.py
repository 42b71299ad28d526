"""Beam search: several beginnings are kept side by side, and the best whole text wins.

Dimensions: B rows, P length of the prompts, K beams, V vocabulary, n tokens written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.errors import UsageError
from deepdojo.generation.modes import evaluating
from deepdojo.generation.reading import Reading
from deepdojo.generation.stopping import stop_tokens
from deepdojo.layers import current

__all__ = ["beam_search", "current_beam_search"]


def beam_search(
    model: nn.Module,
    prompt: Int[Tensor, "B P"],
    count: int,
    *,
    beams: int = 4,
    stop: Collection[int] = (),
    length_power: float = 1.0,
    keep: Bool[Tensor, "B P"] | None = None,
    source: Tensor | None = None,
    source_keep: Bool[Tensor, "B S"] | None = None,
) -> tuple[Int[Tensor, "B K n"], Float[Tensor, "B K"]]:
    """The K best texts of each row that were found, best first, and their scores.

    A text's score is its log-probability divided by (its tokens)^length_power. At each step all continuations of a
    row's beginnings are compared by log-probability (they are of one length), and the best K - f stay, f the number of
    texts that have ended: with one beam this is greedy, with V^n of them a full search.

    Args:
        model, prompt, count, keep, source, source_keep: as in `sample`.
        beams: K.
        stop: tokens that end a text; they count as one of its tokens.
        length_power: 0 prefers short texts, 1 compares the mean log-probability of a token.

    Returns:
        tokens after the prompts (behind its end a text repeats its last token), and scores; a text that was not found
        has the score -inf.

    Cost: K rows of a batch for each row, and one gather of the cache a step where beams cross.
    Source: Sutskever et al. 2014, section 3.2; length: Wu et al. 2016, section 7, without its constant.
    Raises: UsageError for fewer than one beam.
    """
    if beams < 1:
        raise UsageError(f"beams is {beams}; it must be at least 1", where="beams")
    if not -10 <= length_power <= 10:
        raise UsageError(f"length_power is {length_power:g}; it must lie from -10 to 10", where="length_power")
    with evaluating(model), torch.inference_mode():
        reading = Reading(model, prompt, count, keep, source, source_keep)
        found = _Found(_wide(reading.scores), prompt, beams, count, length_power)
        _search(reading, found, beams, stop_tokens(stop, prompt))
    return found.best()


def current_beam_search(beams: int, *, several: bool = False) -> Callable[..., tuple[Tensor, Tensor]]:
    """The search that a task writes with: a learner's where there is one, which gives the best text alone.

    Args:
        beams: with one there is nothing to search, and ours is taken.
        several: the texts beside the best one are needed, too.
    """
    return beam_search if beams == 1 or several else current("beam_search", beam_search)


def _search(reading: Reading, found: _Found, K: int, ends: Tensor) -> None:
    B, V = reading.scores.shape
    reading.reorder(torch.arange(B, device=reading.tokens.device).repeat_interleave(K))
    # All beams of a row start as the same text: only the first may go on, or they would stay the same.
    total = _wide(reading.scores).new_full((B, K), -torch.inf)
    total[:, 0] = 0.0
    row = torch.arange(B, device=total.device)[:, None] * K
    room = torch.arange(K, device=total.device)
    for step in range(found.count):
        scores = total[:, :, None] + torch.log_softmax(_wide(reading.scores), -1).view(B, K, V)
        total, place = scores.flatten(1).topk(min(K, K * V), 1)  # (B, K)
        if total.shape[1] < K:  # a vocabulary of one token
            total = torch.nn.functional.pad(total, (0, K - total.shape[1]), value=-torch.inf)
            place = torch.nn.functional.pad(place, (0, K - place.shape[1]))
        total = total.masked_fill(room >= K - found.ended[:, None], -torch.inf)
        parent, token = (row + place // V).flatten(), place % V
        if not torch.equal(parent, torch.arange(B * K, device=parent.device)):
            reading.reorder(parent)
        stopped = torch.isin(token, ends) & (total > -torch.inf)
        last = step == found.count - 1
        over = total > -torch.inf if last else stopped
        if last or bool(stopped.any()):
            found.add(reading.written, token, total, over)
            total = total.masked_fill(over, -torch.inf)
        finished = last or not bool((total > -torch.inf).any())
        reading.take(token.flatten(), last=finished)
        if finished:
            return


def _wide(scores: Tensor) -> Tensor:
    """Log-probabilities of many tokens are added: in float32 at least."""
    return scores if scores.dtype == torch.float64 else scores.float()


class _Found:
    """The texts of each row that have ended, at most K of them."""

    def __init__(self, like: Tensor, prompt: Tensor, K: int, count: int, power: float) -> None:
        B = len(prompt)
        self.count, self.power = count, power
        self.tokens = prompt.new_zeros(B, K, count)
        self.scores = like.new_full((B, K), -torch.inf)
        self.ended = torch.zeros(B, dtype=torch.long, device=like.device)
        self.longest = 1

    def add(self, written: Tensor, token: Tensor, total: Tensor, over: Tensor) -> None:
        """Keeps the texts that are over: what was written, and the token that ends it."""
        K = token.shape[1]
        n = written.shape[1] + 1
        self.longest = max(self.longest, n)
        for b, k in over.nonzero().tolist():
            place = int(self.ended[b])
            self.tokens[b, place, : n - 1] = written[b * K + k]
            self.tokens[b, place, n - 1 :] = token[b, k]
            self.scores[b, place] = total[b, k] / n**self.power
            self.ended[b] += 1

    def best(self) -> tuple[Tensor, Tensor]:
        scores, order = torch.sort(self.scores, dim=1, descending=True, stable=True)
        tokens = self.tokens.gather(1, order[:, :, None].expand_as(self.tokens))
        return tokens[:, :, : self.longest].clone(), scores.clone()
