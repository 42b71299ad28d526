"""Do the inputs of the splits come from one distribution? Inputs alone: held-out labels stay unread.

Every trait (a column; lengths, signs and frequent words of texts; light, size and areas of pictures) is compared of
training and held-out rows, and of training and validation rows; Holm's correction covers all of them together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from deepdojo.data.cells import is_missing, parse_number
from deepdojo.data.checks.chance import holm, proportions, two_samples
from deepdojo.data.checks.look import Look, Problem, count
from deepdojo.data.column_facts import describe
from deepdojo.data.images import decode_image
from deepdojo.errors import DojoError

__all__ = ["shift"]

ALPHA = 1e-3
"""The probability that anything is reported where all splits come from one distribution."""

LEAST_DISTANCE = 0.1
"""Kolmogorov's distance, or total variation, below which a difference is too small to be told."""

LEAST_ROWS, MOST_ROWS, MOST_ROWS_IN_HASTE = 50, 5000, 500
MOST_WORDS = 200
Trait = np.ndarray | list[str]
Reader = Callable[[dict[str, list[Any]]], dict[str, dict[str, Trait]]]
"""Cells by split -> values by trait and split."""


def shift(look: Look) -> Iterator[Problem]:
    """One problem a pair of splits, naming the traits that differ most."""
    reads: dict[str, Reader] = {"record": _of_records, "text": _of_texts, "image": _of_images}
    if look.kind not in reads:
        return
    rows = {split: _drawn(look, split) for split in look.rows}
    usable = {split: found for split, found in rows.items() if len(found) >= LEAST_ROWS}
    if "train" not in usable:
        return
    traits = reads[look.kind]({split: [row[look.input] for row in found] for split, found in usable.items()})
    tests = [
        (split, name, *_compared(of["train"], of[split]))
        for name, of in traits.items()
        for split in ("test", "validation")
        if split in usable
    ]
    rejected = holm([p for _, _, _, p in tests], ALPHA)
    look.facts["shift"] = {"tests": len(tests), "rows": {split: len(found) for split, found in usable.items()}}
    for split, name in (("test", "held-out"), ("validation", "validation")):
        different = [
            (trait, distance)
            for (part, trait, distance, _), sure in zip(tests, rejected, strict=True)
            if part == split and sure and distance >= LEAST_DISTANCE
        ]
        if different:
            yield _problem(look, usable[split], name, different)


def _problem(look: Look, rows: list[Any], name: str, different: list[tuple[str, float]]) -> Problem:
    different.sort(key=lambda item: -item[1])
    meant = _meant(look)
    shown = ", ".join(f"{trait} ({distance:.2f})" for trait, distance in different[:5])
    more = f" and {len(different) - 5:,} more" if len(different) > 5 else ""
    return Problem(
        "shift",
        f"{'test' if name == 'held-out' else name} split",
        f"the inputs of {name} rows are distributed otherwise than those of training rows: "
        f"{count(len(different), 'trait differs', 'traits differ')} (distance 0 to 1): {shown}{more}",
        f"nothing, if it is meant: {meant}" if meant else "were they collected otherwise? Draw the split from all rows",
        "note" if meant else "warning",
        tuple(row["id"] for row in rows[:5]),
        ALPHA,
    )


def _meant(look: Look) -> str | None:
    """Why the splits may differ by design."""
    split = getattr(getattr(look.dataset.project, "spec", None), "split", None)
    if split is None:
        return None
    if split.order is not None:
        return f"split.order cuts by {split.order!r}"
    return f"split.test chooses by {split.test.column!r}" if split.test is not None else None


def _drawn(look: Look, split: str) -> list[Any]:
    """Rows of a split, drawn with the seed; of a group one, for rows of a group are not independent."""
    groups = look.dataset.groups(split)
    places = np.arange(len(look.rows[split])) if groups is None else np.unique(groups, return_index=True)[1]
    most = MOST_ROWS_IN_HASTE if look.hasty else MOST_ROWS
    chosen = np.sort(look.generator().permutation(places)[:most])
    return [look.rows[split][int(k)] for k in chosen]


def _compared(a: Trait, b: Trait) -> tuple[float, float]:
    """(distance, p)."""
    if isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        return two_samples(a, b)
    one, other = Counter(a), Counter(b)
    words = [word for word, _ in (one + other).most_common(MOST_WORDS)]
    counts = np.array([[of[word] for word in words] + [of.total() - sum(of[w] for w in words)] for of in (one, other)])
    return proportions(counts[0].astype(float), counts[1].astype(float))


def _of_records(cells: dict[str, list[Mapping[str, Any]]]) -> dict[str, dict[str, Trait]]:
    """Numbers as they are (missing ones far below all), words as they stand."""
    found: dict[str, dict[str, Trait]] = {}
    for name in dict.fromkeys(name for rows in cells.values() for row in rows[:100] for name in row):
        numeric = describe(row.get(name) for row in cells["train"]).numeric
        make = _numbers if numeric else _words
        found[f"column {name!r}"] = {split: make([row.get(name) for row in rows]) for split, rows in cells.items()}
    return found


def _numbers(column: list[Any]) -> np.ndarray:
    values = [None if is_missing(cell) else parse_number(cell) for cell in column]
    return np.array([-np.inf if value is None else value for value in values])


def _words(column: list[Any]) -> list[str]:
    return ["" if is_missing(cell) else str(cell) for cell in column]


def _of_texts(cells: dict[str, list[str]]) -> dict[str, dict[str, Trait]]:
    found: dict[str, dict[str, Trait]] = {}
    for name, measure in {
        "number of signs": len,
        "number of words": lambda text: len(text.split()),
        "share of capitals": lambda text: sum(map(str.isupper, text)) / max(1, len(text)),
        "share of digits": lambda text: sum(map(str.isdigit, text)) / max(1, len(text)),
        "share of signs beyond ASCII": lambda text: 1 - len(text.encode("ascii", "ignore")) / max(1, len(text)),
    }.items():
        found[name] = {split: np.array([float(measure(text)) for text in texts]) for split, texts in cells.items()}
    sets = {split: [set(text.lower().split()) for text in texts] for split, texts in cells.items()}
    frequent = Counter(word for words in sets["train"] for word in words).most_common(MOST_WORDS)
    for word, _ in frequent:
        found[f"word {word[:40]!r}"] = {split: [str(word in words) for words in texts] for split, texts in sets.items()}
    return found


def _of_images(cells: dict[str, list[Any]]) -> dict[str, dict[str, Trait]]:
    """Height, width, colour, mean and contrast, and the light of 4 × 4 areas."""
    table = {
        split: np.array([t for cell in images if (t := _measured(cell)) is not None]) for split, images in cells.items()
    }
    if any(len(of) < LEAST_ROWS for of in table.values()):
        return {}
    names = ["height", "width", "colours", "brightness", "contrast"]
    names += [f"brightness of area {y + 1}, {x + 1}" for y in range(4) for x in range(4)]
    return {name: {split: of[:, k] for split, of in table.items()} for k, name in enumerate(names)}


def _measured(cell: Any) -> list[float] | None:
    try:
        pixels = decode_image(cell)
    except DojoError:
        return None
    y, x = pixels.shape[:2]
    grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    areas = [float(grey[a * y // 4 : max(a * y // 4 + 1, (a + 1) * y // 4),
                        b * x // 4 : max(b * x // 4 + 1, (b + 1) * x // 4)].mean())
             for a in range(4) for b in range(4)]  # fmt: skip
    return [float(y), float(x), float(pixels.ndim), float(grey.mean()), float(grey.std()), *areas]
