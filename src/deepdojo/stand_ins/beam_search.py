"""`beam_search(next_log_probs, bos, eos, beam_size, max_len, alpha)` of the lesson where a translation or a caption is
written. B rows, P length of the prompts, n tokens written, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.generation.modes import evaluating
from deepdojo.generation.reading import Reading

__all__ = ["beam_search"]


def beam_search(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., tuple[Tensor, Tensor]]]:
    """The lesson searches one text at a time and gives the best alone; each beginning is read from its first token."""
    search = own["beam_search"]

    def searched(
        model: nn.Module, prompt: Tensor, count: int, *, beams: int = 4, stop: Any = (), length_power: float = 1.0,
        keep: Tensor | None = None, source: Tensor | None = None, source_keep: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        if len(stop) != 1 or prompt.shape[1] != 1:
            raise RecipeError("beam_search of the lesson has one token before a text and one that ends it",
                              where="beam_search")  # fmt: skip
        found: list[tuple[list[int], float]] = []
        with evaluating(model), torch.inference_mode():
            for b in range(len(prompt)):
                one = slice(b, b + 1)
                asked = _scores_of(model, prompt[one], *(None if t is None else t[one] for t in (source, source_keep)))
                bos, (eos,) = int(prompt[b, 0]), stop
                tokens, score = search(asked, bos, eos, beams, count, length_power)
                found.append(([int(t) for t in tokens], float(score)))
        longest = max((len(tokens) for tokens, _ in found), default=1)
        filled = [tokens + [tokens[-1]] * (longest - len(tokens)) for tokens, _ in found]
        return prompt.new_tensor(filled)[:, None], torch.tensor([[score] for _, score in found], device=prompt.device)

    return {"beam_search": searched}


def _scores_of(
    model: nn.Module, prompt: Tensor, source: Tensor | None, source_keep: Tensor | None
) -> Callable[[list[int]], Tensor]:
    """A beginning -> (V,) the log-probabilities of what may follow; a source is encoded once."""
    net: Any = model
    memory = None if source is None else net.encode(source, source_keep)

    def of(tokens: list[int]) -> Tensor:
        beginning = prompt.new_tensor([tokens])
        if memory is None:
            scores = Reading(model, beginning, 1).scores[0]
        else:
            scores = net.decode(beginning, memory, source_keep, net.new_cache())[0, -1]
        return torch.log_softmax(scores if scores.dtype == torch.float64 else scores.float(), -1)

    return of
