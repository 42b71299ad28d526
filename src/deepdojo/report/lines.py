"""A row that is a signal or the past of a series, drawn as lines: with what came, what was forecast and its band, and
the stretches on which a decision rests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from deepdojo.report.figures import plain
from deepdojo.report.svg import Scale, figure, mark, tag, text, ticks

__all__ = ["draw", "numbers_of"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM, _TOP = 560.0, 140.0, 44.0, 16.0, 18.0, 6.0
_WEAK = 0.05
_MOST_POINTS = 500
_PAST_TIMES, _LEAST_PAST = 3, 24

Words = Callable[..., str]


def numbers_of(values: Any) -> list[list[float]]:
    """Channels of finite numbers, or none where the cell is anything else."""
    if not isinstance(values, list) or not values or not all(isinstance(channel, list) for channel in values):
        return []
    return [[float(v) for v in channel] for channel in values if channel]


def draw(
    channels: Sequence[Sequence[float]],
    *,
    about: str,
    words: Words,
    ahead: Mapping[str, Any] | None = None,
    pieces: Sequence[Any] = (),
    scores: Sequence[float] = (),
) -> Markup:
    """One chart.

    Args:
        channels: of one length; steps are counted from 1, or back from the end where something lies ahead.
        ahead: truth, predicted, and band (lowest and highest row), each a list of the steps that follow.
        pieces, scores: [start, end] in steps and its score: vermillion speaks for the decision, blue against it.
    """
    future = [list(map(float, ahead[name])) for name in ("truth", "predicted")] if ahead else []
    band = [list(map(float, row)) for row in (ahead or {}).get("band") or []]
    if future:  # so much of the past that what lies ahead stays readable
        channels = [channel[-max(_LEAST_PAST, _PAST_TIMES * len(future[0])) :] for channel in channels]
    n = max(map(len, channels))
    shown = [*channels, *future, *band]
    low, high = min(map(min, shown)), max(map(max, shown))
    steps = n + max(map(len, future), default=0)
    x = Scale(0, max(1, steps - 1), _LEFT, _WIDTH - _RIGHT)
    y = Scale(low, high if high > low else low + 1, _HEIGHT - _BOTTOM, _TOP)
    parts = [_stretch(piece, score, max(map(abs, scores)), x) for piece, score in zip(pieces, scores, strict=False)]
    parts += _axes(x, y, n, steps, bool(future))
    if len(band) == 2:
        points = [(x(n + k), y(v)) for k, v in enumerate(band[0])]
        points += [(x(n + k), y(v)) for k, v in reversed(list(enumerate(band[1])))]
        title = words("80 % of the values are to lie in here")
        parts.append(mark("polygon", title, points=_points(points), class_="area held"))
    for k, channel in enumerate(channels):
        title = words("channel {k}", k=k + 1) if len(channels) > 1 else words("the values")
        parts.append(_line(channel, x, y, 0, f"signal c{k % 4}", title))
    for values, name, title in zip(
        future, ("signal truth", "curve held"), (words("true"), words("predicted")), strict=False
    ):
        parts.append(_line([channels[0][-1], *values], x, y, n - 1, name, title))
    return figure(_WIDTH, _HEIGHT, about, *parts, class_="chart lines")


def _stretch(piece: Any, score: float, most: float, x: Scale) -> Markup:
    """The colour behind a stretch, nothing where its score is as good as zero."""
    fits = isinstance(piece, list) and len(piece) == 2
    if not fits or most <= 0 or abs(score) / most < _WEAK:
        return Markup("")
    start, end = (min(max(float(at) - 0.5, x.low), x.high) for at in piece)
    title = f"{int(piece[0]) + 1}\u2013{int(piece[1])}: {'+' if score > 0 else ''}{plain(score, 2)}"
    return mark(
        "rect", title, x=x(start), y=_TOP, width=x(end) - x(start), height=_HEIGHT - _BOTTOM - _TOP,
        class_="for" if score > 0 else "against", fill_opacity=round(0.7 * abs(score) / most, 3),
    )  # fmt: skip


def _axes(x: Scale, y: Scale, n: int, steps: int, ahead: bool) -> list[Markup]:
    """Few grid lines with their values; below the steps, where something lies ahead counted from the last known one."""
    parts: list[Markup] = []
    for value in ticks(y.low, y.high, 3):
        parts.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y(value), y2=y(value), class_="grid"))
        parts.append(text(_LEFT - 5, y(value) + 4, plain(value), text_anchor="end"))
    first = -(n - 1) if ahead else 1
    for value in ticks(first, first + steps - 1, 5):
        if value == int(value):
            written = f"{value:+.0f}".replace("-", "\u2212") if ahead and value else f"{value:.0f}"
            parts.append(text(x(value - first), _HEIGHT - 4, written, text_anchor="middle"))
    if ahead:
        at = x(n - 1)
        parts.append(tag("line", x1=at, x2=at, y1=_TOP, y2=_HEIGHT - _BOTTOM, class_="axis"))
    return parts


def _line(values: Sequence[float], x: Scale, y: Scale, first: int, name: str, title: str) -> Markup:
    """Of very many points every k-th."""
    step = max(1, math.ceil(len(values) / _MOST_POINTS))
    points = [(x(first + k), y(values[k])) for k in range(0, len(values), step)]
    return mark("polyline", title, points=_points(points), class_=name, fill="none")


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
