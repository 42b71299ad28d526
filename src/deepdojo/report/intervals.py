"""Scores with their intervals as bars on one common axis, in per cent of whatever column they are given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from deepdojo.report.svg import Scale, mark, tag, text, ticks

__all__ = ["Axis", "bar", "common_axis", "head"]

_HEIGHT = 22
_MIDDLE = _HEIGHT / 2


@dataclass(frozen=True)
class Axis:
    """The part of the number line that a column of bars shares."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Per cent of the column's width."""
        return Scale(self.low, self.high, 2.0, 98.0)(value)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def common_axis(important: Iterable[float | None], others: Sequence[float | None] = (), *, reach: float = 8.0) -> Axis:
    """An axis that shows all of `important`, and of `others` those that leave it at least 1 / `reach`.

    What is left out is drawn as an arrow at the edge: one hopeless floor must not make all differences invisible.
    """
    kept = [v for v in important if v is not None and math.isfinite(v)]
    rest = [v for v in others if v is not None and math.isfinite(v)]
    if not kept:
        kept, rest = rest or [0.0, 1.0], []
    low, high = min(kept), max(kept)
    if high == low:
        reach_out = max(abs(high) * 0.02, 1e-9)
        low, high = low - reach_out, high + reach_out
    limit = (high - low) * reach
    for value in sorted(rest, key=lambda v: max(low - v, v - high)):
        if max(high, value) - min(low, value) <= limit:
            low, high = min(low, value), max(high, value)
    room = (high - low) * 0.05
    return Axis(low - room, high + room)


def head(axis: Axis, write: Sequence[str] | None = None, values: Sequence[float] | None = None) -> Markup:
    """The axis itself: ticks with their numbers."""
    marks = [tag("line", x1="2%", x2="98%", y1=_HEIGHT - 3, y2=_HEIGHT - 3, class_="axis")]
    for label, value in zip(write or [], values or [], strict=True):
        x = axis.at(value)
        anchor = "start" if x < 3 else "end" if x > 97 else "middle"
        marks.append(tag("line", x1=f"{x:.2f}%", x2=f"{x:.2f}%", y1=_HEIGHT - 6, y2=_HEIGHT, class_="axis"))
        marks.append(text(f"{x:.2f}%", 12, label, text_anchor=anchor, class_="tick"))
    return tag("svg", *marks, class_="bar", height=_HEIGHT, aria_hidden="true")


def axis_ticks(axis: Axis, about: int = 3) -> list[float]:
    return ticks(axis.low, axis.high, about)


def bar(
    axis: Axis,
    value: float | None,
    low: float | None,
    high: float | None,
    title: str,
    *,
    kind: str = "run",
    zero: bool = False,
    spread: float | None = None,
    earlier: tuple[float, str] | None = None,
) -> Markup:
    """One row's bar: a thin line from `low` to `high` with a mark at `value`; an arrow where it lies beyond the axis.

    Args:
        kind: "network" or "final" (accent), "public" (accent, hollow), "run", "baseline" or "published" (hollow and
            grey: no interval of ours).
        zero: draw the place of zero.
        spread: the standard deviation over seeds, drawn as a broad band around `value`.
        earlier: a value that stood before and what it was, drawn as a hollow mark below the other.
    """
    marks: list[Markup] = []
    if zero and axis.holds(0.0):
        marks.append(tag("line", x1=f"{axis.at(0.0):.2f}%", x2=f"{axis.at(0.0):.2f}%", y1=0, y2=_HEIGHT, class_="zero"))
    if value is None or not math.isfinite(value):
        return tag("svg", tag("title", title), class_="bar", height=_HEIGHT, role="img")
    if not axis.holds(value):
        left = value < axis.low
        points = "0" if left else "100%"
        marks.append(
            text(points, _MIDDLE + 5, "◂" if left else "▸", text_anchor="start" if left else "end", class_=kind)
        )
    else:
        if spread:
            from_, to = (min(100.0, max(0.0, axis.at(v))) for v in (value - spread, value + spread))
            at = {"x1": f"{from_:.2f}%", "x2": f"{to:.2f}%", "y1": _MIDDLE, "y2": _MIDDLE}
            marks.append(tag("line", **at, class_=f"spread {kind}"))
        if earlier is not None and axis.holds(earlier[0]):
            at_x = f"{axis.at(earlier[0]):.2f}%"
            marks.append(mark("circle", earlier[1], cx=at_x, cy=_MIDDLE, r=4.5, class_="dot public"))
        if low is not None and high is not None:
            marks += _interval(axis, low, high, kind)
        marks.append(mark("circle", title, cx=f"{axis.at(value):.2f}%", cy=_MIDDLE, r=4.5, class_=f"dot {kind}"))
    return tag("svg", tag("title", title), *marks, class_="bar", height=_HEIGHT, role="img", aria_label=title)


def _interval(axis: Axis, low: float, high: float, kind: str) -> list[Markup]:
    """A line with an end where the axis holds it."""
    ends = [min(100.0, max(0.0, axis.at(v))) for v in (low, high)]
    line = tag("line", x1=f"{ends[0]:.2f}%", x2=f"{ends[1]:.2f}%", y1=_MIDDLE, y2=_MIDDLE, class_=f"range {kind}")
    return [line] + [
        tag("line", x1=f"{x:.2f}%", x2=f"{x:.2f}%", y1=_MIDDLE - 4, y2=_MIDDLE + 4, class_=f"end {kind}")
        for x, v in zip(ends, (low, high), strict=True)
        if axis.holds(v)
    ]
