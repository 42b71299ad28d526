"""Sampling from a language model. Dimensions: B batch, T length of the beginning, V vocabulary."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.errors import UsageError

__all__ = ["filtered", "sample"]


def sample(
    model: nn.Module,
    prompt: Int[Tensor, "B T"],
    count: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "B count"]:
    """`count` tokens after each row of `prompt`, each drawn from softmax(scores / temperature).

    A model with `new_cache` reads every token once; when its context is full, the later half of it is read anew, so
    that each token is drawn with between half a context and a whole one before it (or all there is).

    Args:
        prompt: at least one token; of a longer one than the context the end counts.
        temperature: below 1 bolder, above 1 wilder; 0 takes the likeliest token.
        top_k: draw from the k likeliest tokens alone (Fan et al. 2018).
        top_p: draw from the smallest set of tokens that together have this probability (Holtzman et al. 2020).
        generator: on the CPU, where all draws are made; the same on every device.

    Raises:
        UsageError: an option outside its range, or an empty prompt.
    """
    _check(prompt, count, temperature, top_k, top_p)
    context = int(getattr(getattr(model, "config", None), "context", 0)) or prompt.shape[1] + count
    text, was = prompt, model.training
    model.eval()
    try:
        with torch.inference_mode():
            cache, unread = _fresh(model, text, context)
            for _ in range(count):
                scores = model(unread, cache)[:, -1] if cache is not None else model(text[:, -context:])[:, -1]
                chances = filtered(scores.float().cpu(), temperature, top_k, top_p)
                token = torch.multinomial(chances, 1, generator=generator).to(text.device)
                text, unread = torch.cat([text, token], 1), token
                if cache is not None and cache[0].length >= context:
                    cache, unread = _fresh(model, text, context)
    finally:
        model.train(was)
    return text[:, prompt.shape[1] :].clone()


def _fresh(model: nn.Module, text: Tensor, context: int) -> tuple[list | None, Tensor]:
    """An empty cache and what has to be read into it: all, or of a text that fills the context its later half."""
    if not hasattr(model, "new_cache"):
        return None, text
    kept = text if text.shape[1] < context else text[:, -max(1, context // 2) :]
    return model.new_cache(context), kept  # type: ignore[operator]


def filtered(
    scores: Float[Tensor, "B V"], temperature: float, top_k: int | None = None, top_p: float | None = None
) -> Float[Tensor, "B V"]:
    """The probabilities that tokens are drawn with: 0 outside the k likeliest and outside the smallest set of
    probability `top_p`, which always holds the likeliest."""
    if temperature == 0:
        return torch.nn.functional.one_hot(scores.argmax(-1), scores.shape[-1]).float()
    scores = scores / temperature
    if top_k is not None and top_k < scores.shape[-1]:
        least = scores.topk(top_k, -1).values[:, -1:]
        scores = scores.masked_fill(scores < least, -torch.inf)
    chances = torch.softmax(scores, -1)
    if top_p is not None and top_p < 1:
        ordered, places = torch.sort(chances, dim=-1, descending=True, stable=True)
        before = ordered.cumsum(-1) - ordered
        chances = chances.scatter(-1, places, ordered.masked_fill(before >= top_p, 0.0))
    return chances / chances.sum(-1, keepdim=True)


def _check(prompt: Tensor, count: int, temperature: float, top_k: int | None, top_p: float | None) -> None:
    if prompt.shape[1] == 0:
        raise UsageError("there is nothing to write on from", where="prompt", todo="give at least one token")
    if count < 1:
        raise UsageError(f"count is {count}; it must be at least 1", where="count")
    if not temperature >= 0 or temperature == float("inf"):
        raise UsageError(f"temperature is {temperature:g}; it must be 0 or more", where="temperature")
    if top_k is not None and top_k < 1:
        raise UsageError(f"top_k is {top_k}; it must be at least 1", where="top_k")
    if top_p is not None and not 0 < top_p <= 1:
        raise UsageError(f"top_p is {top_p:g}; it must lie above 0 and not above 1", where="top_p")
