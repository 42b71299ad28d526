"""Folders that are classes, alone or below train and test, in a folder or an archive: of pictures, sounds, videos."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from deepdojo.data.infer.inferred import Choices, Inferred, split_of
from deepdojo.errors import DataError

__all__ = [
    "SPLIT_NAMES", "classes_of", "data_in", "files_in", "files_of", "into_single_folder", "parts_in", "pattern_of",
    "split_in",
]  # fmt: skip

Json = dict[str, Any]
Folder = tuple[str, list[str]]
"""What stands before every name, and the names."""
Parts = dict[str, Folder]

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


def parts_in(prefix: str, names: list[str], held_out: Folder | None) -> Parts:
    """{}, the folder and one that is held out, or train, test and val where the folders on top are called so.

    Raises:
        DataError: a part that has no class folders.
    """
    if held_out is not None:
        _require_classes("test", held_out, "leave out --test")
        return {"train": (prefix, names), "test": held_out}
    parts = {split: (f"{prefix}{folder}/", inner) for split, (folder, inner) in _parts_on_top(names).items()}
    for split, part in parts.items():
        _require_classes(split, part, "move that folder elsewhere")
    return parts


def _require_classes(split: str, part: Folder, otherwise: str) -> None:
    where, names = part
    if classes_of(names)[0]:
        return
    why = "" if split == "train" else ", so no prediction of them could be scored"
    later = "; predict them later with `dojo predict RUN FOLDER`" if split == "test" else ""
    raise DataError(
        f"the {len(names):,} files of the {split} part lie in no class folders{why}", where=where.rstrip("/!"),
        todo=f"make one folder a class, or {otherwise}{later}",
    )  # fmt: skip


def _parts_on_top(names: list[str]) -> Parts:
    """{} or, where the folders on top are train, test, val: split -> (folder, names below it)."""
    found: Parts = {}
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


def into_single_folder(prefix: str, names: list[str]) -> tuple[str, list[str]]:
    """Archives and downloads often hold one folder that holds everything: its name is no class."""
    while True:
        tops = {name.split("/", 1)[0] for name in names if "/" in name}
        if len(tops) != 1 or not all(name.count("/") >= 2 for name in names):
            return prefix, names
        top = next(iter(tops))
        prefix, names = f"{prefix}{top}/", [name.split("/", 1)[1] for name in names]


def classes_of(names: list[str]) -> tuple[Counter[str], int]:
    """Files by the folder on top, and how many lie in none."""
    return Counter(name.split("/", 1)[0] for name in names if "/" in name), sum("/" not in name for name in names)


def data_in(parts: Parts, prefix: str, names: list[str]) -> Json:
    """`[data]`: one pattern of names, or one for each split."""
    if not parts:
        return {"reader": "files", **pattern_of(prefix, names)}
    return {"reader": "files", "split": {split: pattern_of(before, inner) for split, (before, inner) in parts.items()}}


def pattern_of(prefix: str, names: list[str]) -> dict[str, str]:
    """The glob that finds these files, and the pattern that finds the class in their names."""
    suffixes = sorted({PurePosixPath(name).suffix.lower().removeprefix(".") for name in names})
    ending = suffixes[0] if len(suffixes) == 1 else f"{{{','.join(suffixes)}}}"
    deep = "**/" if any(name.count("/") > 1 for name in names) else ""
    # A file in no class folder is matched too, so that it is refused by the pattern and stands in rejected.csv.
    folders = "**/" if any("/" not in name for name in names) else f"*/{deep}"
    before = re.escape(prefix).replace("\\-", "-").replace("\\ ", " ")
    return {"glob": f"{prefix}{folders}*.{ending}", "pattern": f"^{before}(?P<label>[^/]+)/"}


def split_in(parts: Parts, choices: Choices, inferred: Inferred, *, inputs: str, said: str | None = None) -> Json:
    """`[split]`: what the folders leave to be drawn; `said` what the files of a validation folder are called."""
    split = split_of(inferred, choices, classes=True, test="test" in parts, inputs=inputs)
    if "validation" in parts:
        split["fraction"].pop("validation")
        if said is not None:
            inferred.say(f"validation: the {said} of its folder")
    if not split["fraction"]:
        split.pop("fraction")
    return split


def files_of(prefix: str, names: list[str]) -> list[str]:
    """The files that hold these: they themselves, or their archive."""
    archive, mark, _ = prefix.partition("!")
    return [archive] if mark else [prefix + name for name in names]


def files_in(parts: Parts, prefix: str, names: list[str]) -> list[str]:
    """Those of all parts, each once."""
    found = [name for before, inner in (parts.values() or [(prefix, names)]) for name in files_of(before, inner)]
    return list(dict.fromkeys(found))
