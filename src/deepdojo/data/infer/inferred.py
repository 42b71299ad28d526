"""The result of an inference: a project as a dict, a reason for each choice; and rules that tables and images share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepdojo.errors import DataError

__all__ = ["Choices", "Inferred", "class_metric", "listed", "said_classes", "split_of", "two_classes"]

RARE = 0.2
"""Macro-F1 is the metric where the rarest class has a smaller share than this, and is rarer than others by a third."""


@dataclass(frozen=True)
class Choices:
    """What the user decided; None where it is to be inferred."""

    target: str | None = None
    id: str | None = None
    group: str | None = None
    time: str | None = None
    task: str | None = None
    metric: str | None = None
    test: Path | None = None


@dataclass
class Inferred:
    """A project to be.

    Attributes:
        spec: what stands in project.toml, without `name` and `source`.
        root: the folder that `files` are relative to. files: those that belong to the project, for `--copy`.
        shown: the files or the folder that `source.path` names.
        said: every choice, one sentence each.
        comments: "table.key" -> a short reason, written behind that line.
    """

    root: Path
    shown: list[Path]
    files: list[str]
    spec: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)

    def say(self, sentence: str, key: str | None = None, comment: str | None = None) -> None:
        """Say a choice aloud, and where it is written also why."""
        self.said.append(sentence)
        if key is not None:
            self.comments[key] = comment if comment is not None else sentence


def listed(names: Iterable[Any], most: int = 5) -> str:
    """The first names, and how many there are beside."""
    names = [str(name) for name in names]
    shown = ", ".join(name if len(name) <= 40 else name[:39] + "…" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def class_metric(counts: Counter[str]) -> tuple[str, str]:
    """(metric, reason): accuracy, or macro-F1 where one class is rare, because accuracy then hardly sees it."""
    n = sum(counts.values())
    rarest, least = min(counts.items(), key=lambda item: (item[1], item[0]))
    most = max(counts.values())
    if least < RARE * n and least < 2 / 3 * most:
        return "macro_f1", f"the rarest class, {rarest}, has {least / n:.1%} of the rows, which accuracy hardly sees"
    return "accuracy", f"the rarest class has {least / n:.1%} of the rows"


def said_classes(counts: Counter[str]) -> str:
    """The classes with their shares: `2 classes: yes 60.0%, no 40.0%`."""
    n = sum(counts.values())
    shown = listed(f"{label} {count / n:.1%}" for label, count in counts.most_common())
    return f"{len(counts):,} classes: {shown}"


def two_classes(counts: Counter[str], what: str, where: str, todo: str) -> None:
    """Raise a DataError unless there are two classes to tell apart."""
    if len(counts) < 2:
        raise DataError(f"{what} holds one class only, {next(iter(counts), 'nothing')!r}", where=where, todo=todo)


def split_of(inferred: Inferred, choices: Choices, *, classes: bool, test: bool, inputs: str) -> dict[str, Any]:
    """`[split]`: shares by hash, whole groups, or by time; only validation where the held-out rows are given."""
    fraction = {"validation": 0.1} if test else {"test": 0.2, "validation": 0.1}
    split: dict[str, Any] = {"fraction": fraction}
    held = "the held-out rows are those of the test file; " if test else "20 % of the rows are held out, "
    how = f"drawn by a hash of each row's {inputs}, so no new row moves another"
    if choices.group is not None:
        split["group"] = choices.group
        how = f"in whole groups of one {choices.group}"
    elif choices.time is not None:
        split["order"] = choices.time
        how = f"by {choices.time}: the past trains, the future tests"
    elif classes:
        split["stratify"] = True
        how = "with the same share of each class, " + how
    inferred.say(f"split: {held}10 % validate, {how}", "split.fraction", how)
    return split
