"""What is done to scores before a token is drawn: one function an idea, in the order in which they are applied.

Dimensions: B batch, V vocabulary, n tokens so far.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["filtered", "keep_min_p", "keep_top_k", "keep_top_p", "repetition_penalty"]


def repetition_penalty(
    scores: Float[Tensor, "B V"], text: Int[Tensor, "B n"], penalty: float, keep: Bool[Tensor, "B n"] | None = None
) -> Float[Tensor, "B V"]:
    """Tokens that stand in the text lose: positive scores are divided by `penalty`, negative ones multiplied.

    Source: Keskar et al. 2019 (CTRL), section 4.1.
    """
    seen = torch.zeros_like(scores, dtype=torch.bool)
    real = torch.ones_like(text, dtype=torch.bool) if keep is None else keep
    seen.scatter_(1, text, real) if keep is None else seen.scatter_reduce_(1, text, real, "amax")
    return torch.where(seen, torch.where(scores > 0, scores / penalty, scores * penalty), scores)


def keep_top_k(scores: Float[Tensor, "B V"], k: int) -> Float[Tensor, "B V"]:
    """All but the k best scores become -inf; equals of the k-th stay. Source: Fan et al. 2018."""
    if k >= scores.shape[-1]:
        return scores
    least = scores.topk(k, -1).values[:, -1:]
    return scores.masked_fill(scores < least, -torch.inf)


def keep_top_p(scores: Float[Tensor, "B V"], p: float) -> Float[Tensor, "B V"]:
    """Only the smallest set of likeliest tokens that together have probability p stays, at least the likeliest.

    Source: Holtzman et al. 2020 (nucleus sampling).
    """
    if p >= 1:
        return scores
    ordered, places = torch.sort(torch.softmax(scores, -1), dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered
    out = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, places, before >= p)
    return scores.masked_fill(out, -torch.inf)


def keep_min_p(scores: Float[Tensor, "B V"], share: float) -> Float[Tensor, "B V"]:
    """Tokens less likely than `share` times the likeliest go: few stay where the model is sure, many where it is not.

    Source: Nguyen et al. 2024.
    """
    chances = torch.softmax(scores, -1)
    return scores.masked_fill(chances < share * chances.amax(-1, keepdim=True), -torch.inf)


def filtered(
    scores: Float[Tensor, "B V"],
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Float[Tensor, "B V"]:
    """The probabilities that tokens are drawn with: temperature, then top-k, top-p and min-p, then softmax."""
    if temperature == 0:
        return torch.nn.functional.one_hot(scores.argmax(-1), scores.shape[-1]).float()
    scores = (scores - scores.amax(-1, keepdim=True)) / temperature  # however small, the best stays 0
    if top_k is not None:
        scores = keep_top_k(scores, top_k)
    if top_p is not None:
        scores = keep_top_p(scores, top_p)
    if min_p is not None:
        scores = keep_min_p(scores, min_p)
    return torch.softmax(scores, -1)
