"""Pairs of records that differ by rounding alone: every cell is equal, or one number is the other with fewer digits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np

from deepdojo.data.cells import is_missing, parse_number
from deepdojo.data.checks.look import LEARN, SPLITS, Look

__all__ = ["equal_up_to_rounding", "record_pairs"]

MOST_ROWS = 200_000
SAMPLE = 2000
DRAWS, LAGS = 3, 8
LEAST_DIGITS = 12
"""Rounded cells that agree must have so many digits together: by chance two records do with 1e-12."""


def record_pairs(look: Look) -> Iterator[tuple[int, int]]:
    """Places of pairs that are equal up to rounding.

    Cells of columns without fractions must be equal and are hashed; columns with fractions are laid along three random
    lines, on which rounded neighbours stay neighbours. 32 bytes a row are kept.
    """
    decimal = _decimal_columns(look)
    if not decimal:
        return
    generator = look.generator()
    weights = generator.uniform(0.5, 1.5, (DRAWS, len(decimal))) * generator.choice([-1, 1], (DRAWS, len(decimal)))
    keys: list[int] = []
    lines: list[np.ndarray] = []
    places: list[int] = []
    for place, _, row in look.drawn("records equal up to rounding", MOST_ROWS):
        key, values = _sketch(row[look.input], decimal)
        keys.append(key)
        lines.append(weights @ values)
        places.append(place)
    done: set[tuple[int, int]] = set()
    for pair in _neighbours(np.array(keys, dtype=np.uint64), np.array(lines)):
        if pair not in done:
            done.add(pair)
            a, b = (look.nth(SPLITS, places[k])[look.input] for k in pair)
            if equal_up_to_rounding(a, b):
                yield places[pair[0]], places[pair[1]]


def _decimal_columns(look: Look) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for row in look.sample(LEARN, SAMPLE):
        names.update((name, None) for name, cell in row[look.input].items() if _has_fraction(cell))
    return tuple(names)


def _has_fraction(cell: Any) -> bool:
    return not is_missing(cell) and "." in str(cell) and parse_number(cell) is not None


def _sketch(cells: Mapping[str, Any], decimal: tuple[str, ...]) -> tuple[int, np.ndarray]:
    """(64 bits of all that must be equal, numbers on a scale on which a rounding is small everywhere)."""
    values = [parse_number(cells.get(name)) for name in decimal]
    fixed = [(name, cell) for name, cell in cells.items() if name not in decimal]
    words = [str(cells.get(name)) if value is None else "" for name, value in zip(decimal, values, strict=True)]
    key = blake2b(repr((fixed, words)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(key, "little"), np.array([0.0 if value is None else math.asinh(value) for value in values])


def _neighbours(keys: np.ndarray, lines: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of equal keys that lie at most eight places apart on one of the lines, and within 1 % there."""
    if len(keys) < 2:
        return
    for line in lines.T:
        order = np.lexsort((line, keys))
        for lag in range(1, LAGS + 1):
            near = np.abs(line[order[lag:]] - line[order[:-lag]]) <= 0.01
            for at in np.flatnonzero(near & (keys[order[lag:]] == keys[order[:-lag]])):
                a, b = sorted((int(order[at]), int(order[at + lag])))
                yield a, b


def equal_up_to_rounding(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Every cell is equal, or the numbers agree in all digits of the shorter one but for half of its last (and within
    1 %), and what agrees so has twelve digits or more together."""
    digits = 0
    for name in {**a, **b}:
        one, other = a.get(name), b.get(name)
        if is_missing(one) and is_missing(other):
            continue
        x, y = parse_number(one), parse_number(other)
        if x is None or y is None:
            if str(one) != str(other):
                return False
            continue
        places = min(_places(one), _places(other))
        apart = abs(x - y)
        if apart and (places == 0 or apart > 0.5 * 10.0**-places * (1 + 1e-9) or apart > 0.01 * max(abs(x), abs(y))):
            return False
        digits += len(f"{abs(round(x, min(places, 15))):.{min(places, 15)}f}".replace(".", "").lstrip("0"))
    return digits >= LEAST_DIGITS


def _places(cell: Any) -> int:
    """Digits behind the point as written; for a power of ten those that its number has."""
    text = str(cell).lower()
    if "e" in text:
        number = parse_number(cell)
        text = f"{number:.15f}".rstrip("0")
    return len(text.partition(".")[2].strip())
