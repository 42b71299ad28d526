"""Boxes: how many of each class, classes that cannot be learned, pictures without any, boxes that stand twice.

Reads those of training and validation rows only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from deepdojo.data.checks.look import LEARN, Look, Problem, count, listed

__all__ = ["boxes"]

FEW = 20


def boxes(look: Look) -> Iterator[Problem]:
    if look.target_kind != "boxes":
        return
    counts: dict[str, Counter[str]] = {split: Counter() for split in LEARN}
    empty: list[str] = []
    doubled: list[str] = []
    for split in LEARN:
        for row in look.rows[split]:
            cell = row[look.target]
            counts[split].update(box[0] for box in cell)
            if not cell:
                empty.append(row["id"])
            if len({tuple(box) for box in cell}) < len(cell):
                doubled.append(row["id"])
    look.facts["objects"] = dict((counts["train"] + counts["validation"]).most_common())
    strange = sorted(counts["validation"].keys() - counts["train"].keys())
    if strange:
        what = (
            f"{count(len(strange), 'class', 'classes')} of validation boxes has no box to learn from: {listed(strange)}"
        )
        yield Problem("classes", look.target, what, "no model can find them: give more data, or another split")
    few = sorted((n, label) for label, n in counts["train"].items() if n < FEW)
    if few:
        shown = ", ".join(f"{label!r} ({n})" for n, label in few[:5])
        what = f"{count(len(few), 'class has', 'classes have')} fewer than {FEW} boxes to learn from: {shown}"
        yield Problem("rare classes", look.target, what, "add pictures of them, or join classes", "note")
    if empty:
        what = f"{count(len(empty), 'picture shows', 'pictures show')} no object"
        todo = "nothing, if that is so: they teach what is none"
        yield Problem("pictures without boxes", look.where(empty[0]), what, todo, "note", tuple(empty[:5]))
    if doubled:
        what = f"in {count(len(doubled), 'picture')} a box stands twice"
        yield Problem("doubled boxes", look.where(doubled[0]), what, "delete one of each", examples=tuple(doubled[:5]))
