"""Learning curves, reliability, predicted against true, residuals: few grid lines, direct labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from deepdojo.report.figures import count, evenly, plain
from deepdojo.report.svg import Scale, figure, mark, tag, text, ticks

__all__ = ["Line", "axes", "curves", "histogram", "reliability", "scatter", "wilson"]

_W, _H = 400.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 84.0, 24.0, 36.0
_MANY = 60

Write = Callable[[float], str]


@dataclass(frozen=True)
class Line:
    """One curve: points (x, y), the word beside its end, a CSS class, and what its marks are called.

    Attributes:
        band: (x, low, high) around the points, from the least to the greatest of several trainings.
    """

    points: Sequence[tuple[float, float]]
    label: str
    class_: str
    title: str
    band: Sequence[tuple[float, float, float]] = ()


def wilson(right: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    if n == 0:
        return 0.0, 1.0
    p, room = right / n, z * z / n
    centre = (p + room / 2) / (1 + room)
    half = z * math.sqrt(p * (1 - p) / n + room / (4 * n)) / (1 + room)
    return max(0.0, centre - half), min(1.0, centre + half)


def _range(values: Sequence[float], *, from_zero: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if from_zero and low >= 0 and low < 0.6 * high:
        low = 0.0
    room = (high - low) * 0.06 or abs(high) * 0.05 or 0.5
    return (low if low == 0 and from_zero else low - room), high + room


def axes(
    x: Scale, y: Scale, x_ticks: Sequence[float], x_name: str, factors: tuple[float, float] = (1.0, 1.0)
) -> list[Markup]:
    """Grid lines, ticks and the name of the x axis; `factors` turn values into what is written (100 for per cent)."""
    parts = []
    y_ticks = ticks(y.low, y.high, 4)
    for value, words in zip(y_ticks, evenly(y_ticks, factors[1]), strict=True):
        parts.append(tag("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), class_="grid"))
        parts.append(text(x.start - 6, y(value) + 4, words, text_anchor="end", class_="tick"))
    for value, words in zip(x_ticks, evenly(x_ticks, factors[0]), strict=True):
        parts.append(text(x(value), y.start + 15, words, text_anchor="middle", class_="tick"))
    parts.append(tag("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="axis"))
    parts.append(text((x.start + x.end) / 2, y.start + 31, x_name, text_anchor="middle", class_="name"))
    return parts


def _path(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    return "M" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in points)


def _apart(places: list[float], least: float = 14.0, *, lowest: float) -> list[float]:
    """Labels pushed apart: the order is kept, neighbours at least `least` pixels from each other, the middle stays.

    None lies below `lowest`, where the ticks of the x axis begin.
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for before, after in pairwise(order):
        gap = least - (moved[after] - moved[before])
        if gap > 0:
            moved[after] += gap / 2
            moved[before] -= gap / 2
    for i in reversed(order):
        moved[i] = min(moved[i], lowest)
        lowest = moved[i] - least
    return moved


def _whole_ticks(low: float, high: float) -> list[float]:
    if high - low < 1:
        return [low] if low == high else [low, high]
    return [t for t in ticks(low, high, 5) if t == round(t)] or [low, high]


def _marks(line: Line, x: Scale, y: Scale, say: Callable[[float, float], str]) -> list[Markup]:
    """The path of a line, and its points where they are few enough to be pointed at."""
    parts = []
    if len(line.band) > 1:
        around = [(a, low) for a, low, _ in line.band] + [(a, high) for a, _, high in reversed(line.band)]
        parts.append(mark("path", line.title, d=_path(around, x, y) + "Z", class_=f"area {line.class_}"))
    if len(line.points) > 1:
        parts.append(mark("path", line.title, d=_path(line.points, x, y), class_=f"curve {line.class_}"))
    if "faint" not in line.class_ and len(line.points) <= _MANY:
        for a, b in line.points:
            title = f"{line.title}, {say(a, b)}"
            parts.append(mark("circle", title, cx=x(a), cy=y(b), r=2.6, class_=f"dot {line.class_}"))
    return parts


def curves(
    lines: Sequence[Line],
    *,
    about: str,
    x_name: str,
    chosen: tuple[float, str] | None,
    from_zero: bool,
    percent: bool = False,
) -> Markup:
    """Curves over epochs with the chosen epoch marked by an upright line.

    Args:
        lines: at least one with at least one finite point; a thin one (class "faint") gets no marks on its points.
        chosen: (x, words) of the epoch whose weights were kept.
        from_zero: let the axis start at 0 when the data come near it.
        percent: write fractions as per cent.
    """
    write: Write = (lambda v: f"{100 * v:.1f}\u00a0%") if percent else plain
    drawn = [line for line in lines if line.points]
    xs = [p[0] for line in drawn for p in line.points]
    ys = [p[1] for line in drawn for p in line.points] + [v for line in drawn for b in line.band for v in b[1:]]
    low, high = _range(ys, from_zero=from_zero)
    x = Scale(min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1, _LEFT, _W - _RIGHT)
    y = Scale(low, high, _H - _BOTTOM, _TOP)
    whole = sorted({p[0] for line in drawn if "faint" not in line.class_ for p in line.points})
    at = _whole_ticks(whole[0], whole[-1]) if whole else _whole_ticks(min(xs), max(xs))
    parts = axes(x, y, at, x_name, (1.0, 100.0 if percent else 1.0))
    if chosen is not None and x.low <= chosen[0] <= x.high:
        place = x(chosen[0])
        anchor = "start" if place < 120 else "end" if place > _W - 120 else "middle"
        parts.append(mark("line", chosen[1], x1=place, x2=place, y1=_TOP - 6, y2=y.start, class_="chosen"))
        parts.append(text(place, _TOP - 10, chosen[1], text_anchor=anchor, class_="label accent"))
    ends = _apart([y(line.points[-1][1]) for line in drawn if line.label], lowest=y.start - 5)
    for line in drawn:
        parts += _marks(line, x, y, lambda a, b: f"{x_name} {a:g}: {write(b)}")
    labelled = [line for line in drawn if line.label]
    for line, place in zip(labelled, ends, strict=True):
        parts.append(text(x(line.points[-1][0]) + 8, place + 4, line.label, class_=f"label {line.class_}"))
    return figure(_W, _H, about, *parts)


def reliability(
    bins: Sequence[tuple[float, float, int, int, float]], *, about: str, words: Callable[..., str]
) -> Markup:
    """How often it is right against how sure it says it is, a point and an interval a tenth.

    Below it stand the rows of each tenth.

    Args:
        bins: (lowest, highest, rows, right, mean confidence).
        words: translates and fills a sentence.
    """
    x, y = Scale(0, 1, _LEFT, 330), Scale(0, 1, 250, _TOP)
    percent = lambda v: f"{v:.0%}".replace("%", "\u00a0%")  # noqa: E731
    parts = axes(x, y, [0, 0.2, 0.4, 0.6, 0.8, 1], words("how sure it says it is (%)"), (100.0, 100.0))
    parts.append(mark("line", words("as sure as right"), x1=x(0), y1=y(0), x2=x(1), y2=y(1), class_="ideal"))
    parts.append(text(_LEFT, _TOP - 9, words("how often it is right (%)"), class_="name"))
    most = max((b[2] for b in bins), default=1)
    for low, high, rows, right, mean in bins:
        ends = wilson(right, rows)
        title = words(
            "sure {low} to {high}: {right} of {rows} right ({share})",
            low=percent(low),
            high=percent(high),
            right=count(right),
            rows=count(rows),
            share=percent(right / rows),
        )
        parts.append(tag("line", x1=x(mean), x2=x(mean), y1=y(ends[0]), y2=y(ends[1]), class_="range network"))
        parts.append(mark("circle", title, cx=x(mean), cy=y(right / rows), r=4, class_="dot network"))
        tall = max(1.5, 40 * rows / most)
        wide = (330 - _LEFT) / _BINS - 3
        parts.append(mark("rect", title, x=x(low) + 1.5, y=352 - tall, width=wide, height=tall, class_="count"))
        parts.append(text(x(low) + 1.5 + wide / 2, 348 - tall, count(rows), text_anchor="middle", class_="tick small"))
    parts.append(tag("line", x1=_LEFT, x2=330, y1=352, y2=352, class_="axis"))
    parts.append(text((_LEFT + 330) / 2, 367, words("rows in each tenth"), text_anchor="middle", class_="name"))
    return figure(352, 374, about, *parts)


_BINS = 10


def scatter(points: Sequence[tuple[str, float, float]], *, about: str, words: Callable[..., str]) -> Markup:
    """Predicted against true, one scale on both axes, with the line where they are equal."""
    values = [v for _, a, b in points for v in (a, b)]
    low, high = _range(values, from_zero=True)
    x, y = Scale(low, high, _LEFT + 8, 340), Scale(low, high, 300, _TOP)
    at = ticks(low, high, 4)
    parts = axes(x, y, at, words("true value"))
    parts.append(text(_LEFT + 8, _TOP - 9, words("predicted value"), class_="name"))
    parts.append(mark("line", words("predicted = true"), x1=x(low), y1=y(low), x2=x(high), y2=y(high), class_="ideal"))
    for id_, true, predicted in points:
        title = words("{id}: true {true}, predicted {predicted}", id=id_, true=plain(true), predicted=plain(predicted))
        parts.append(mark("circle", title, cx=x(true), cy=y(predicted), r=2.6, class_="point"))
    return figure(352, 340, about, *parts)


def histogram(values: Sequence[float], *, about: str, words: Callable[..., str], bars: int = 21) -> Markup:
    """Predicted minus true: how many rows err by how much. Zero stands in the middle of a bar."""
    finite = [v for v in values if math.isfinite(v)]
    far = max((abs(v) for v in finite), default=1.0) or 1.0
    wide = 2 * far / (bars - 1)
    heights = [0] * bars
    for v in finite:
        heights[min(bars - 1, round((v + far) / wide))] += 1
    x = Scale(-far - wide / 2, far + wide / 2, _LEFT, 340)
    y = Scale(0, max(heights) * 1.05, 300, _TOP)
    parts = axes(x, y, ticks(-far, far, 4), words("predicted − true"))
    parts.append(text(_LEFT, _TOP - 9, words("rows"), class_="name"))
    for i, tall in enumerate(heights):
        if not tall:
            continue
        left = -far + (i - 0.5) * wide
        title = words("{low} to {high}: {rows} rows", low=plain(left), high=plain(left + wide), rows=count(tall))
        step = x(left + wide) - x(left)
        parts.append(
            mark(
                "rect",
                title,
                x=x(left) + 0.5,
                y=y(tall),
                width=max(1.0, step - 1),
                height=y.start - y(tall),
                class_="fill",
            )
        )
    parts.append(mark("line", words("no error"), x1=x(0), x2=x(0), y1=_TOP, y2=y.start, class_="chosen"))
    return figure(352, 340, about, *parts)
