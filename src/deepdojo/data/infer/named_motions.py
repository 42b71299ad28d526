"""Skeletons in one folder whose names say what is done and by whom, as a01_s02_e03.txt does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from deepdojo.data.files import Files, printable
from deepdojo.data.infer.inferred import Choices, Inferred, class_metric, listed, said_classes, split_of, two_classes

__all__ = ["infer_named_motions", "scheme_of"]

SCHEMES = (
    r"(?P<label>[aA]\d+)_(?P<person>[sS]\d+)_[eEtTrR]\d+",  # MSR Action3D and its like: action, subject, example
    r"[sS]\d+[cC]\d+(?P<person>[pP]\d+)[rR]\d+(?P<label>[aA]\d+)",  # NTU: set, camera, person, repetition, action
)
_NEARLY_ALL = 0.9
_FEWEST_PEOPLE = 5  # of fewer no split by them is drawn


def scheme_of(names: list[str]) -> str | None:
    """The pattern of nearly all names, if they lie in one folder: else the folders are the classes."""
    if not names or len({name.rpartition("/")[0] for name in names}) > 2:  # a list of names may lie on top
        return None
    for scheme in SCHEMES:
        if sum(re.search(scheme, PurePosixPath(name).name) is not None for name in names) >= _NEARLY_ALL * len(names):
            return scheme
    return None


def infer_named_motions(
    files: Files, prefix: str, names: list[str], scheme: str, choices: Choices, inferred: Inferred,
    joints: Callable[[Files, list[str], Inferred], dict[str, int]],
) -> None:  # fmt: skip
    """Fill `inferred`; whole people are held out where there are five or more.

    Args:
        names: of text files, without the prefix. scheme: of `scheme_of`. joints: how many a frame has, as `[data]`
            says it.

    Raises:
        DataError: one class.
    """
    shown, task = inferred.shown[0], "skeleton-classification"
    found = {name: match for name in names if (match := re.search(scheme, PurePosixPath(name).name)) is not None}
    left = sorted(set(names) - set(found))
    counts, people = Counter(m["label"] for m in found.values()), Counter(m["person"] for m in found.values())
    first = next(iter(found))
    example = f"{printable(PurePosixPath(first).name)}: {found[first]['label']}, {found[first]['person']}"
    inferred.say(f"{shown.name}: {len(found):,} skeletons whose names say class and person, as {example}")
    if left:
        inferred.say(f"left out, as their names say no class: {len(left):,} ({listed(map(printable, left), 3)})")
    two_classes(counts, "it", str(shown), "give skeletons of another class")
    inferred.say(f"task: {task}, because files of joints are named by classes", "task", "names that say the class")
    inferred.say(said_classes(counts))
    metric, why = (choices.metric, "as given") if choices.metric is not None else class_metric(counts)
    inferred.say(f"metric: {metric}, {why}", "metric", why)
    endings = sorted({PurePosixPath(name).suffix.removeprefix(".") for name in found})
    folder = first.rpartition("/")[0]
    glob = f"{prefix}{folder + '/' if folder else ''}*." + (
        endings[0] if len(endings) == 1 else "{" + ",".join(endings) + "}"
    )
    data: dict[str, Any] = {"reader": "skeletons", "glob": glob, "pattern": scheme}
    data |= joints(files, [prefix + name for name in found], inferred)
    inferred.spec |= {"task": task, "metric": metric, "data": data, "columns": {"motion": "motion", "label": "label"}}
    inferred.comments |= {"columns.label": "by the file's name", "data.pattern": "class and person by the file's name"}
    inferred.say("id: the path of each file")
    if len(people) >= _FEWEST_PEOPLE:
        inferred.say(f"{len(people):,} people: nobody stands on both sides of the split")
        choices = replace(choices, group="person")
    else:
        inferred.say(f"{len(people)} people are too few to keep whole: the same ones stand on both sides of the split, "
                     'and the score flatters; split.group = "person" keeps them apart')  # fmt: skip
    inferred.spec["split"] = split_of(inferred, choices, classes=True, test=False, inputs="skeleton")
    archive, mark, _ = prefix.partition("!")
    inferred.files = [archive] if mark else [prefix + name for name in found]
