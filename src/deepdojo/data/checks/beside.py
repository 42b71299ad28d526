"""What goes along with rows that are handed out, and tells their answers: order, ids, sizes and times of their files.

A model of ours reads none of it; whoever enters a competition may. `dojo host` cures order, ids, names and times
(keyed ids, sorted by them, one time for all files): these are notes. The size of a file stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from deepdojo.data.checks.alone import LEVEL, Told, binned, coded, told
from deepdojo.data.checks.look import LEARN, Level, Look, Problem
from deepdojo.data.files import Media

__all__ = ["ids", "order", "sizes", "times"]

MOST_ROWS, MOST_FILES, MOST_FILES_IN_HASTE = 10_000, 4_000, 500
LEAST = {"order": 0.2, "ids": 0.2, "times": 0.2, "sizes": 0.5}
"""Of errors removed, or variance explained. A picture's size tells something of what it shows by nature, so half."""

_DIGITS = re.compile(r"\d+")
Finding = tuple[str, Told]


def order(look: Look) -> Iterator[Problem]:
    """Do rows stand in an order that tells the target: sorted by label, all of one class first?"""
    places = getattr(look.dataset, "places", None)
    if places is None or not _fits(look):
        return
    at = np.concatenate([np.asarray(places(part)) for part in LEARN])
    rows, chosen = _some(look, MOST_ROWS)
    found = _told(look, rows, at[chosen].astype(np.float64))
    if found is not None and found.beyond(LEAST["order"]):
        yield _problem(
            "order of rows", "the order of rows", "the place of a row in the data", found, "note",
            "nothing for training; hand rows out in another order (dojo host sorts them by a keyed hash)",
        )  # fmt: skip


def ids(look: Look) -> Iterator[Problem]:
    """Do ids, or the names of files, carry the label, as words or as numbers?"""
    if not _fits(look):
        return
    rows, _ = _some(look, MOST_ROWS)
    for what, name in (("id", lambda row: str(row["id"])), ("name of the file", lambda row: _name(row[look.input]))):
        names = [name(row) for row in rows]
        if not all(names) or (what != "id" and names == [str(row["id"]) for row in rows]):
            continue
        if what == "id" and not _own_ids(look):
            continue
        ways: list[Finding] = []
        words = coded([_DIGITS.sub("#", one) for one in names])
        if len(np.unique(words)) <= len(names) // 4 and (by_word := _told_by(look, rows, words)) is not None:
            ways.append((f"the words in the {what}", by_word))
        numbers = [_DIGITS.findall(one) for one in names]
        if all(numbers) and (by := _told(look, rows, np.array([float(one[-1][:15]) for one in numbers]))) is not None:
            ways.append((f"the number in the {what}", by))
        best = max(ways, key=lambda way: way[1].gain, default=None)
        if best is not None and best[1].beyond(LEAST["ids"]):
            yield _problem(
                "ids tell the target", f"{what} {names[0]!r}", best[0], best[1], "note",
                "nothing for training; hand rows out under other names (dojo host does)",
            )  # fmt: skip


def sizes(look: Look) -> Iterator[Problem]:
    """Does the size of a row's file tell the target: one class saved by another program, or cut from longer ones?"""
    yield from _of_files(
        look, "sizes", "file sizes", "the size of a row's file", _size, "warning",
        "save all files the same way: who is handed them sees the sizes",
    )  # fmt: skip


def times(look: Look) -> Iterator[Problem]:
    """Does the time of a row's file tell the target: one class was written after the other?"""
    yield from _of_files(
        look, "times", "file times", "the time of a row's file", lambda cell: _time(look, cell), "note",
        "nothing for training; hand files out with one time for all (dojo host does)",
    )  # fmt: skip


def _of_files(
    look: Look, key: str, kind: str, what: str, of: Callable[[Media], float | None], level: Level, todo: str
) -> Iterator[Problem]:
    if look.kind not in ("image", "audio", "video") or not _fits(look):
        return
    rows, _ = _some(look, MOST_FILES_IN_HASTE if look.hasty else MOST_FILES)
    kept, values = [], []
    for row in rows:
        cell = row[look.input]
        value = of(cell) if isinstance(cell, Media) else None
        if value is not None:
            kept.append(row)
            values.append(value)
        if len(kept) % 64 == 0 and look.late():
            break
    found = _told(look, kept, np.array(values, dtype=np.float64)) if kept else None
    if found is not None and found.beyond(LEAST[key]):
        yield _problem(kind, kept[0][look.input].name, what, found, level, todo)


def _fits(look: Look) -> bool:
    return look.target_kind in ("label", "number")


def _some(look: Look, most: int) -> tuple[list[dict[str, Any]], np.ndarray]:
    """(rows, their places among those of LEARN), drawn with the seed."""
    total = sum(len(look.rows[part]) for part in LEARN)
    chosen = np.arange(total)
    if total > most:
        chosen = np.sort(look.generator().choice(total, most, replace=False))
    return [look.nth(LEARN, int(at)) for at in chosen], chosen


def _told(look: Look, rows: list[dict[str, Any]], values: np.ndarray) -> Told | None:
    half = _half(look, len(rows))
    return told(binned(values, half), _target(look, rows), half) if half.any() else None


def _told_by(look: Look, rows: list[dict[str, Any]], codes: np.ndarray) -> Told | None:
    return told(codes, _target(look, rows), _half(look, len(rows)))


def _half(look: Look, n: int) -> np.ndarray:
    return look.generator().permutation(n) < n // 2


def _target(look: Look, rows: list[dict[str, Any]]) -> np.ndarray:
    if look.regression:
        return np.array([float(row[look.target]) for row in rows])
    names = {label: k for k, label in enumerate(sorted({row[look.target] for row in rows}))}
    return np.array([names[row[look.target]] for row in rows], dtype=np.int64)


def _problem(kind: str, where: str, what: str, found: Told, level: Level, todo: str) -> Problem:
    return Problem(kind, where, f"{what} alone {found.said}", todo, level, false_alarm=LEVEL)


def _own_ids(look: Look) -> bool:
    """Whether ids come from the data: numbers of rows are their order."""
    if look.named:
        return True
    return look.kind in ("image", "audio", "video")


def _name(cell: Any) -> str:
    return cell.name if isinstance(cell, Media) and not cell.inline else ""


def _size(cell: Media) -> float | None:
    try:
        return float(len(cell.read()))
    except Exception:  # what cannot be read is another check's
        return None


def _time(look: Look, cell: Media) -> float | None:
    place = getattr(look.dataset, "modified", None)
    return None if place is None else place(cell.name)
