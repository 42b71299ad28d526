"""Are there rows to learn from, and classes to tell apart? Reads labels of training and validation rows only."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from deepdojo.contracts import task_of
from deepdojo.data.cells import parse_number
from deepdojo.data.checks.look import LEARN, SPLITS, Look, Problem, count, listed
from deepdojo.data.rowset import counts_of
from deepdojo.data.twins import TWIN_REASON

__all__ = ["classes", "left_out", "splits", "values"]

MOST_CLASSES = 10_000
RARE = 10
LOPSIDED = 0.95
NUMBER = re.compile(r"(?<!\w)\d[\d.,:T+-]*(?<=\d)")
"""A number or a time in a reason; digits behind a letter are part of a name."""
NAMES = {"train": "training", "validation": "validation", "test": "held-out"}


def splits(look: Look) -> Iterator[Problem]:
    """Every split needs rows."""
    look.facts["rows"] = {split: len(look.rows[split]) for split in SPLITS}
    for split in SPLITS:
        n = len(look.rows[split])
        if n < (2 if split == "train" else 1):
            yield Problem(
                "rows",
                f"{split} split",
                f"there {'is' if n == 1 else 'are'} {count(n, f'usable {NAMES[split]} row')}",
                "add rows"
                if look.total < 4
                else f"give it a larger share in [split] (fraction.{split}) or name its files",
                "error",
            )


def left_out(look: Look) -> Iterator[Problem]:
    """Files and lines that could not be used, by reason: one that differs in numbers or times alone is the same."""
    by_reason = defaultdict(list)
    for rejected in look.dataset.rejected:
        by_reason[NUMBER.sub("0", rejected.reason)].append(rejected)
    look.facts["rejected"] = len(look.dataset.rejected)
    for rows in sorted(by_reason.values(), key=len, reverse=True)[:20]:
        first = rows[0]
        said = first.reason if len({row.reason for row in rows}) == 1 else f"the first because {first.reason}"
        where = first.file if first.line is None else f"{first.file}:{first.line}"
        share = len(rows) / (look.total + len(look.dataset.rejected))
        twins = first.reason == TWIN_REASON
        yield Problem(
            "left out",
            where,
            f"{count(len(rows), 'row is', 'rows are')} left out ({share:.2%}): {said}",
            'nothing; [split] twins = "keep" learns from them'
            if twins
            else "mend or delete them; all are listed in rejected.csv of a run",
            "note" if twins else "warning",
        )


def classes(look: Look) -> Iterator[Problem]:
    """Counts of classes, rare ones, ones that a split lacks, and targets that are no classes at all."""
    if look.target_kind != "label":
        return
    counts = {split: counts_of(look.rows[split], look.target) for split in LEARN}
    total = counts["train"] + counts["validation"]
    look.facts["classes"] = {
        label: {split: counts[split][label] for split in LEARN} for label, _ in total.most_common(1000)
    }
    n = sum(total.values())
    fatal = _fatal_classes(look, total, n)
    if fatal is not None:
        yield fatal
        return
    yield from _uneven(total, n)
    yield from _uncovered(counts)


def _uneven(total: Counter[str], n: int) -> Iterator[Problem]:
    """Classes with few rows, and one with nearly all."""
    rare = [label for label, k in sorted(total.items(), key=lambda item: (item[1], item[0])) if k < RARE]
    if rare:
        yield Problem(
            "rare classes",
            f"class {rare[0]!r}",
            f"{count(len(rare), 'class has', 'classes have')} fewer than {RARE} rows with a label: "
            + listed(f"{label} ({total[label]})" for label in rare),
            "collect more rows of them, or join them with others",
            "warning",
        )
    top, most = total.most_common(1)[0]
    if most > LOPSIDED * n:
        yield Problem(
            "classes",
            f"class {top!r}",
            f"{most / n:.1%} of the labelled rows are {top!r}, so accuracy says little",
            'judge by metric = "macro_f1"',
            "note",
        )


def _uncovered(counts: dict[str, Counter[str]]) -> Iterator[Problem]:
    """Classes that only one of training and validation rows have."""
    missing = sorted(set(counts["validation"]) - set(counts["train"]))
    if missing:
        yield Problem(
            "classes",
            f"class {missing[0]!r}",
            f"{count(len(missing), 'class is', 'classes are')} in the validation rows and not in the training rows: "
            + listed(missing),
            "set split.stratify = true, or collect more rows of them",
            "warning",
        )
    absent = sorted(set(counts["train"]) - set(counts["validation"]))
    if absent and counts["validation"]:
        yield Problem(
            "classes",
            f"class {absent[0]!r}",
            f"{count(len(absent), 'class has', 'classes have')} no validation row, so the epoch is chosen without "
            f"{'it' if len(absent) == 1 else 'them'}: {listed(absent)}",
            "set split.stratify = true, or collect more rows of them",
            "note",
        )


def _fatal_classes(look: Look, total: Counter[str], n: int) -> Problem | None:
    if len(total) == 1:
        return Problem(
            "classes",
            f"column {look.target_column!r}",
            f"all {n:,} labelled rows are of one class, {next(iter(total))!r}",
            "there is nothing to tell apart: add rows of another class, or choose another target"
            if not look.dataset.rejected
            else f"mend the {count(len(look.dataset.rejected), 'row')} left out, or add rows of another class",
            "error",
        )
    if len(total) > MOST_CLASSES or len(total) > n / 2:
        few = "more than one for every two rows" if len(total) > n / 2 else f"more than {MOST_CLASSES:,}"
        numbers = sum(parse_number(label) is not None for label in total) > 0.9 * len(total)
        task = task_of(look.kind, "number") if numbers else None
        todo = (
            f'set task = "{task}" if it is a number'
            if task
            else "is the target an id or free text? Choose another column"
        )
        return Problem(
            "classes",
            f"column {look.target_column!r}",
            f"{len(total):,} classes in {n:,} labelled rows, {few}",
            todo,
            "error",
        )
    return None


def values(look: Look) -> Iterator[Problem]:
    """A number to predict that does not vary, or a few values far from all others."""
    if not look.regression:
        return
    target = np.fromiter(look.column(LEARN, look.target), dtype=np.float64)
    if not len(target):
        return
    look.facts["values"] = {
        "low": float(target.min()),
        "mean": float(target.mean()),
        "median": float(np.median(target)),
        "high": float(target.max()),
    }
    if target.min() == target.max():
        yield Problem(
            "values",
            f"column {look.target_column!r}",
            f"all {len(target):,} labelled rows have the value {target[0]:g}",
            "there is nothing to predict: choose another target",
            "error",
        )
        return
    low, middle, high = np.percentile(target, [25, 50, 75])
    far = np.flatnonzero(np.abs(target - middle) > 20 * (high - low)) if high > low else np.array([], dtype=int)
    if 0 < len(far) <= 0.01 * len(target) + 1:
        worst = int(far[np.abs(target[far] - middle).argmax()])
        yield Problem(
            "values",
            look.where(look.nth(LEARN, worst)["id"]),
            f"{count(len(far), 'value lies', 'values lie')} far from all others (the farthest is {target[worst]:g}; "
            f"half of all lie between {low:g} and {high:g})",
            "check them: a few such values can rule the squared error",
            "warning",
        )
