"""Rows that are nearly the same: a text with a word changed, a picture saved anew, a record whose numbers were rounded.

Candidates are found by sketches of a few hundred bytes a row, then both rows are read again and compared in full, so a
pair that is reported is one by definition: there is no false alarm by chance, only pairs that may be missed.

Legend: n rows, k hashes of a text's sketch, d numbers of a picture's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from deepdojo.data.checks.inputs import key_of, key_of_row
from deepdojo.data.checks.look import BATCH, LEARN, SPLITS, Look, Problem, count
from deepdojo.data.checks.near_images import picture_pairs
from deepdojo.data.checks.near_records import record_pairs
from deepdojo.data.checks.near_texts import text_pairs

__all__ = ["near_duplicates"]

MOST_PAIRS = 20_000
FINDERS: dict[str, tuple[Callable[[Look], Iterable[tuple[int, int]]], str]] = {
    "text": (text_pairs, "share at least 80 % of their runs of five signs"),
    "image": (picture_pairs, "correlate to at least 0.99 at 16 × 16 pixels and stand apart from all others"),
    "record": (record_pairs, "differ by rounding alone"),
}
Pair = tuple[int, int]


def near_duplicates(look: Look) -> Iterator[Problem]:
    """Pairs within and across splits, those of equal inputs left to `inputs.duplicates`."""
    if look.kind not in FINDERS:
        return
    finder, words = FINDERS[look.kind]
    pairs = []
    for number, pair in enumerate(itertools.islice(finder(look), MOST_PAIRS), 1):
        if not _equal(look, *pair) and _beside(look, *pair):
            pairs.append(pair)
        if number % BATCH == 0 and look.late():
            break
    held_out = {split: [pair for pair in map(sorted, pairs) if _kind(look, pair) == split] for split in (*SPLITS, None)}
    look.facts["near duplicates"] = {
        "within": len(held_out[None]) + len(held_out["train"]),
        "across": len(held_out["validation"]) + len(held_out["test"]),
    }
    for part, name in (("test", "held-out"), ("validation", "validation")):
        if held_out[part]:
            yield _across(look, held_out[part], part, name, words)
    inside = held_out[None] + held_out["train"]
    if inside:
        a, b = (look.nth(SPLITS, place)["id"] for place in inside[0])
        yield Problem(
            "near-duplicates",
            look.where(a),
            f"{count(len(inside), 'pair')} of rows of one split {words}, without being equal "
            f"({look.where(a)} and {look.where(b)}{_differing(look, inside)})",
            "delete one of each, or leave them if they are separate observations",
            "note",
            look.ids(place for pair in inside for place in pair),
        )


def _across(look: Look, pairs: list[list[int]], part: str, name: str, words: str) -> Problem:
    there = {max(pair) for pair in pairs}  # splits stand in the order of SPLITS
    b, a = (look.nth(SPLITS, place)["id"] for place in pairs[0])
    of = len(look.rows[part])
    return Problem(
        "near-duplicates across splits",
        look.where(a),
        f"{count(len(there), f'{name} row')} of {of:,} ({len(there) / of:.1%}) and a row that is learned from {words}, "
        f"without being equal ({look.where(a)} and {look.where(b)}{_differing(look, pairs)})",
        "look at them: if they are copies, delete them, or keep both on one side with split.group",
        "warning",
        look.ids(place for pair in pairs for place in pair[::-1]),
    )


def _kind(look: Look, pair: list[int]) -> str | None:
    """The later split of a pair that lies in two, None for one that lies in one."""
    first, second = map(look.split_at, pair)
    return None if first == second else second


def _equal(look: Look, a: int, b: int) -> bool:
    return key_of_row(look, look.nth(SPLITS, a)) == key_of_row(look, look.nth(SPLITS, b))


def _beside(look: Look, a: int, b: int) -> bool:
    """Whether the further inputs are equal: two contexts make two questions of one."""
    first, second = look.nth(SPLITS, a), look.nth(SPLITS, b)
    return all(key_of(first, name) == key_of(second, name) for name in look.beside)


def _differing(look: Look, pairs: list[Any]) -> str:
    """How many pairs have two labels, of those whose labels may be read: copies rarely do."""
    known = sum(len(look.rows[split]) for split in LEARN)
    labelled = [pair for pair in pairs if max(pair) < known]
    if look.regression or look.target_kind == "boxes" or not labelled:  # boxes are never quite the same
        return ""
    n = sum(len({look.answer(look.nth(LEARN, place)) for place in pair}) > 1 for pair in labelled)
    return f"; {n:,} of {len(labelled):,} pairs have two labels"
