"""Drawing tokens one after another. Dimensions: B batch, P length of the prompts, V vocabulary."""

from __future__ import annotations

from collections.abc import Collection

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.errors import UsageError
from deepdojo.generation.filters import filtered, repetition_penalty
from deepdojo.generation.modes import evaluating
from deepdojo.generation.reading import Reading
from deepdojo.generation.stopping import stop_tokens
from deepdojo.layers import current

__all__ = ["sample"]


def sample(
    model: nn.Module,
    prompt: Int[Tensor, "B P"],
    count: int,
    *,
    keep: Bool[Tensor, "B P"] | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    penalty: float = 1.0,
    stop: Collection[int] = (),
    generator: torch.Generator | None = None,
    source: Tensor | None = None,
    source_keep: Bool[Tensor, "B S"] | None = None,
) -> Int[Tensor, "B n"]:
    """Up to `count` tokens after each row of `prompt`, each drawn from softmax(scores / temperature).

    Args:
        model: a LanguageModel, or a Seq2Seq with `source`.
        prompt: at least one token a row; of a longer one than the context the end counts.
        keep: True = a real token, where prompts of different lengths are padded; a row gets what it would get alone.
        temperature: below 1 bolder, above 1 wilder; 0 takes the likeliest token (greedy).
        top_k: draw from the k likeliest tokens alone (Fan et al. 2018).
        top_p: draw from the smallest set of tokens that together have this probability (Holtzman et al. 2020).
        min_p: leave out tokens less likely than this share of the likeliest (Nguyen et al. 2024).
        penalty: above 1, tokens that stand in the text lose score (Keskar et al. 2019).
        stop: tokens that end a row; what follows in it repeats the one that did.
        generator: on the CPU, where all draws are made; the same on every device.
        source: what a Seq2Seq reads; `prompt` is then the beginning of the target.
        source_keep: True = a real token of the source.

    Returns:
        the tokens after the prompts, count of them or fewer where every row has stopped.

    Raises:
        UsageError: an option outside its range, or an empty prompt.
    """
    _check(temperature, top_k, top_p, min_p, penalty)
    with evaluating(model), torch.inference_mode():
        reading = Reading(model, prompt, count, keep, source, source_keep)
        ends = stop_tokens(stop, prompt)
        stops, ended = len(ends) > 0, False
        done = torch.zeros(len(prompt), dtype=torch.bool, device=prompt.device)
        token = prompt[:, 0]
        for step in range(count):
            scores = reading.scores
            if penalty != 1.0:
                scores = repetition_penalty(scores, reading.text, penalty, reading.kept)
            drawn = _drawn(scores, temperature, top_k, top_p, min_p, generator)
            if stops:
                token = torch.where(done, token, drawn)
                done = done | torch.isin(token, ends)
                ended = bool(done.all())
            else:
                token = drawn
            reading.take(token, last=ended or step == count - 1)
            if ended:
                break
    return reading.written.clone()


def _drawn(
    scores: Float[Tensor, "B V"],
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    min_p: float | None,
    generator: torch.Generator | None,
) -> Int[Tensor, B]:
    if temperature == 0:
        return scores.argmax(-1)
    chances = current("filtered", filtered)(
        (scores if scores.dtype == torch.float64 else scores.float()).cpu(), temperature, top_k, top_p, min_p
    )
    return current("draw", _draw)(chances, generator).to(scores.device)


def _draw(chances: Float[Tensor, "B V"], generator: torch.Generator | None) -> Int[Tensor, B]:
    return torch.multinomial(chances, 1, generator=generator).squeeze(1)


def _check(temperature: float, top_k: int | None, top_p: float | None, min_p: float | None, penalty: float) -> None:
    if not temperature >= 0 or temperature == float("inf"):
        raise UsageError(f"temperature is {temperature:g}; it must be 0 or more", where="temperature")
    if top_k is not None and top_k < 1:
        raise UsageError(f"top_k is {top_k}; it must be at least 1", where="top_k")
    if top_p is not None and not 0 < top_p <= 1:
        raise UsageError(f"top_p is {top_p:g}; it must lie above 0 and not above 1", where="top_p")
    if min_p is not None and not 0 <= min_p <= 1:
        raise UsageError(f"min_p is {min_p:g}; it must lie from 0 to 1", where="min_p")
    if not 0 < penalty < float("inf"):
        raise UsageError(f"penalty is {penalty:g}; it must be above 0, and 1 changes nothing", where="penalty")
