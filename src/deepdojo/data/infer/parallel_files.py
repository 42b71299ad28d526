"""From files that go side by side, train.de and train.en, to a project of translation."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from deepdojo.contracts import contract_of
from deepdojo.data.files import Files, printable
from deepdojo.data.infer.class_folders import SPLIT_NAMES
from deepdojo.data.infer.inferred import Choices, Inferred, listed, split_of
from deepdojo.data.readers import read
from deepdojo.errors import DataError, UnknownNameError, UsageError

__all__ = ["infer_parallel"]

Sides = dict[str, str]
"""Language -> file."""

_PART = re.compile(rf"(?:^|[^a-z])({'|'.join(sorted(SPLIT_NAMES, key=len, reverse=True))})(?:[^a-z]|$)")
_FORM = "name files by their language: train.de and train.en, and test.de and test.en where rows are held out"


def infer_parallel(files: Files, paths: list[Path], choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred` from a folder of such files, from one of them, or from one to learn from and one held out.

    A file's ending is its language; the name before it says the part. Of one file, its language is the source.

    Raises:
        DataError: no two files that go side by side, of more than two languages, of different numbers of lines.
        UnknownNameError: --target is no language that is there. UsageError: a choice that only tables know.
    """
    for option in ("id", "group", "time"):
        if getattr(choices, option) is not None:
            raise UsageError(f"--{option} names a column of a table; these are files of lines", todo="leave it out")
    assert choices.task is not None
    names = [path.relative_to(inferred.root).as_posix() for path in paths]
    if paths[0].is_dir():
        if len(paths) > 1:
            raise UsageError("the parts of a translation are told by names in one folder", where="--test", todo=_FORM)
        pairs = _pairs(files, "" if names[0] == "." else f"{names[0]}/")
        parts = _parts(pairs, str(paths[0]), inferred)
        first = None
    else:
        found = [_beside(files, name) for name in names]
        parts = dict(zip(("train", "test"), found, strict=False))
        first = _language(names[0])
    source, target = _direction(parts, first, choices.target, str(paths[0]))
    sides = {part: {"source": of[source], "target": of[target]} for part, of in parts.items()}
    counts = {part: sum(1 for _ in read("parallel", files, sides=of)) for part, of in sides.items()}
    inferred.say("; ".join(f"{part}: {counts[part]:,} lines of {_said(of)}" for part, of in sides.items()))
    inferred.say(f"task: {choices.task} (as given)", "task", "as given")
    how = "as given" if choices.target or first else f"the other way: --target {source}"
    inferred.say(f"from {source} to {target} ({how})")
    metric = choices.metric or contract_of(choices.task).metric
    inferred.say(f"metric: {metric}", "metric", "as given" if choices.metric else f"the default of {choices.task}")
    inferred.files = [name for of in sides.values() for name in of.values()]
    if not paths[0].is_dir() and len({PurePosixPath(name).name for name in inferred.files}) == len(inferred.files):
        inferred.shown = [inferred.root / name for name in inferred.files]
        sides = {part: {role: PurePosixPath(name).name for role, name in of.items()} for part, of in sides.items()}
    data: dict[str, Any] = {"reader": "parallel"}
    data |= {"sides": sides["train"]} if len(sides) == 1 else {"split": {p: {"sides": of} for p, of in sides.items()}}
    inferred.spec |= {"task": choices.task, "metric": metric, "data": data, "columns": {}}
    split = split_of(inferred, Choices(), classes=False, test="test" in sides, inputs="source")
    if "validation" in sides:
        split["fraction"].pop("validation")
        inferred.say("validation: the lines of its files")
    inferred.spec["split"] = split if split["fraction"] else {}


def _language(name: str) -> str:
    return PurePosixPath(name.removesuffix(".gz")).suffix.removeprefix(".")


def _pairs(files: Files, prefix: str) -> dict[str, Sides]:
    """Name without its language -> the files of that name, where there are two and more."""
    found: dict[str, Sides] = {}
    for name in files.glob(f"{prefix}*"):
        if language := _language(name):
            stem = name.removesuffix(".gz").removesuffix(f".{language}")
            found.setdefault(stem, {}).setdefault(language, name)
    return {stem: sides for stem, sides in sorted(found.items()) if len(sides) > 1}


def _beside(files: Files, name: str) -> Sides:
    stem = name.removesuffix(".gz").removesuffix(f".{_language(name)}")
    folder = PurePosixPath(name).parent.as_posix()
    pairs = _pairs(files, "" if folder == "." else f"{folder}/")
    if stem not in pairs:
        raise DataError("no file of another language stands beside it", where=printable(name), todo=_FORM)
    return pairs[stem] | {_language(name): name}


def _parts(pairs: dict[str, Sides], where: str, inferred: Inferred) -> dict[str, Sides]:
    """Part -> its files, told by the names; of several of a part the first."""
    if not pairs:
        raise DataError("the folder holds no files that go side by side", where=where, todo=_FORM)
    if len(pairs) == 1:
        return {"train": next(iter(pairs.values()))}
    found: dict[str, Sides] = {}
    unused: list[str] = []
    for stem, sides in pairs.items():
        match = _PART.search(PurePosixPath(stem).name.lower())
        part = SPLIT_NAMES[match[1]] if match else None
        if part is None or part in found:
            unused.append(stem)
        else:
            found[part] = sides
    if "train" not in found:
        raise DataError(f"which files train cannot be told from their names ({listed(pairs)})", where=where, todo=_FORM)
    if unused:
        inferred.say(f"not used: {listed(map(printable, unused))}")
    return {part: found[part] for part in ("train", "validation", "test") if part in found}


def _direction(parts: dict[str, Sides], first: str | None, target: str | None, where: str) -> tuple[str, str]:
    """(language to read, language to write)."""
    common = sorted(set.intersection(*(set(sides) for sides in parts.values())))
    if target is not None and target not in common:
        raise UnknownNameError("language", target, common, where="--target")
    left = [language for language in common if language not in (first, target)]
    if target is not None and first is not None and first != target:
        return first, target
    if len(common) != 2:
        raise DataError(
            f"files of two languages are needed, and there are {len(common)} ({listed(common)})", where=where,
            todo="give the file to translate from and --target LANGUAGE" if len(common) > 2 else _FORM,
        )  # fmt: skip
    if first is not None and target is None:
        return first, left[0]
    return (left[0], target) if target is not None else (common[0], common[1])


def _said(sides: Sides) -> str:
    return " and ".join(printable(name) for name in sides.values())
