"""Score against cost as a picture, with the entries that nobody beats for as little marked and named in text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from deepdojo.competition.cost import COSTS
from deepdojo.competition.server.page_labels import Box, cut_columns, placed
from deepdojo.competition.server.page_words import PageWords
from deepdojo.report.figures import Unit, amount, duration, evenly
from deepdojo.report.svg import Scale, figure, mark, tag, text, ticks

__all__ = ["cost_text", "pareto_view"]

_W, _H, _LEFT, _RIGHT, _TOP, _BOTTOM = 400.0, 250.0, 46.0, 14.0, 26.0, 38.0
_DRAWN = 300
_NAMED, _COLUMNS = 10, 18
_MOMENTS = (1e-3, 1e-2, 0.1, 1, 10, 60, 600, 3600, 6 * 3600, 86_400, 10 * 86_400, 100 * 86_400)
Row = Mapping[str, Any]


def cost_text(name: str, value: float | None) -> str:
    """A cost as people read it: `17.2 k`, `9.68 MFLOP`, `3 min 20 s`; a dash where nothing was stated."""
    if name == "seconds":
        return duration(value)
    return amount(value, "FLOP" if name == "train_flops" else "").strip()


def pareto_view(rows: Sequence[Row], unit: Unit, words: PageWords, metric: str, *, higher: bool, wanted: str) -> Row:
    """What the template of the view needs; `costs` is empty where no entry states any.

    Args:
        rows: of the board, with `pareto`.
        metric: its name in the page's language.
        wanted: one of `COSTS`, else the first that somebody states, seconds before the others.
    """
    stated = [name for name in ("seconds", "parameters", "train_flops") if any(r.get(name) is not None for r in rows)]
    if not stated:
        return {"costs": []}
    cost = wanted if wanted in stated else stated[0]
    names = {"parameters": words("parameters"), "train_flops": words("training FLOP"),
             "seconds": words("training time")}  # fmt: skip
    known = [row for row in rows if row[cost] is not None]
    front = sorted((row for row in known if cost in row["pareto"]), key=lambda row: row[cost])
    others = [row for row in known if cost not in row["pareto"]][:_DRAWN]
    return {
        "costs": [(name, names[name]) for name in COSTS if name in stated], "cost": cost,
        "picture": _picture(front, others, cost, unit, words, names[cost], metric, higher=higher),
        "front": [{"team": row["team"], "score": unit.score(row["value"], row["low"], row["high"]),
                   "interval": unit.interval(row["value"], row["low"], row["high"]),
                   "cost": cost_text(cost, row[cost])} for row in front],
        "unstated": len(rows) - len(known), "known": len(known),
    }  # fmt: skip


def _picture(
    front: Sequence[Row], others: Sequence[Row], cost: str, unit: Unit, words: PageWords, name: str, metric: str, *,
    higher: bool,
) -> Markup:  # fmt: skip
    shown = [*front, *others]
    low, high, zero = _span([row[cost] for row in shown])
    x = Scale(low, high, _LEFT + (22 if zero else 6), _W - _RIGHT - 8)
    values = [row["value"] for row in shown] + [v for row in front for v in (row["low"], row["high"])]
    room = (max(values) - min(values)) * 0.08 or abs(max(values)) * 0.05 or 0.5
    y = Scale(min(values) - room, max(values) + room, _H - _BOTTOM, _TOP)

    def place(row: Row) -> tuple[float, float]:
        return (x(math.log10(row[cost])) if row[cost] > 0 else _LEFT + 6), y(row["value"])

    def dot(row: Row, kind: str) -> Markup:
        at = place(row)
        said = f"{row['team']}: {unit.score(row['value'], row['low'], row['high'])}, {cost_text(cost, row[cost])}"
        return mark("circle", said, cx=at[0], cy=at[1], r=4.5 if kind == "network" else 3.2, class_=f"dot {kind}")

    points = [place(row) for row in front]
    parts = _axes(x, y, cost, unit, name, zero=zero)
    parts.append(text(_LEFT, 13, metric + (" (%)" if unit.percent else "") + (" ↑" if higher else " ↓"), class_="name"))
    parts += [dot(row, "run") for row in others]
    parts += [tag("line", x1=a, x2=a, y1=y(row["low"]), y2=y(row["high"]), class_="range network thin")
              for (a, _), row in zip(points, front, strict=True)]  # fmt: skip
    if len(points) > 1:
        steps = "".join(f"H{a:.1f}V{b:.1f}" for a, b in points[1:])
        parts.append(tag("path", d=f"M{points[0][0]:.1f} {points[0][1]:.1f}{steps}", class_="front"))
    parts += [dot(row, "network") for row in front]
    parts += _names(points, front, [place(row) for row in others], y, up=higher)
    about = words("{metric} against {cost}; entries: {n}, on the front: {k}", metric=metric, cost=name,
                  n=len(shown), k=len(front))  # fmt: skip
    return figure(_W, _H, about, *parts, class_="chart pareto")


def _span(costs: Sequence[float]) -> tuple[float, float, bool]:
    """(log10 of the least, of the most, whether some cost nothing)."""
    logs = [math.log10(cost) for cost in costs if cost > 0] or [0.0]
    low, high = min(logs), max(logs)
    if high - low < 0.3:
        low, high = (low + high) / 2 - 0.15, (low + high) / 2 + 0.15
    return low, high, any(cost == 0 for cost in costs)


def _axes(x: Scale, y: Scale, cost: str, unit: Unit, name: str, *, zero: bool) -> list[Markup]:
    parts = []
    across = ticks(y.low, y.high, 4)
    for value, label in zip(across, evenly(across, 100 if unit.percent else 1), strict=True):
        parts.append(tag("line", x1=_LEFT, x2=_W - _RIGHT, y1=y(value), y2=y(value), class_="grid"))
        parts.append(text(_LEFT - 6, y(value) + 4, label, text_anchor="end", class_="tick"))
    for value in _moments(x.low, x.high) if cost == "seconds" else _decades(x.low, x.high):
        at, said = x(math.log10(value)), _tick(cost, value)
        last = at + 3.3 * len(said) > _W - 2  # half its width
        parts.append(text(_W - 2 if last else at, _H - _BOTTOM + 15, said, text_anchor="end" if last else "middle",
                          class_="tick"))  # fmt: skip
    if zero:
        parts.append(text(_LEFT + 6, _H - _BOTTOM + 15, "0", text_anchor="middle", class_="tick"))
    parts.append(tag("line", x1=_LEFT, x2=_W - _RIGHT, y1=_H - _BOTTOM, y2=_H - _BOTTOM, class_="axis"))
    parts.append(text((_LEFT + _W - _RIGHT) / 2, _H - 6, name, text_anchor="middle", class_="name"))
    return parts


def _tick(cost: str, value: float) -> str:
    """A round number without zeros that say nothing: `10 k`, `10 min`."""
    said = cost_text(cost, value).replace("\N{NO-BREAK SPACE}", " ")
    said = re.sub(r"(?<=[hn]) 0 \w+$", "", said)
    return re.sub(r"\.?0+(?=\s|$)", "", said) if "." in said else said


def _moments(low: float, high: float) -> list[float]:
    """Seconds, minutes, hours, days as people say them; where too few fall between, round numbers."""
    held = [value for value in _MOMENTS if low - 1e-9 <= math.log10(value) <= high + 1e-9]
    return held[:: -(-len(held) // 5)] if len(held) >= 2 else _decades(low, high)


def _decades(low: float, high: float) -> list[float]:
    """Three to five round numbers between two powers of ten."""
    for each in ((1,), (1, 3), (1, 2, 5)):
        found = [k * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for k in each]
        held = [value for value in found if low - 1e-9 <= math.log10(value) <= high + 1e-9]
        if len(held) >= 3:
            return held[:: -(-len(held) // 5)]
    return held if len(held) > 1 else [10**low, 10**high]


def _names(
    points: Sequence[tuple[float, float]], front: Sequence[Row], others: Sequence[tuple[float, float]],
    y: Scale, *, up: bool,
) -> list[Markup]:  # fmt: skip
    """Names on the side of the front where nothing can be: better for less. The list below names the others, too."""
    lesser = [Box(a - 3, b - 3, a + 3, b + 3) for a, b in others]
    lesser += [Box(a - 1, min(y(row["low"]), y(row["high"])), a + 1, max(y(row["low"]), y(row["high"])))
               for (a, _), row in zip(points, front, strict=True)]  # fmt: skip
    lesser += [Box(a, b - 1, c, b + 1) for (a, b), (c, _) in pairwise(points)]
    frame = Box(_LEFT + 2, _TOP - 8, _W - _RIGHT + 8, _H - _BOTTOM - 2)
    names = [cut_columns(str(row["team"]), _COLUMNS) for row in front]
    labels = placed(points, names, frame, lesser, up=up, most=_NAMED)
    there = [one for one in labels if one is not None]
    lines = [one.leads for one in there if one.leads is not None]
    return [tag("line", x1=a, y1=b, x2=c, y2=d, class_="leads") for a, b, c, d in lines] + [
        text(one.x, one.y, one.words, text_anchor=one.anchor, class_="label") for one in there
    ]
