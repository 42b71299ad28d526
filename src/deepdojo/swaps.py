"""What a learner's code takes the place of where data become numbers, which knows no torch.

`layers/hook.py` says what that is while a training is at work; here it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["features_taken", "taken", "taking"]

_asked: ContextVar[Callable[..., Any] | None] = ContextVar("deepdojo_swaps_asked", default=None)
_features: ContextVar[bool] = ContextVar("deepdojo_swaps_features", default=False)

FEATURES = frozenset({"bpe_encode", "mel_filters", "stft"})


@contextmanager
def taking(current: Callable[..., Any], names: frozenset[str]) -> Iterator[None]:
    """Inside, `taken` asks `current(name, ours)`.

    Args:
        names: what is replaced; where data are read otherwise for it, nothing is taken from a cache or put there.
    """
    tokens = _asked.set(current), _features.set(bool(FEATURES & names))
    try:
        yield
    finally:
        _asked.reset(tokens[0])
        _features.reset(tokens[1])


def taken(name: str, ours: Callable[..., Any]) -> Callable[..., Any]:
    """A learner's function for `name`, or ours."""
    current = _asked.get()
    found: Callable[..., Any] = ours if current is None else current(name, ours)
    return found


def features_taken() -> bool:
    """Whether a learner's code makes numbers of data here, so that they are no one else's."""
    return _features.get()
