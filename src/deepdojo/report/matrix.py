"""Which class is taken for which: a matrix up to 30 classes, the most confused pairs always."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from deepdojo.report.figures import count
from deepdojo.report.svg import cut, figure, mark, tag, text

__all__ = ["MATRIX_LIMIT", "classes_in", "confused", "matrix", "recalls"]

MATRIX_LIMIT = 30
Counts = Mapping[tuple[str, str], int]


def _natural(label: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", label) if part]


def classes_in(counts: Counts, known: Sequence[str] | None) -> list[str]:
    """The classes in the task's order, then those that only turned up in predictions or truths, numbers by size."""
    first = [str(k) for k in known or []]
    met = {label for pair in counts for label in pair}
    return [*dict.fromkeys(first), *sorted(met - set(first), key=_natural)]


def confused(counts: Counts, most: int = 8) -> list[tuple[str, str, int, int]]:
    """The pairs (truth, predicted, times, rows of that truth) that are confused most, at most `most`."""
    totals = Counter[str]()
    for (truth, _), rows in counts.items():
        totals[truth] += rows
    wrong = [(t, p, rows, totals[t]) for (t, p), rows in counts.items() if t != p]
    return sorted(wrong, key=lambda w: (-w[2], w[3], w[0], w[1]))[:most]


def recalls(counts: Counts, most: int = 8) -> list[tuple[str, int, int]]:
    """The classes (label, right, rows) that are found least, at most `most`."""
    totals, right = Counter[str](), Counter[str]()
    for (truth, predicted), rows in counts.items():
        totals[truth] += rows
        right[truth] += rows if truth == predicted else 0
    found = [(label, right[label], rows) for label, rows in totals.items()]
    return sorted(found, key=lambda f: (f[1] / f[2], -f[2], f[0]))[:most]


def _shade(rows: int, most: int) -> int:
    """1 to 6: sixths of the commonest mistake, begun ones counted, so that a single mistake is always seen."""
    return max(1, min(6, math.ceil(6 * rows / most)))


def _width(label: str) -> float:
    """Pixels of a short label at 12 px: a Chinese character is as wide as two Latin ones."""
    return sum(12.5 if ord(c) > 0x2E80 else 7.2 for c in label)


def _cell(x: float, y: float, side: float, rows: int, shade: str, title: str) -> Markup:
    square = mark("rect", title, x=x + 0.5, y=y + 0.5, width=side - 1, height=side - 1, class_=f"cell {shade}")
    if not rows:
        return square
    small = " small" if rows >= 10_000 or (side < 30 and rows >= 100) else ""
    number = text(x + side / 2, y + side / 2 + 4, f"{rows}", text_anchor="middle", class_=f"in {shade}{small}")
    return square + number


def matrix(counts: Counts, classes: Sequence[str], *, about: str, words: Callable[..., str]) -> Markup:
    """Rows are the truth, columns the prediction; right ones on the pale diagonal, mistakes the darker the more.

    In fixed pixels: the page lets it scroll where the screen is narrow.
    """
    n = len(classes)
    short = [cut(label, 14) for label in classes]
    cell = 40.0 if n <= 4 else 34.0 if n <= 12 else 24.0
    upright = max(map(_width, short)) <= cell
    left = max(map(_width, short)) + 26
    top = 44.0 if upright else 30 + max(map(_width, short)) * 0.75
    right_side = top * 0.9 if not upright else 8.0
    totals = [sum(counts.get((t, p), 0) for p in classes) for t in classes]
    worst = max((rows for (t, p), rows in counts.items() if t != p), default=1)
    parts = [
        text(left + n * cell / 2, 12, words("predicted"), text_anchor="middle", class_="name"),
        text(left - 8, top - 8, words("true"), text_anchor="end", class_="name"),
        text(left + n * cell + 10, top - 8, words("found"), class_="name") if upright else Markup(""),
    ]
    for j, label in enumerate(short):
        x = left + (j + 0.5) * cell
        turn = None if upright else f"rotate(-50 {x:.1f} {top - 8:.1f})"
        parts.append(
            text(x, top - 8, label, text_anchor="middle" if upright else "start", transform=turn, class_="tick")
        )
    for i, truth in enumerate(classes):
        y = top + i * cell
        parts.append(text(left - 8, y + cell / 2 + 4, short[i], text_anchor="end", class_="tick"))
        for j, predicted in enumerate(classes):
            rows = counts.get((truth, predicted), 0)
            shade = "none" if not rows else "right" if i == j else f"q{_shade(rows, worst)}"
            filled = {"truth": truth, "predicted": predicted, "rows": count(rows)}
            title = words("true {truth}, predicted {predicted}: {rows}", **filled)
            parts.append(_cell(left + j * cell, y, cell, rows, shade, title))
        if totals[i]:
            share = f"{counts.get((truth, truth), 0) / totals[i]:.0%}".replace("%", "\u00a0%")
            parts.append(text(left + n * cell + 10, y + cell / 2 + 4, share, class_="tick"))
    wide, high = left + n * cell + 56 + right_side * 0.3, top + n * cell + 6
    drawn = figure(wide, high, about, *parts, class_="chart matrix")
    return tag("div", drawn, class_="scroll", style=f"--w:{wide:.0f}px", tabindex=0, role="region", aria_label=about)
