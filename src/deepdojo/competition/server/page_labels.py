"""Names beside the points of a chart: where there is room, and nowhere else. Nothing is drawn over another name, over a
point that has one, or over the axes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Box", "Label", "columns_of", "cut_columns", "placed"]

_EM, _WIDE, _NARROW = 12.0, 1.0, 0.58  # of `.label` in style.css; widths of a sign in ems, measured on the widest words
_UP, _DOWN = 9.0, 3.0
_POINT = 6.0
_CROSSED = 0.5  # what a name loses by a lesser point or a line behind it, in steps of its list of places


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def within(self, other: Box) -> bool:
        return (other.left <= self.left and self.right <= other.right and other.top <= self.top
                and self.bottom <= other.bottom)  # fmt: skip


@dataclass(frozen=True)
class Label:
    """A name with its place.

    Attributes:
        x: where its anchor ("start", "middle", "end") stands. y: of its base line.
        leads: the ends of a line to its point, where it stands apart from it.
    """

    words: str
    x: float
    y: float
    anchor: str
    box: Box
    leads: tuple[float, float, float, float] | None = None

    @property
    def covers(self) -> list[Box]:
        """All that nothing else may be drawn over: the words, and the line piece by piece."""
        if self.leads is None:
            return [self.box]
        a, b, c, d = self.leads
        steps = [(a + (c - a) * k / 5, b + (d - b) * k / 5) for k in range(1, 6)]
        return [self.box, *(Box(x - 2, y - 2, x + 2, y + 2) for x, y in steps)]


def columns_of(words: str) -> int:
    """How wide a text is in columns, of which Chinese signs take two and marks upon others none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in words
    )


def cut_columns(words: str, most: int) -> str:
    """`words`, or its beginning and an ellipsis, at most so many columns wide."""
    if columns_of(words) <= most:
        return words
    kept = ""
    for sign in words:
        if columns_of(kept + sign) > most - 1:
            break
        kept += sign
    return kept.rstrip() + "…"


def placed(
    points: Sequence[tuple[float, float]], names: Sequence[str], frame: Box, behind: Iterable[Box] = (), *,
    up: bool, most: int,
) -> list[Label | None]:  # fmt: skip
    """Of each point its label, or None where there is no room.

    Args:
        points: (x, y) in pixels, from left to right; the first and the last are named before the others.
        frame: no label leaves it.
        behind: what labels should keep away from, and may cover.
        up: whether the free side of the points is above them, else below; left it is always.
        most: how many are named at the most.
    """
    dots = [Box(a - _POINT, b - _POINT, a + _POINT, b + _POINT) for a, b in points]
    lesser, taken, named = list(behind), list[Box](), 0
    found: list[Label | None] = [None] * len(points)
    for at in _spread(len(points)):
        if named == most:
            break
        best: tuple[float, Label] | None = None
        for step, label in enumerate(_around(*points[at], names[at], up=up)):
            if not label.box.within(frame) or any(label.box.meets(dot) for k, dot in enumerate(dots) if k != at):
                continue
            if any(one.meets(other) for one in label.covers for other in taken):
                continue
            cost = step + _CROSSED * sum(label.box.meets(other) for other in lesser)
            if best is None or cost < best[0]:
                best = cost, label
        if best is not None:
            found[at] = best[1]
            taken += best[1].covers
            named += 1
    return found


def _spread(n: int) -> list[int]:
    """0 to n - 1 in the order in which each is far from those before it: both ends, the middle, the quarters, …"""
    order = list(dict.fromkeys([0, n - 1])) if n else []
    step = n - 1
    while step > 1:
        step = -(-step // 2)
        order += [at for at in range(0, n, step) if at not in order]
    return order


def _around(x: float, y: float, name: str, *, up: bool) -> list[Label]:
    """The places around a point, the best first: the free corner, left, above, the other corners, right; then some
    farther off on the free side, at the end of a line."""
    width = _EM * sum(_WIDE if columns_of(sign) == 2 else _NARROW for sign in name)
    free, other = (-6.0, 14.0) if up else (14.0, -6.0)
    beside, over = 4.0, (-9.0 if up else 17.0)
    places = [("end", -5.0, free), ("end", -8.0, beside), ("middle", 0.0, over), ("start", 5.0, free),
              ("start", 5.0, other), ("start", 8.0, beside), ("end", -5.0, other)]  # fmt: skip
    labels = []
    for anchor, dx, dy in places:
        left = x + dx - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        box = Box(left, y + dy - _UP, left + width, y + dy + _DOWN)
        labels.append(Label(name, x + dx, y + dy, anchor, box))
    side = -1 if up else 1
    for far in (16, 30, 44, 58):
        a, b = x - far * 0.8, y + side * far
        base = b + (0.0 if up else _UP)
        leads = (x - 4 * 0.6, y + side * 4 * 0.8, a, b)
        labels.append(Label(name, a + 3, base, "end", Box(a + 3 - width, base - _UP, a + 3, base + _DOWN), leads))
    return labels
