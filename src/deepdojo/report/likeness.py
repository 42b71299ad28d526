"""How often pairs are accepted, over all lines that could be drawn: the ROC curve of verification."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from deepdojo.report.charts import axes
from deepdojo.report.figures import plain
from deepdojo.report.svg import Scale, figure, mark, tag, text

__all__ = ["rates"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 330, 24, 250
APART = 0.005
_RATES = (0.001, 0.01, 0.1)


def rates(files: Any, words: Callable[..., str]) -> dict[str, Any] | None:
    """The curve with a logarithmic axis of false acceptance, the equal error rate, and three rates that people ask
    for."""
    counted = [row for row in files.pairs.likeness if math.isfinite(row[0])]
    same, different = sum(row[1] for row in counted), sum(row[2] for row in counted)
    if not (same and different):
        return None
    points, taken = [(0.0, 0.0, math.inf)], [0, 0]
    for value, true, false in counted:
        taken[0] += true
        taken[1] += false
        points.append((taken[1] / different, taken[0] / same, value))
    percent = lambda v: f"{100 * v:.3g}\u00a0%"  # noqa: E731
    table = []
    for most in _RATES:
        best = max((p for p in points if p[0] <= most), key=lambda p: p[1])
        line = plain(best[2]) if math.isfinite(best[2]) else "–"
        table.append([f"≤ {percent(most)}", percent(best[1]), line])
    return {"eer": percent(_equal(points)), "chart": _chart(points, different, words), "table": table}


def _equal(points: list[tuple[float, float, float]]) -> float:
    """Where the curve meets the line of equal mistakes."""
    for (a, b, _), (c, d, _) in pairwise(points):
        low, high = a - (1 - b), c - (1 - d)
        if high >= 0:
            share = -low / (high - low) if high > low else 0.0
            return a + share * (c - a)
    return 1.0


def _chart(points: list[tuple[float, float, float]], different: int, words: Callable[..., str]) -> Any:
    least = math.floor(math.log10(1 / different))
    x, y = Scale(least, 0, _LEFT, _RIGHT), Scale(0, 1, _BOTTOM, _TOP)
    name = words("different pairs accepted (%)")
    parts = axes(x, y, [], name, (1.0, 100.0))
    for power in range(least, 1):
        parts.append(text(x(power), _BOTTOM + 15, f"{100 * 10.0**power:g}", text_anchor="middle", class_="tick"))
    parts.append(text(_LEFT, _TOP - 9, words("same pairs accepted (%)"), class_="name"))
    curve = [(max(least, math.log10(p[0])) if p[0] > 0 else least, p[1]) for p in points]
    ideal = [(least + k * -least / 60, 1 - 10 ** (least + k * -least / 60)) for k in range(61)]
    for line, title, kind in (
        (ideal, words("both mistakes equally frequent"), "ideal"),
        (_thinned(curve), words("same pairs accepted (%)"), "curve held"),
    ):
        path = "M" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in line)
        parts.append(tag("path", tag("title", title), d=path, class_=kind, fill="none"))
    parts.append(mark("circle", words("all pairs accepted"), cx=x(0), cy=y(1), r=3, class_="dot network"))
    return figure(352, 290, words("Same pairs accepted against different pairs accepted"), *parts)


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that lie apart on the paper, and the last before each of them: steps stay steps."""
    kept, before = [points[0]], points[0]
    for point in points[1:]:
        if abs(point[0] - kept[-1][0]) > APART or abs(point[1] - kept[-1][1]) > APART:
            kept += [point] if before == kept[-1] else [before, point]
        before = point
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]
