"""From a folder (or archive) of images to a project: the folder that an image lies in is its class."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from deepdojo.contracts import contract_of
from deepdojo.data.files import Files
from deepdojo.data.infer.inferred import Choices, Inferred, class_metric, listed, said_classes, split_of, two_classes
from deepdojo.data.infer.reading import READER_OF
from deepdojo.data.infer.text import IMAGE_SUFFIXES
from deepdojo.errors import DataError, UsageError

__all__ = ["infer_images"]

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
}
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
    prefix, names = _into_single_folder(prefix, names)
    if choices.task is not None and contract_of(choices.task).compared:
        _compared(prefix, names, choices, inferred)
        return
    parts = _parts(names)
    if test_prefix is not None:
        parts = {"train": (prefix, names), "test": (test_prefix, _images(files, test_prefix, shown, inferred))}
    elif parts:
        parts = {split: (f"{prefix}{folder}/", inner) for split, (folder, inner) in parts.items()}
    _say_classes(parts, names, choices, inferred)
    inferred.spec |= {"data": _data(parts, prefix, names), "columns": {"image": "file", "label": "label"}}
    inferred.comments["columns.label"] = "the folder's name"
    inferred.say("id: the path of each image")
    split = split_of(inferred, choices, classes=True, test="test" in parts, inputs="image")
    if "validation" in parts:
        split["fraction"].pop("validation")
        inferred.say("validation: the images of its folder")
    if not split["fraction"]:
        split.pop("fraction")
    inferred.spec["split"] = split
    found = [name for before, inner in (parts.values() or [(prefix, names)]) for name in _files(before, inner)]
    inferred.files = list(dict.fromkeys(found))


def _compared(prefix: str, names: list[str], choices: Choices, inferred: Inferred) -> None:
    """A folder a name. Pairs are of names that nothing is learned from; a gallery holds pictures of known names."""
    shown = inferred.shown[0]
    counts, loose = _classes(names, shown)
    pattern, task = _pattern(prefix, names), str(choices.task)
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
    columns: dict[str, Any] = {"image": "file"}
    if "gallery" in contract_of(task).compared:
        many = sorted(counts.values())[len(counts) // 2]
        if many < FEWEST_EACH:
            raise DataError(
                f"most names have {many} pictures, and {FEWEST_EACH} are needed: to learn from,"
                " to validate, and to be asked about beside those that are known",
                where=str(shown), todo="give more of each, or take --task verification",
            )  # fmt: skip
        cut = 0.4 if many >= MANY_EACH else 0.25
        split: dict[str, Any] = {
            "train": {"each": [0, cut]}, "validation": {"each": [cut, 0.5]}, "test": {"each": [0.5, 1]},
        }  # fmt: skip
        columns["gallery"] = {**pattern, "each": [0, 0.5]}
        inferred.say("split: half of each name's pictures are known (the gallery), the others are asked for")
    else:
        n = len(counts)
        test, validation = max(0.2, 2 / n), max(0.1, 2 / n)
        first, second = round(1 - test - validation, 4), round(1 - test, 4)
        split = {
            "train": {"stop": first}, "validation": {"reader": "pairs", "start": first, "stop": second},
            "test": {"reader": "pairs", "start": second},
        }  # fmt: skip
        inferred.say(f"split: pairs of {test:.0%} of the names are held out, of {validation:.0%} validate, drawn by a "
                     "hash of each name; the others are learned from")  # fmt: skip
    inferred.say("id: the path of each image; a pair's number")
    data = {"reader": "files", **pattern, "split": split}
    inferred.spec |= {"task": task, "metric": metric, "data": data, "columns": columns}
    inferred.files = list(dict.fromkeys(_files(prefix, names)))


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


def _files(prefix: str, names: list[str]) -> list[str]:
    """The files that hold these images: they themselves, or their archive."""
    archive, mark, _ = prefix.partition("!")
    return [archive] if mark else [prefix + name for name in names]


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


def _into_single_folder(prefix: str, names: list[str]) -> tuple[str, list[str]]:
    """Archives and downloads often hold one folder that holds everything: its name is no class."""
    while True:
        tops = {name.split("/", 1)[0] for name in names if "/" in name}
        if len(tops) != 1 or not all(name.count("/") >= 2 for name in names):
            return prefix, names
        top = next(iter(tops))
        prefix, names = f"{prefix}{top}/", [name.split("/", 1)[1] for name in names]


def _parts(names: list[str]) -> dict[str, tuple[str, list[str]]]:
    """{} or, where the folders on top are train, test, val: split -> (folder, names below it)."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name in names:
        top, slash, rest = name.partition("/")
        split = SPLIT_NAMES.get(top.lower()) if slash else None
        if split is None:
            return {}
        found.setdefault(split, (top, []))[1].append(rest)
    if "train" not in found or len(found) < 2:
        return {}
    order = [split for split in ("train", "validation", "test") if split in found]
    return {split: found[split] for split in order}


def _classes_of(names: list[str]) -> tuple[Counter[str], int]:
    """Files by the folder on top, and how many lie in none."""
    return Counter(name.split("/", 1)[0] for name in names if "/" in name), sum("/" not in name for name in names)


def _classes(names: list[str], shown: Path) -> tuple[Counter[str], int]:
    """Images by the folder on top, and how many lie in none."""
    counts, loose = _classes_of(names)
    if not counts:
        raise DataError(
            f"its {loose:,} images lie in no class folders",
            where=str(shown),
            todo="make one folder a class, or give a table of file names and labels",
        )
    return counts, loose


def _data(parts: dict[str, Any], prefix: str, names: list[str]) -> dict[str, Any]:
    """`[data]`: one pattern of names, or one for each split."""
    if not parts:
        return {"reader": "files", **_pattern(prefix, names)}
    return {"reader": "files", "split": {split: _pattern(before, inner) for split, (before, inner) in parts.items()}}


def _pattern(prefix: str, names: list[str]) -> dict[str, str]:
    """The glob that finds these images, and the pattern that finds the class in their names."""
    import re

    suffixes = sorted({PurePosixPath(name).suffix.lower().removeprefix(".") for name in names})
    ending = suffixes[0] if len(suffixes) == 1 else f"{{{','.join(suffixes)}}}"
    deep = "**/" if any(name.count("/") > 1 for name in names) else ""
    # An image in no class folder is matched too, so that it is refused by the pattern and stands in rejected.csv.
    folders = "**/" if any("/" not in name for name in names) else f"*/{deep}"
    before = re.escape(prefix).replace("\\-", "-").replace("\\ ", " ")
    return {"glob": f"{prefix}{folders}*.{ending}", "pattern": f"^{before}(?P<label>[^/]+)/"}
