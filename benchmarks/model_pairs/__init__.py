"""Two ways to the same numbers, measured in turns: one file a family of layers or models."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "Measured", "Pair", "measure", "step"]

Call = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """Ours and a peer's; `goal` is the ratio (theirs / ours) that ours should reach."""

    name: str
    ours: Call
    theirs: Call
    goal: float


@dataclass(frozen=True)
class Measured:
    """Median milliseconds of a call, and the median of the segments' ratios with the smallest and largest of them."""

    name: str
    ours_ms: float
    theirs_ms: float
    ratio: float
    lowest: float
    highest: float
    goal: float


def measure(pair: Pair, segments: int = 9, seconds: float = 0.25, clock: Callable[[], float] | None = None) -> Measured:
    """Segments of about `seconds`, of equally many calls on both sides, in turns."""
    clock = clock or time.perf_counter
    for call in (pair.ours, pair.theirs):
        call()
        call()
    calls = max(1, int(seconds / max(_seconds(pair.theirs, 1, clock), 1e-6)))
    rounds = [(_seconds(pair.ours, calls, clock), _seconds(pair.theirs, calls, clock)) for _ in range(segments)]
    ratios = [theirs / ours for ours, theirs in rounds]
    ours_ms, theirs_ms = (1000 * statistics.median(side) / calls for side in zip(*rounds, strict=True))
    return Measured(pair.name, ours_ms, theirs_ms, statistics.median(ratios), min(ratios), max(ratios), pair.goal)


def _seconds(call: Call, calls: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(calls):
        call()
    return clock() - start


def step(forward: Callable[[], Any]) -> Call:
    """One forward pass and the backward pass of its sum."""
    return lambda: forward().sum().backward()
