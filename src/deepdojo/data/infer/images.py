"""From a folder (or archive) of images to a project: the folder that an image lies in is its class."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from deepdojo.contracts import contract_of
from deepdojo.data.files import Files
from deepdojo.data.infer.class_folders import (
    classes_of,
    data_in,
    files_in,
    files_of,
    into_single_folder,
    parts_in,
    pattern_of,
    split_in,
)
from deepdojo.data.infer.inferred import Choices, Inferred, class_metric, listed, said_classes, two_classes
from deepdojo.data.infer.reading import READER_OF
from deepdojo.data.infer.text import IMAGE_SUFFIXES
from deepdojo.errors import DataError, UsageError

__all__ = ["IMAGES", "infer_images"]

Json = dict[str, Any]
FEWEST_EACH, MANY_EACH = 4, 10
"""Pictures of a name without which no question can be asked; and from which on a tenth of them validates."""
FEWEST_NAMES = 6
IMAGES = f"**/*.{{{','.join(IMAGE_SUFFIXES)}}}"


def infer_images(
    files: Files, prefix: str, choices: Choices, inferred: Inferred, test_prefix: str | None = None
) -> None:
    """Fill `inferred`.

    Args:
        prefix: what stands before every name: "", "photos/" or "photos.zip!". test_prefix: the same for held-out
        images.

    Raises:
        DataError: no images, no class folders, one class. UsageError: a choice that only tables know.
    """
    shown = inferred.shown[0]
    _refuse_choices(choices, shown)
    names = _images(files, prefix, shown, inferred)
    prefix, names = into_single_folder(prefix, names)
    if choices.task is not None and contract_of(choices.task).compared:
        _compared(prefix, names, choices, inferred)
        return
    held_out = None if test_prefix is None else (test_prefix, _images(files, test_prefix, shown, inferred))
    parts = parts_in(prefix, names, held_out)
    _say_classes(parts, names, choices, inferred)
    inferred.spec |= {"data": data_in(parts, prefix, names), "columns": {"image": "file", "label": "label"}}
    inferred.comments["columns.label"] = "the folder's name"
    inferred.say("id: the path of each image")
    inferred.spec["split"] = split_in(parts, choices, inferred, inputs="image", said="images")
    inferred.files = files_in(parts, prefix, names)


def _compared(prefix: str, names: list[str], choices: Choices, inferred: Inferred) -> None:
    """A folder a name. Pairs are of names that nothing is learned from; a gallery holds pictures of known names."""
    shown = inferred.shown[0]
    counts, loose = _classes(names, shown)
    pattern, task = pattern_of(prefix, names), str(choices.task)
    inferred.say(f"{shown.name}: {sum(counts.values()):,} images in {len(counts):,} folders, one a name")
    if loose:
        inferred.say(f"{loose:,} image{'s lie' if loose != 1 else ' lies'} in no folder of a name: left out")
    single = [name for name, n in counts.items() if n < 2]
    if single:
        inferred.say(f"one picture alone, of which nothing can be learned: {listed(sorted(single))}")
    if len(counts) - len(single) < FEWEST_NAMES:
        raise DataError(
            f"{len(counts) - len(single)} names have two pictures or more, and {FEWEST_NAMES} are needed: some to learn"
            " from, some to validate and some to be asked about",
            where=str(shown), todo="give more names, each in a folder of its own",
        )  # fmt: skip
    metric = choices.metric or contract_of(task).metric
    inferred.say(f"task: {task}, as given", "task", "as given")
    inferred.say(f"metric: {metric}", "metric", "the task's" if choices.metric is None else "as given")
    columns: Json = {"image": "file"}
    if "gallery" in contract_of(task).compared:
        split = _known_and_asked(counts, shown, inferred)
        columns["gallery"] = {**pattern, "each": [0, 0.5]}
    else:
        split = _pairs_of_names(len(counts), inferred)
    inferred.say("id: the path of each image; a pair's number")
    data = {"reader": "files", **pattern, "split": split}
    inferred.spec |= {"task": task, "metric": metric, "data": data, "columns": columns}
    inferred.files = list(dict.fromkeys(files_of(prefix, names)))


def _known_and_asked(counts: Counter[str], shown: Path, inferred: Inferred) -> Json:
    """Parts of each name's pictures, as `[data.split]` has them."""
    many = sorted(counts.values())[len(counts) // 2]
    if many < FEWEST_EACH:
        raise DataError(
            f"most names have {many} pictures, and {FEWEST_EACH} are needed: to learn from,"
            " to validate, and to be asked about beside those that are known",
            where=str(shown), todo="give more of each, or take --task verification",
        )  # fmt: skip
    cut = 0.4 if many >= MANY_EACH else 0.25
    split: Json = {
        "train": {"each": [0, cut]}, "validation": {"each": [cut, 0.5]}, "test": {"each": [0.5, 1]},
    }  # fmt: skip
    inferred.say("split: half of each name's pictures are known (the gallery), the others are asked for")
    return split


def _pairs_of_names(n: int, inferred: Inferred) -> Json:
    """Parts of n names, as `[data.split]` has them."""
    test, validation = max(0.2, 2 / n), max(0.1, 2 / n)
    first, second = round(1 - test - validation, 4), round(1 - test, 4)
    split = {
        "train": {"stop": first}, "validation": {"reader": "pairs", "start": first, "stop": second},
        "test": {"reader": "pairs", "start": second},
    }  # fmt: skip
    inferred.say(f"split: pairs of {test:.0%} of the names are held out, of {validation:.0%} validate, drawn by a "
                 "hash of each name; the others are learned from")  # fmt: skip
    return split


def _say_classes(parts: dict[str, Any], names: list[str], choices: Choices, inferred: Inferred) -> None:
    """How many images and classes there are, the task and the metric."""
    shown = inferred.shown[0]
    counts, loose = _classes(parts["train"][1] if parts else names, shown)
    n = sum(counts.values())
    where = ", ".join(f"{split} {len(inner):,}" for split, (_, inner) in parts.items()) if parts else f"{n:,}"
    inferred.say(f"{shown.name}: {where} images in {len(counts):,} folders, one a class")
    if loose:
        inferred.say(f"{loose:,} image{'s lie' if loose != 1 else ' lies'} in no class folder: left out")
    task, metric, why = "image-classification", choices.metric, "as given"
    inferred.say(f"task: {task}, because the data are images in class folders", "task", "images in class folders")
    two_classes(counts, "it", str(shown), "make one folder a class")
    inferred.say(said_classes(counts))
    if metric is None:
        metric, why = class_metric(counts)
    inferred.say(f"metric: {metric}, {why}", "metric", why)
    inferred.spec |= {"task": task, "metric": metric}


def _refuse_choices(choices: Choices, shown: Path) -> None:
    for option in ("target", "id", "group", "time"):
        if getattr(choices, option) is not None:
            raise UsageError(
                f"--{option} names a column of a table, and {shown.name} holds images",
                todo="leave it out: the folder of an image is its class and the path its id",
            )
    if choices.task != "image-classification" and not (choices.task is None or contract_of(choices.task).compared):
        raise UsageError(f"{shown.name} holds images, which {choices.task} cannot use", todo="leave out --task")


def _say_others(files: Files, prefix: str, images: int, inferred: Inferred) -> None:
    """Files whose ending is no image's are never looked at: say so, or a class of .heic would be missing in silence."""
    names = files.glob(f"{prefix}**/*")
    if len(names) > images:
        endings = Counter(PurePosixPath(name).suffix.lower() or "without an ending" for name in names)
        others = [(end, n) for end, n in endings.most_common() if end.removeprefix(".") not in IMAGE_SUFFIXES]
        inferred.say(f"left out by their ending: {listed(f'{n:,} {end}' for end, n in others)}")


def _images(files: Files, prefix: str, shown: Path, inferred: Inferred) -> list[str]:
    names = [name.removeprefix(prefix) for name in files.glob(prefix + IMAGES)]
    if names:
        _say_others(files, prefix, len(names), inferred)
        return names
    tables = [name for name in files.glob(f"{prefix}*") if PurePosixPath(name).suffix.lower() in READER_OF]
    if tables and "!" not in prefix:
        tables.sort(key=lambda name: -files.path(name).stat().st_size)
        raise DataError(
            "the folder holds no images, but tables",
            where=str(shown),
            todo=f"give a file: --from {files.path(tables[0])}",
        )
    archives = [name for name in files.glob(f"{prefix}*.{{zip,tar,gz,tgz}}") if "!" not in prefix]
    if archives:
        raise DataError(
            "the folder holds no images, but archives",
            where=str(shown),
            todo=f"give one: --from {files.path(archives[0])}",
        )
    raise DataError(
        "there are no images in it",
        where=str(shown),
        todo=f"images end in {listed((f'.{s}' for s in IMAGE_SUFFIXES), 12)}",
    )


def _classes(names: list[str], shown: Path) -> tuple[Counter[str], int]:
    """Images by the folder on top, and how many lie in none."""
    counts, loose = classes_of(names)
    if not counts:
        raise DataError(
            f"its {loose:,} images lie in no class folders",
            where=str(shown),
            todo="make one folder a class, or give a table of file names and labels",
        )
    return counts, loose
