"""What stands in the place of a model and knows only its calls: a recorder while exporting, graphs after it.

A task calls a model (`models/protocols.py`) as `model(...)`, or as `encode` and `decode`. Each of these methods is a
graph of its own. What else the task asks for (a CRF's transitions, say) is a part of the model, kept beside the graphs.

Dimensions: B rows, n target tokens so far, S source, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.errors import RunError

__all__ = ["Calls", "EncoderDecoderCalls", "bound"]


class Calls(nn.Module):
    """A model of one call. A subclass says what a call does (`run`) and where parts of the model are (`part`)."""

    def run(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What the model's `method` gives for these arguments."""
        raise NotImplementedError

    def part(self, name: str) -> Any:
        """A part of the model that the task asks for by name. Raises AttributeError where there is none."""
        raise AttributeError(name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.run("forward", args, kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_"):
                raise
            return self.part(name)


class EncoderDecoderCalls(Calls):
    """A model that reads once and then writes step by step.

    `decode` is a graph without a cache: in the place of a cache stands the text so far, which each step reads anew.
    """

    def encode(self, *args: Any, **kwargs: Any) -> Any:
        return self.run("encode", args, kwargs)

    def decode(self, target: Tensor, memory: Tensor, keep: Tensor | None = None, cache: _Text | None = None) -> Tensor:
        """Scores (B, T, V) of the token after each target token, as the protocol `Seq2Seq` has it."""
        if cache is None:
            return self.run("decode", (target, memory, keep), {})
        if cache.tokens is None:
            cache.memory, cache.keep = memory, keep
        cache.tokens = target if cache.tokens is None else torch.cat([cache.tokens, target], 1)
        return self.run("decode", (cache.tokens, cache.memory, cache.keep), {})[:, -target.shape[1] :]

    def new_cache(self) -> _Text:
        return _Text()


class _Text:
    """What was decoded so far, and from what: stands for a cache."""

    def __init__(self) -> None:
        self.tokens: Tensor | None = None  # (B, n)
        self.memory: Tensor | None = None  # (B, S, D)
        self.keep: Tensor | None = None  # (B, S)

    @property
    def length(self) -> int:
        return 0 if self.tokens is None else self.tokens.shape[1]

    def reorder(self, rows: Tensor) -> None:
        """Row i becomes what row `rows[i]` was."""
        for name in ("tokens", "memory", "keep"):
            value = getattr(self, name)
            setattr(self, name, None if value is None else value.index_select(0, rows))


def bound(method: str, parameters: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Parameter -> what it was given, without those that were given None.

    Raises: RunError for more arguments than there are parameters, or an unknown one.
    """
    given = dict(zip(parameters, args, strict=False)) | dict(kwargs)
    if len(args) > len(parameters) or not set(given) <= set(parameters):
        raise RunError(f"{method} takes {', '.join(parameters)}, and was called otherwise", where="the exported model")
    return {name: value for name, value in given.items() if value is not None}
