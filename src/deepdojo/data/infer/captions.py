"""From pictures and a file of captions to a project: which file, where the pictures lie, which parts are given."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from deepdojo.data.files import Files, printable
from deepdojo.data.infer.class_folders import SPLIT_NAMES
from deepdojo.data.infer.images import IMAGES
from deepdojo.data.infer.inferred import Choices, Inferred, split_of
from deepdojo.data.infer.text import IMAGE_SUFFIXES
from deepdojo.data.readers import RawRow
from deepdojo.data.readers.captions import read
from deepdojo.data.readers.captions_json import CAPTIONS, PICTURES, json_captions
from deepdojo.data.readers.csv_reader import table_header
from deepdojo.errors import DataError, DojoError, UsageError

__all__ = ["infer_captions", "lists_captions"]

TASK = "captioning"
ENDINGS = (".csv", ".tsv", ".txt", ".json")
_PART = re.compile(r"train|test|val|dev", re.IGNORECASE)


def infer_captions(files: Files, prefix: str, choices: Choices, inferred: Inferred, table: str | None = None) -> bool:
    """Fill `inferred` if pictures with captions lie there; False if not.

    Args:
        prefix: what stands before every name: "", "photos/" or "photos.zip!". table: the file of captions; None: it is
        looked for, at the top and one folder below.

    Raises:
        DataError: captions were asked for (`choices.task`), and there are none. UsageError: a choice without a meaning.
    """
    if choices.task not in (None, TASK):
        return False
    asked = choices.task == TASK
    pictures = [name.removeprefix(prefix) for name in files.glob(prefix + IMAGES)]
    tables = [table] if table is not None else [
        name for name in files.glob(f"{prefix}{{*,*/*}}") if name.lower().endswith(ENDINGS)
    ]  # fmt: skip
    found = _best(files, tables, prefix, pictures)
    if found is None:
        if asked:
            raise DataError(
                "no file there names its pictures with their captions", where=str(inferred.shown[0]),
                todo="put a captions.csv with the columns image and caption beside the pictures",
            )  # fmt: skip
        return False
    _refuse(choices, inferred)
    file, options, rows, folder = found
    _write(files, file, options, rows, folder, prefix, choices, inferred)
    return True


def lists_captions(files: Files, name: str) -> bool:
    """Whether a JSON file is a list of pictures with captions, whatever it is called."""
    if not name.lower().endswith(".json"):
        return False
    try:
        first = next(json_captions(files, name, None), None)
    except DojoError:
        return False
    return isinstance(first, tuple) and PurePosixPath(first[1]).suffix.lower().removeprefix(".") in IMAGE_SUFFIXES


def _best(
    files: Files, tables: Sequence[str], prefix: str, pictures: Sequence[str]
) -> tuple[str, dict[str, Any], list[RawRow], str] | None:
    """The file whose pictures are there, (name, options of the reader, its rows, folder of the pictures)."""
    by_name = {PurePosixPath(name).name: name for name in pictures}
    candidates = sorted(tables, key=lambda name: ("caption" not in name.lower(), name))
    for name in candidates:
        options = _options(files, name)
        if options is None:
            continue
        try:
            rows = list(islice(read(files, name, **options), 200_000))
        except DojoError:
            continue
        named = [str(row.cells["image"]) for row in rows if row.cells.get("captions")]
        there = [by_name[base] for each in named if (base := PurePosixPath(each).name) in by_name]
        if not named or len(there) < max(1, len(named) // 2):
            continue
        folders = Counter(
            by_name[PurePosixPath(each).name].removesuffix(each) for each in named
            if PurePosixPath(each).name in by_name and by_name[PurePosixPath(each).name].endswith(each)
        )  # fmt: skip
        if folders:
            return name, options, rows, prefix + folders.most_common(1)[0][0]
    return None


def _options(files: Files, name: str) -> dict[str, Any] | None:
    """Options with which the file may be one of captions; None where its columns say that it is none."""
    if not name.lower().endswith((".csv", ".tsv", ".txt")):
        return {}
    try:
        columns = table_header(files, name)
    except DojoError:
        return {}
    lower = [column.strip().lower() for column in columns]
    picture = next((columns[lower.index(word)] for word in PICTURES if word in lower), None)
    caption = next((columns[lower.index(word)] for word in CAPTIONS if word in lower), None)
    if picture is None or caption is None:
        return {}
    return {} if (picture, caption) == ("image", "caption") else {"names": [picture, caption]}


def _refuse(choices: Choices, inferred: Inferred) -> None:
    for option in ("target", "id", "time", "test"):
        if getattr(choices, option) is not None:
            raise UsageError(
                f"--{option} has no meaning for pictures with captions",
                where=str(inferred.shown[0]),
                todo="leave it out",
            )


def _write(
    files: Files, file: str, options: dict[str, Any], rows: list[RawRow], folder: str, prefix: str, choices: Choices,
    inferred: Inferred,
) -> None:  # fmt: skip
    kept = [row for row in rows if row.reject is None]
    count = sum(len(row.cells["captions"]) for row in kept)
    inferred.say(f"{printable(file)}: {count:,} captions of {len(kept):,} pictures, {count / len(kept):.1f} a picture")
    inferred.say(f"pictures: {printable(folder) or 'beside it'}")
    inferred.say(f"task: {TASK}, because pictures have sentences", "task", "pictures with sentences")
    inferred.say("metric: caption_bleu, as captions are reported", "metric", "as captions are reported")
    inferred.say("id: the name of each picture", "data.id", "the name of each picture")
    data: dict[str, Any] = {"reader": "captions", "file": file, "id": "image", **options}
    names = {str(row.cells["image"]) for row in kept}
    parts = _parts(files, prefix, file, names)
    metric = choices.metric or "caption_bleu"
    inferred.spec |= {"task": TASK, "metric": metric, "data": data}
    inferred.spec["columns"] = {"image": {"column": "image", "file": f"{folder}{{}}"}, "captions": "captions"}
    if parts:
        inferred.say(f"split: by the lists {', '.join(map(printable, parts.values()))}")
        data["split"] = {split: {"only": name} for split, name in parts.items()}
    else:
        endings = sorted({PurePosixPath(name).suffix.lower().removeprefix(".") for name in names})
        known = [ending for ending in endings if ending in IMAGE_SUFFIXES]
        data["images"] = f"{folder}*." + (known[0] if len(known) == 1 else "{" + ",".join(known) + "}")
    if "test" not in parts or "validation" not in parts:
        split = split_of(inferred, choices, classes=False, test="test" in parts, inputs="id")
        if "validation" in parts:
            split["fraction"].pop("validation", None)
        inferred.spec["split"] = split
    archive, mark, _ = prefix.partition("!")
    inferred.files = [archive] if mark else sorted(
        {file, *parts.values(), *(name for each in names if files.has(name := folder + each))}
    )  # fmt: skip


def _parts(files: Files, prefix: str, file: str, names: set[str]) -> dict[str, str]:
    """Lists of pictures such as train_images.txt: part -> file. None without one to learn from and one held out."""
    found: dict[str, str] = {}
    for name in files.glob(f"{prefix}{{*,*/*}}"):
        word = _PART.search(PurePosixPath(name).name)
        if name == file or word is None or not name.lower().endswith(".txt"):
            continue
        with files.open(name) as lines:
            listed = {line.strip() for line in lines.read(100_000_000).decode("utf-8", "replace").splitlines()}
        if len(listed & names) >= max(1, len(listed) // 2):
            found.setdefault(SPLIT_NAMES[word.group().lower()], name)
    if "train" not in found or "test" not in found:
        return {}
    return {split: found[split] for split in ("train", "validation", "test") if split in found}
