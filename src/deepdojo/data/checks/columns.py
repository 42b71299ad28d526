"""Columns of a table: gaps, constants, ids, words among numbers, infinities; and whether one column predicts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from deepdojo.data.cells import LARGEST, is_infinite, is_missing, parse_number
from deepdojo.data.checks.look import LEARN, Level, Look, Problem, count, listed
from deepdojo.data.column_facts import ColumnFacts, describe

__all__ = ["columns", "leaks"]

MOST_ROWS, LEAST_ROWS, MOST_CELLS = 10_000, 200, 300_000
MANY_GAPS = 0.5
MOSTLY = 0.6
"""A column of words with this share of numbers was most likely meant to be one of numbers."""

LEAK = 0.97
"""A column leaks when it removes this share of the errors (of the variance) that the constant answer leaves."""

LEAST_ERRORS = 8
BINS = 32


def columns(look: Look) -> Iterator[Problem]:
    """Facts of every column on at most 10,000 rows (fewer in wide tables and in haste), and what follows from them."""
    if look.kind != "record":
        return
    rows = _rows(look)
    names = list(dict.fromkeys(name for row in rows for name in row[look.input]))
    found: dict[str, ColumnFacts] = {}
    for name in names:
        if look.late():
            break
        found[name] = describe(row[look.input].get(name) for row in rows)
    look.facts["columns"] = {
        name: {"kind": "number" if f.numeric else "category", "missing": f.missing, "distinct": f.distinct, "n": f.n}
        for name, f in found.items()
    }
    if len(found) < len(names):
        rest = f"{len(names) - len(found):,} of {len(names):,} columns were not looked at"
        yield Problem("time", "columns", f"the time for checks is up: {rest}", "run `dojo check` for the rest", "note")
    yield from _empty(found)
    yield from _gaps(found)
    yield from _ids(found)
    yield from _slips(look, rows, found)


def _rows(look: Look) -> list[dict[str, Any]]:
    width = next((len(rows[0][look.input]) for split in LEARN if (rows := look.rows[split])), 1)
    most = int(np.clip(MOST_CELLS // max(1, width), LEAST_ROWS, MOST_ROWS))
    return look.sample(LEARN, max(LEAST_ROWS, most // 4) if look.hasty else most)


def _empty(found: dict[str, ColumnFacts]) -> Iterator[Problem]:
    empty = [name for name, f in found.items() if f.n and not f.filled]
    constant = [name for name, f in found.items() if f.distinct == 1 and not f.missing and f.n > 1]
    for names, kind, words in (
        (empty, "empty columns", "empty"),
        (constant, "constant columns", "the same in every row"),
    ):
        if names:
            what = f"{count(len(names), 'column is', 'columns are')} {words}: {listed(names)}"
            yield Problem(kind, f"column {names[0]!r}", what, "name them in columns.drop: they say nothing", "note")


def _gaps(found: dict[str, ColumnFacts]) -> Iterator[Problem]:
    level: Level
    shares = {name: f.missing / f.n for name, f in found.items() if f.missing and f.filled}
    many = sorted((name for name in shares if shares[name] > MANY_GAPS), key=lambda name: -shares[name])
    some = sorted((name for name in shares if shares[name] <= MANY_GAPS), key=lambda name: -shares[name])
    for names, level in ((many, "warning"), (some, "note")):
        if names:
            yield Problem(
                "gaps",
                f"column {names[0]!r}",
                f"{count(len(names), 'column has', 'columns have')} missing cells: "
                + ", ".join(f"{name!r} {shares[name]:.1%}" for name in names[:8])
                + (f" and {len(names) - 8:,} more" if len(names) > 8 else ""),
                "find out why: a gap is an input of its own"
                if level == "note"
                else "drop what is nearly empty (columns.drop)",
                level,
            )


def _ids(found: dict[str, ColumnFacts]) -> Iterator[Problem]:
    """A different word, or a different whole number, in every row."""
    same = [
        n for n, f in found.items() if f.n >= 20 and f.distinct == f.n and (not f.numeric or (f.whole and _id_name(n)))
    ]
    if same:
        yield Problem(
            "id-like columns",
            f"column {same[0]!r}",
            f"{count(len(same), 'column differs', 'columns differ')} in every row, like an id: {listed(same)}",
            "name them in columns.drop: what is learned from an id holds for no new row",
            "warning",
        )


def _id_name(name: str) -> bool:
    """Numbers that all differ may be measurements, so their name must say that they are ids."""
    low = name.lower().replace("-", "_").replace(" ", "_")
    return low in ("id", "index", "no", "nr", "number", "row", "key", "unnamed:_0", "column_1", "instant") or (
        low.endswith(("_id", "_no", "_nr", "_index", "_key")) or name.endswith(("Id", "ID"))
    )


def _slips(look: Look, rows: list[dict[str, Any]], found: dict[str, ColumnFacts]) -> Iterator[Problem]:
    for name, f in found.items():
        if f.numeric and f.words:
            row = next(r for r in rows if _is_word(r[look.input].get(name)))
            yield Problem(
                "numbers as text",
                look.where(row["id"]),
                f"column {name!r} holds numbers, but {count(f.words, 'cell is none', 'cells are none')}: "
                f"{listed(f.some_words)}",
                "mend them: they are read as missing",
                "warning",
            )
        if not f.numeric and f.numbers >= MOSTLY * f.filled > 0:
            row = next(r for r in rows if _is_word(r["features"].get(name)))
            yield Problem(
                "numbers as text",
                look.where(row["id"]),
                f"column {name!r} is read as words: {f.numbers:,} of its {f.filled:,} cells are numbers, the others "
                f"are not: {listed(f.some_words)}",
                "mend or empty the others, and it is read as numbers",
                "warning",
            )
        if f.infinities:
            row = next(r for r in rows if is_infinite(str(r[look.input].get(name))))
            yield Problem(
                "infinities",
                look.where(row["id"]),
                f"column {name!r} holds {count(f.infinities, 'infinite number')} (or beyond {LARGEST:g})",
                "they are read as missing; find out where they come from",
                "warning",
            )


def _is_word(cell: Any) -> bool:
    return not is_missing(cell) and parse_number(cell) is None and not is_infinite(str(cell))


def leaks(look: Look) -> Iterator[Problem]:
    """Does one column give the target away? A table of its values (numbers: 32 bins), learned on half of the rows
    drawn.

    Measured on the other half: the share of the majority's errors that it removes, or the share of variance explained.
    """
    if look.kind != "record":
        return
    rows = _rows(look)
    if len(rows) < 20:
        return
    half = look.generator().permutation(len(rows)) < len(rows) // 2
    if look.regression:
        target = np.array([float(row[look.target]) for row in rows])
    else:
        codes = {label: k for k, label in enumerate(sorted({row[look.target] for row in rows}))}
        target = np.array([codes[row[look.target]] for row in rows])
    for name in dict.fromkeys(name for row in rows for name in row[look.input]):
        if look.late():
            return
        bins = _bins([row[look.input].get(name) for row in rows], half)
        gain = _explained(bins, target, half) if look.regression else _errors_removed(bins, target, half)
        if gain is not None and gain >= LEAK:
            what = "explains {:.1%} of the target" if look.regression else "removes {:.1%} of the majority's errors"
            yield Problem(
                "leak",
                f"column {name!r}",
                f"column {name!r} alone {what.format(gain)} on {(~half).sum():,} rows not used to fit it",
                "is it known before the target is? If not, name it in columns.drop",
                "warning",
                false_alarm=None,
            )


def _bins(cells: list[Any], half: np.ndarray) -> np.ndarray:
    """A small code for each cell, (n,) int64: quantiles for numbers, values for words, 0 for what the first half
    lacks."""
    if describe(cells).numeric:
        values = np.array([np.nan if (v := parse_number(cell)) is None else v for cell in cells])
        known = values[half & np.isfinite(values)]
        distinct = np.unique(known)
        if len(distinct) > BINS:
            edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
        else:
            edges = (distinct[1:] + distinct[:-1]) / 2
        return np.where(np.isfinite(values), 2 + np.searchsorted(edges, values), 1)
    counts = Counter(str(cell) for cell, first in zip(cells, half, strict=True) if first and not is_missing(cell))
    place = {word: k for k, (word, times) in enumerate(counts.items(), start=2) if times > 1}
    return np.array([1 if is_missing(cell) else place.get(str(cell), 0) for cell in cells])


def _errors_removed(bins: np.ndarray, target: np.ndarray, half: np.ndarray) -> float | None:
    """1 - errors(column) / errors(majority) on the second half; None where the majority makes too few to compare."""
    counts = np.zeros((bins.max() + 1, target.max() + 1))
    np.add.at(counts, (bins[half], target[half]), 1)
    majority = counts.sum(axis=0).argmax()
    answer = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), majority)
    answer[0] = majority
    base = int((target[~half] != majority).sum())
    if base < LEAST_ERRORS:
        return None
    return 1 - float((target[~half] != answer[bins[~half]]).sum()) / base


def _explained(bins: np.ndarray, target: np.ndarray, half: np.ndarray) -> float | None:
    """R² of the bins' means on the second half, on ranks of the target, so that a long tail does not hide a leak."""
    ranks = np.argsort(np.argsort(target)) / max(1, len(target) - 1)
    sums = np.bincount(bins[half], ranks[half], bins.max() + 1)
    counts = np.bincount(bins[half], minlength=bins.max() + 1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), ranks[half].mean())
    spread = float(((ranks[~half] - ranks[half].mean()) ** 2).sum())
    if spread == 0:
        return None
    return 1 - float(((ranks[~half] - means[bins[~half]]) ** 2).sum()) / spread
