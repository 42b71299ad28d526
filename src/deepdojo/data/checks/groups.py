"""Would a random split tear rows apart that belong together: the visits of a patient, the frames of a film?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from deepdojo.data.cells import is_missing
from deepdojo.data.checks.look import LEARN, Look, Problem
from deepdojo.data.group_names import COLUMN

__all__ = ["groups"]

MOST_ROWS = 10_000
MOST_PAIRS = 4000
LEAST_PAIRS = 30
AGREE = 0.9
"""Rows of one value agree in their label this much beyond chance (Cohen's kappa); numbers: correlation in pairs."""

ALIKE = 0.8


def groups(look: Look) -> Iterator[Problem]:
    """Columns whose values repeat a little, and whose rows of one value share the label or are nearly equal."""
    if look.kind != "record" or look.dataset.groups("test") is not None:
        return
    rows = look.sample(LEARN, MOST_ROWS)
    if len(rows) < 40:
        return
    names = list(dict.fromkeys(name for row in rows for name in row[look.input]))
    for name in names:
        if look.late():
            return
        pairs = _pairs([row[look.input].get(name) for row in rows], look.generator())
        if pairs is None:
            continue
        values, first, second = pairs
        reason = _reason(look, rows, name, names, first, second)
        if reason:
            per_value = f"{len(rows) / values:.1f}" if len(rows) < 10 * values else f"{len(rows) / values:,.0f}"
            yield Problem(
                "groups",
                f"column {name!r}",
                f"column {name!r} has {values:,} values, about {per_value} rows each, and {reason}: a random split "
                "puts rows that belong together on both sides",
                f'set split.group = "{name}" (`dojo new --group {name}`), or the score is too good',
                "warning",
                false_alarm=None,
            )


def _pairs(cells: list[Any], generator: np.random.Generator) -> tuple[int, np.ndarray, np.ndarray] | None:
    """(number of values, first rows, second rows) of pairs that share a value; None unless values repeat a little.

    A little: at least one value for every 50 rows, and on average 1.5 rows for each. Fractions are measurements, not
    groups.
    """
    place: dict[str, list[int]] = defaultdict(list)
    for k, cell in enumerate(cells):
        if not is_missing(cell):
            text = str(cell)
            if "." in text and text.replace(".", "", 1).lstrip("-").isdigit():
                return None
            place[text].append(k)
    filled = sum(map(len, place.values()))
    if len(place) < 10 or filled < 0.5 * len(cells) or len(place) < filled / 50 or len(place) > filled / 1.5:
        return None
    first: list[int] = []
    second: list[int] = []
    for rows in place.values():
        order = generator.permutation(rows)
        first.extend(order[:-1])
        second.extend(order[1:])
    a, b = np.array(first), np.array(second)
    if len(a) < LEAST_PAIRS:
        return None
    kept = generator.permutation(len(a))[:MOST_PAIRS]
    return len(place), a[kept], b[kept]


def _reason(
    look: Look, rows: list[dict[str, Any]], name: str, names: list[str], first: np.ndarray, second: np.ndarray
) -> str | None:
    """Why rows of one value belong together, or None."""
    agreement = _agreement(look, rows, first, second)
    if agreement >= AGREE:
        return f"rows of one value nearly always share the {look.target} (agreement {agreement:.2f} beyond chance)"
    others = [other for other in names if other != name][:30]
    if len(others) >= 3:
        same = _alike(look, rows, others, first, second)
        chance = _alike(look, rows, others, first, look.generator().permutation(second))
        if same >= ALIKE and same - chance >= 0.5 * (1 - chance):
            return f"rows of one value are nearly equal ({same:.0%} of their other cells; of two values {chance:.0%})"
    if COLUMN.search(name.strip()):
        return "is named like one"
    return None


def _agreement(look: Look, rows: list[dict[str, Any]], first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa of the labels in a pair, or the correlation of the values."""
    if look.regression:
        values = np.array([float(row[look.target]) for row in rows])
        a, b = values[first], values[second]
        spread = values.std()
        return float(np.mean((a - values.mean()) * (b - values.mean())) / spread**2) if spread > 0 else 0.0
    labels = [look.answer(row) for row in rows]
    codes = {label: k for k, label in enumerate(sorted(set(labels)))}
    target = np.array([codes[label] for label in labels])
    chance = float(((np.bincount(target) / len(target)) ** 2).sum())
    same = float((target[first] == target[second]).mean())
    return (same - chance) / (1 - chance) if chance < 1 else 0.0


def _alike(look: Look, rows: list[dict[str, Any]], names: list[str], first: np.ndarray, second: np.ndarray) -> float:
    """The mean share of equal cells in pairs (of at most 500)."""
    equal = [
        sum(rows[a][look.input].get(name) == rows[b][look.input].get(name) for name in names)
        for a, b in zip(first[:500], second[:500], strict=True)
    ]
    return float(np.mean(equal)) / len(names)
