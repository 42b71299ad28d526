"""From a folder (or archive) of videos, or of skeletons in text files, to a project: the folder that one lies in is its
class."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from deepdojo.data.files import Files
from deepdojo.data.infer.class_folders import files_in, into_single_folder, parts_in, pattern_of, split_in
from deepdojo.data.infer.images import IMAGES
from deepdojo.data.infer.inferred import Choices, Inferred, class_metric, said_classes, two_classes
from deepdojo.data.infer.named_motions import infer_named_motions, scheme_of
from deepdojo.data.skeletons import parse_motion
from deepdojo.data.videos import require_decoder
from deepdojo.errors import DataError, UsageError

__all__ = ["SKELETON_SUFFIXES", "VIDEO_SUFFIXES", "infer_moving", "moving_kind"]

VIDEO_SUFFIXES = ("mp4", "avi", "mov", "mkv", "webm", "m4v", "mpg", "mpeg", "wmv", "flv", "3gp", "ogv")
SKELETON_SUFFIXES = ("txt", "csv", "skeleton")
_LOOKED_AT, _TRIED = 200, 5
_FEWEST, _MOST = 5, 150  # joints that a body may have
_NEARLY_ALL = 0.9
_TASKS = {"video": "video-classification", "skeleton": "skeleton-classification"}

Kind = Literal["video", "skeleton"]


def moving_kind(files: Files, prefix: str) -> Kind | None:
    """What lies in class folders: videos, or text files of joints; None for anything else, or beside images."""
    if files.glob(prefix + IMAGES):
        return None
    if _named(files, prefix, "video"):
        return "video"
    texts = _named(files, prefix, "skeleton")
    scheme = scheme_of(texts)
    # Names that tell the class need no folders.
    texts = [name for name in texts if ("/" in name if scheme is None else re.search(scheme, name) is not None)]
    return "skeleton" if any(_numbers(files, prefix + name) for name in texts[:_TRIED]) else None


def infer_moving(
    files: Files, prefix: str, kind: Kind, choices: Choices, inferred: Inferred, test_prefix: str | None = None
) -> None:
    """Fill `inferred`, as `infer_images` does.

    Raises:
        DataError: no class folders, one class, joints that cannot be counted. UsageError: a choice that only tables
        know.
    """
    shown, what = inferred.shown[0], f"{kind}s"
    _refuse_choices(choices, shown, kind)
    if kind == "video":
        require_decoder()
    names = _named(files, prefix, kind)
    scheme = scheme_of(names) if kind == "skeleton" and test_prefix is None else None
    if scheme is not None:
        infer_named_motions(files, prefix, names, scheme, choices, inferred, _joints)
        return
    prefix, names = into_single_folder(prefix, names)
    held_out = None if test_prefix is None else (test_prefix, _named(files, test_prefix, kind))
    parts = parts_in(prefix, names, held_out)
    counts = _counts(parts["train"][1] if parts else names, shown, what)
    where = ", ".join(f"{split} {len(inner):,}" for split, (_, inner) in parts.items()) or f"{len(names):,}"
    inferred.say(f"{shown.name}: {where} {what} in {len(counts):,} folders, one a class")
    inferred.say(
        f"task: {_TASKS[kind]}, because the data are {what} in class folders", "task", f"{what} in class folders"
    )
    two_classes(counts, "it", str(shown), "make one folder a class")
    inferred.say(said_classes(counts))
    metric, why = (choices.metric, "as given") if choices.metric is not None else class_metric(counts)
    inferred.say(f"metric: {metric}, {why}", "metric", why)
    every = parts or {"": (prefix, names)}
    reader: dict[str, Any] = {"reader": "files"} if kind == "video" else {"reader": "skeletons"}
    if kind == "skeleton":
        reader |= _joints(files, [before + name for before, inner in every.values() for name in inner], inferred)
    patterns = {split: pattern_of(before, inner) for split, (before, inner) in every.items()}
    data = {**reader, "split": patterns} if parts else {**reader, **patterns[""]}
    columns = {"clip": "file", "label": "label"} if kind == "video" else {"motion": "motion", "label": "label"}
    inferred.spec |= {"task": _TASKS[kind], "metric": metric, "data": data, "columns": columns}
    inferred.comments["columns.label"] = "the folder's name"
    inferred.say("id: the path of each file")
    _say_split(parts, choices, inferred, kind)
    inferred.files = files_in(parts, prefix, names)


def _say_split(parts: dict[str, Any], choices: Choices, inferred: Inferred, kind: Kind) -> None:
    split = split_in(parts, choices, inferred, inputs=kind, said=f"{kind}s")
    if "test" not in parts:
        one = "source video" if kind == "video" else "person"
        name = "source" if kind == "video" else "person"
        inferred.say(
            f"if several {kind}s come from one {one}, the split above puts it on both sides and the score flatters: "
            f"name it in data.pattern as (?P<{name}>...) and give split.group = \"{name}\""
        )  # fmt: skip
    inferred.spec["split"] = split


def _refuse_choices(choices: Choices, shown: Path, kind: Kind) -> None:
    for option in ("target", "id", "group", "time"):
        if getattr(choices, option) is not None:
            raise UsageError(
                f"--{option} names a column of a table, and {shown.name} holds {kind}s",
                todo="leave it out: the folder is the class; split.group takes a named group of data.pattern",
            )  # fmt: skip
    if choices.task not in (None, _TASKS[kind]):
        raise UsageError(f"{shown.name} holds {kind}s, which {choices.task} cannot use", todo="leave out --task")


def _named(files: Files, prefix: str, kind: Kind) -> list[str]:
    """Names without the prefix, whatever the case of their endings."""
    endings = VIDEO_SUFFIXES if kind == "video" else SKELETON_SUFFIXES
    found = files.glob(f"{prefix}**/*")
    return [n.removeprefix(prefix) for n in found if PurePosixPath(n).suffix.lower().removeprefix(".") in endings]


def _counts(names: list[str], shown: Path, what: str) -> Counter[str]:
    counts = Counter(name.split("/", 1)[0] for name in names if "/" in name)
    if not counts:
        raise DataError(
            f"its {len(names):,} {what} lie in no class folders", where=str(shown), todo="make one folder a class"
        )
    return counts


def _numbers(files: Files, name: str) -> tuple[int, int] | None:
    """(lines, numbers in each) of a text file of numbers, else None."""
    with files.open(name) as file:
        text = file.read().decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    width = len([part for part in re.split(r"[\s,;]+", lines[0].strip()) if part])
    try:
        parse_motion("\n".join(lines[:3]), 1 if width in (3, 4) else None)
    except DataError:
        return None
    return len(lines), width


def _joints(files: Files, names: list[str], inferred: Inferred) -> dict[str, int]:
    """data.joints where a line is a joint: the largest number of lines that makes whole frames of nearly all files."""
    sizes = [found for name in names[:_LOOKED_AT] if (found := _numbers(files, name)) is not None]
    if not sizes or Counter(width for _, width in sizes).most_common(1)[0][0] not in (3, 4):
        return {}
    lines = [count for count, width in sizes if width in (3, 4)]
    fitting = [k for k in range(_FEWEST, _MOST + 1) if sum(n % k == 0 for n in lines) >= _NEARLY_ALL * len(lines)]
    if not fitting:
        raise DataError(
            "a line is a joint, and how many joints a frame has cannot be told: no number fits nearly all files",
            where=names[0], todo="write project.toml with data.joints",
        )  # fmt: skip
    said = "the most that make whole frames of nearly every file"
    inferred.say(f"joints: {fitting[-1]}, {said}", "data.joints", said)
    return {"joints": fitting[-1]}
