"""Ctrl-C and SIGTERM while a training runs: noted, and obeyed after a whole step."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Interrupted", "signals"]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM; the state after the last whole step is saved."""


@contextmanager
def signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM so that a step is never cut in two; a second Ctrl-C ends at once."""
    asked: list[int] = []

    def remember(number: int, frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    try:
        before = {s: signal.signal(s, remember) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: Python gives signals to that one alone
        yield asked
        return
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
