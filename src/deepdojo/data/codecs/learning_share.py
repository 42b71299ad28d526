"""How much text pieces of words are learned from where time is short: a share drawn evenly, as the clock allows.

The library's trainers cannot be stopped, and their time grows with the text. So the first of them is timed on a small
part; how many characters were taken is kept, for to go on or to do it again needs the same pieces.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["LearningShare", "current_share", "learn_from", "sharing"]

PROBE_CHARACTERS = 200_000
"""Of so many a trainer's speed is known; a text that is no longer is learned from whole."""
Learned = TypeVar("Learned")


@dataclass
class LearningShare:
    """A bound on what pieces are learned from.

    Attributes:
        seconds: that one trainer may take; what `characters` follows from where they are not given.
        characters: at most so many of each side's text; None: not decided, or all of it.
        total: characters that there were where not all were taken.
    """

    seconds: float | None = None
    characters: int | None = None
    total: int = 0


_SHARE: ContextVar[LearningShare | None] = ContextVar("learning_share", default=None)


def current_share() -> LearningShare | None:
    """The bound that holds here, if there is one."""
    return _SHARE.get()


@contextmanager
def sharing(share: LearningShare | None) -> Iterator[None]:
    """Within it, `learn_from` keeps to the share."""
    token = _SHARE.set(share)
    try:
        yield
    finally:
        _SHARE.reset(token)


def learn_from(texts: Iterable[str], learn: Callable[[Iterable[str]], Learned]) -> Learned:
    """`learn` of all texts, or of as many as the share allows, and writes down in the share how many that were."""
    share = _SHARE.get()
    if share is None or (share.characters is None and share.seconds is None):
        return learn(texts)
    texts = texts if isinstance(texts, Sequence) else list(texts)
    total = sum(map(len, texts))
    if share.characters is None and share.seconds is not None and total > PROBE_CHARACTERS:
        began = time.perf_counter()
        learn(_drawn(texts, total, PROBE_CHARACTERS))
        speed = PROBE_CHARACTERS / (time.perf_counter() - began)
        allowed = max(PROBE_CHARACTERS, int(speed * share.seconds))
        share.characters = allowed if allowed < total else None
    if share.characters is None or total <= share.characters:
        return learn(texts)
    share.total = max(share.total, total)
    return learn(_drawn(texts, total, share.characters))


def _drawn(texts: Sequence[str], total: int, characters: int) -> list[str]:
    """Texts at even distances that hold no more than so many characters; of one text alone its beginning."""
    found: list[str] = []
    room, step = characters, -(-total // characters)
    for at in range(0, len(texts), step):
        text = texts[at]
        if len(text) <= room:
            found.append(text)
            room -= len(text)
    return found or [texts[0][:characters]]
