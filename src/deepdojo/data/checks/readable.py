"""Can the label be read from what is no content: order of the rows; names, sizes and times of files; the input's size?

Each such trait becomes a small code; a table of codes and labels is learned on one half of the rows and judged on the
other, where the labels could stand in any order if the trait said nothing (`chance.hits_by_chance`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from deepdojo.data.checks.chance import hits_by_chance
from deepdojo.data.checks.look import LEARN, Look, Problem
from deepdojo.data.files import Media
from deepdojo.errors import DojoError

__all__ = ["readable"]

ALPHA = 1e-3
"""The probability that any of the traits is reported where none says anything (Bonferroni over those tried)."""

LEAST_GAIN, LARGE_GAIN = 0.2, 0.5
"""Share of the constant answer's errors that the trait must remove to be told, and to be a warning."""

LEAST_ROWS, MOST_ROWS, MOST_ROWS_IN_HASTE = 100, 20_000, 1000
BINS, MOST_CLASSES, MOST_NAMES = 32, 1000, 2000


@dataclass(frozen=True)
class _Trait:
    """Codes (n,) int64 of the rows, what they are called, and what to do when they say the label."""

    kind: str
    words: str
    todo: str
    codes: np.ndarray
    least: float = LEAST_GAIN
    gravest: bool = True

    @property
    def verb(self) -> str:
        return "remove" if self.words.startswith("the words") else "removes"


def readable(look: Look) -> Iterator[Problem]:
    """Rows of training and validation only; numbers to predict are cut into ten classes of equal size."""
    rows = look.sample(LEARN, MOST_ROWS_IN_HASTE if look.hasty else MOST_ROWS)
    if len(rows) < LEAST_ROWS:
        return
    labels = _labels(look, rows)
    if labels is None:
        return
    found = [(trait, *_judged(trait, labels, look)) for trait in _traits(look, rows, labels)]
    look.facts["readable"] = {trait.kind: round(gain, 4) for trait, gain, _, _ in found}
    for trait, gain, p, tested in found:
        if p > ALPHA / len(found) or gain < trait.least:
            continue
        yield Problem(
            trait.kind,
            f"column {look.target_column!r}",
            f"{trait.words} alone {trait.verb} {gain:.0%} of the errors "
            f"of the best constant answer ({tested:,} rows not used to learn it; p {_said(p)})",
            trait.todo,
            "warning" if trait.gravest and gain >= LARGE_GAIN else "note",
            _examples(rows, labels),
            ALPHA,
        )


def _said(p: float) -> str:
    return "< 1e-12" if p < 1e-12 else f"= {p:.1g}"


def _labels(look: Look, rows: list[Any]) -> np.ndarray | None:
    """(n,) int64 classes; None for targets that are neither labels nor numbers."""
    if look.target_kind not in ("label", "number"):
        return None
    if look.regression:
        values = np.array([float(row[look.target]) for row in rows])
        edges = np.unique(np.quantile(values, np.linspace(0, 1, 11)[1:-1]))
        return np.searchsorted(edges, values, side="right") if len(edges) > 1 else None
    if look.target_kind != "label":
        return None
    codes = {label: k for k, label in enumerate(sorted({row[look.target] for row in rows}))}
    return np.array([codes[row[look.target]] for row in rows]) if 1 < len(codes) <= MOST_CLASSES else None


def _judged(trait: _Trait, labels: np.ndarray, look: Look) -> tuple[float, float, int]:
    """(share of errors removed, p, rows judged). Of an order a third of the rows is judged, by those before them."""
    codes = trait.codes
    if trait.kind == "order":
        # of three rows one, so that no label is both a trait and judged; which one is drawn, for classes may take turns
        judged = 3 * np.arange(len(labels) // 3) + look.generator().integers(1, 3, len(labels) // 3)
        codes, labels = codes[judged], labels[judged]
    first = look.generator().permutation(len(labels)) < len(labels) // 2
    table = np.zeros((int(codes.max()) + 1, int(labels.max()) + 1))
    np.add.at(table, (codes[first], labels[first]), 1)
    usual = int(table.sum(axis=0).argmax())
    answer = np.where(table.sum(axis=1) > 0, table.argmax(axis=1), usual)
    guess, rest = answer[codes[~first]], labels[~first]
    hits, _, p = hits_by_chance(guess, rest)
    base = int((rest != usual).sum())
    if not base:
        return 0.0, 1.0, len(rest)
    return 1 - (len(rest) - hits) / base, p, len(rest)


def _order(look: Look, labels: np.ndarray) -> Iterator[_Trait]:
    """The label of the row before. Rows of a split stand in the order of their files."""
    yield _Trait(
        "order",
        "the label of the row before",
        "draw the split at random, as is done unless [split] says otherwise; never hold out the last rows"
        if not look.regression
        else "neighbours are alike: if rows follow each other in time, set split.order",
        np.concatenate([[0], labels[:-1]]),
        gravest=False,
    )


def _traits(look: Look, rows: list[Any], labels: np.ndarray) -> Iterator[_Trait]:
    cells = [row[look.input] for row in rows]
    if look.kind == "text":
        lengths = np.array([len(cell) for cell in cells])
        yield _Trait(
            "text length", "the length of the text", "was it cut or padded by class? If it is content, nothing",
            _binned(lengths),
        )  # fmt: skip
    names = [cell.name for cell in cells if isinstance(cell, Media) and not cell.inline]
    if len(names) < len(rows):
        yield from _order(look, labels)
        if look.named:
            yield from _names("ids", "id", [row["id"] for row in rows])
    else:  # files of pictures stand in the order of their folders, which are often the classes
        stems = [PurePosixPath(name.rpartition("!")[2]).stem for name in names]
        yield from _names("file names", "file's name", stems)
        yield _Trait(
            "file sizes", "the number of bytes of the file",
            "were the classes saved by different programs? Save all anew in one way", _binned(_bytes(cells)),
        )  # fmt: skip
        times = _times(look, names)
        if times is not None:
            yield _Trait(
                "file times", "the time of the file",
                "no model sees it, but people do: publish files with one time for all", _binned(times), gravest=False,
            )  # fmt: skip
    if look.kind in ("image", "video"):
        yield _Trait(
            "image dimensions", f"the size of the {look.kind} in pixels",
            "cut or scale all classes in the same way: what a model learns from a size holds for no new picture",
            _coded([str(_dimensions(cell, look.kind)) for cell in cells]),
        )  # fmt: skip


def _names(kind: str, what: str, names: list[str]) -> Iterator[_Trait]:
    """The words and the number in a file's name (its folders left out: those are where labels come from) or an id."""
    numbers = [re.findall(r"\d+", name) for name in names]
    todo = "no model sees it, but people do: publish held-out rows under other names"
    yield _Trait(kind, f"the words in the {what}", todo, _coded([re.sub(r"\d+", "#", name) for name in names]))
    if all(numbers):
        values = np.array([float(found[-1][:15]) for found in numbers])
        yield _Trait(kind, f"the number in the {what}", todo, _binned(values), gravest=False)


def _bytes(cells: list[Any]) -> np.ndarray:
    def size(cell: Any) -> int:
        try:
            return len(cell.read())
        except DojoError:
            return -1

    return np.array([size(cell) for cell in cells])


def _times(look: Look, names: list[str]) -> np.ndarray | None:
    """Seconds; None where a file lies in an archive, or its place is not known."""
    modified = getattr(look.dataset, "modified", lambda name: None)
    found = [modified(name) for name in names]
    return None if any(time is None for time in found) else np.array(found, dtype=np.float64)


def _dimensions(cell: Any, kind: str) -> tuple[int, ...]:
    """(Y, X) by the head of the file, no pixel decoded; (0, 0) for what cannot be read."""
    from deepdojo.data.images import image_size
    from deepdojo.data.videos import video_size

    try:
        if kind == "video":
            return video_size(cell)
        return cell.shape[:2] if isinstance(cell, np.ndarray) else image_size(cell)
    except DojoError:
        return 0, 0


def _binned(values: np.ndarray) -> np.ndarray:
    """Codes of numbers: each its own where they are few, else 32 parts of equal size."""
    distinct = np.unique(values)
    if len(distinct) <= BINS:
        return np.searchsorted(distinct, values)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def _coded(words: list[str]) -> np.ndarray:
    """Codes of words that occur more than once, 0 for all others."""
    distinct, place, counts = np.unique(
        np.array(words, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    codes = np.zeros(len(distinct), dtype=np.int64)
    many = np.argsort(-counts, kind="stable")[:MOST_NAMES]
    many = many[counts[many] > 1]
    codes[many] = np.arange(1, len(many) + 1)
    return codes[place.ravel()]


def _examples(rows: list[Any], labels: np.ndarray) -> tuple[str, ...]:
    """One row of each of the first five classes."""
    _, first = np.unique(labels, return_index=True)
    return tuple(rows[int(k)]["id"] for k in first[:5])
