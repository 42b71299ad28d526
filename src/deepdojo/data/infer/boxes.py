"""From pictures with boxes to a project: VOC's XML beside the pictures, or COCO's JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from deepdojo.data.annotated import is_picture
from deepdojo.data.files import Files
from deepdojo.data.infer.class_folders import SPLIT_NAMES
from deepdojo.data.infer.inferred import Choices, Inferred, listed, split_of
from deepdojo.data.readers import RawRow, read
from deepdojo.data.readers.box_table import columns_of
from deepdojo.data.readers.csv_reader import table_header
from deepdojo.errors import DataError, DojoError, UsageError

__all__ = [
    "box_tables", "coco_files", "images_of", "infer_box_table", "infer_coco", "infer_voc", "is_box_table", "is_coco",
    "voc_files",
]  # fmt: skip

SETS = {"train": "train", "trainval": "train", "val": "validation", "valid": "validation", "test": "test"}
HEAD_BYTES = 2_000


def voc_files(files: Files, prefix: str) -> list[str]:
    """VOC's annotations below a folder or in an archive: the XML files, if the first of them is one."""
    found = files.glob(f"{prefix}**/*.xml")
    if not found:
        return []
    with files.opened(found[0]) as file:
        return found if b"<annotation" in file.read(HEAD_BYTES) else []


def coco_files(files: Files, prefix: str) -> list[str]:
    """Files of COCO's form below a folder or in an archive."""
    return [name for name in files.glob(f"{prefix}**/*.json") if is_coco(files, name)]


def is_coco(files: Files, name: str) -> bool:
    try:
        found = json.loads(files.peek(name))
    except (ValueError, RecursionError):
        return False
    if not (isinstance(found, dict) and isinstance(found.get("images"), list) and "categories" in found):
        return False
    entries = found.get("annotations")
    first = entries[0] if isinstance(entries, list) and entries else None
    return not (isinstance(first, dict) and "caption" in first and "bbox" not in first)  # sentences, not boxes


def box_tables(files: Files, prefix: str) -> list[str]:
    """Tables of boxes below a folder or in an archive."""
    return [name for name in files.glob(f"{prefix}**/*.csv") if is_box_table(files, name)]


def is_box_table(files: Files, name: str) -> bool:
    try:
        return columns_of(table_header(files, name)) is not None
    except DojoError:
        return False


def infer_box_table(files: Files, names: list[str], choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred` from tables of boxes beside pictures. Raises DataError where the first picture is nowhere."""
    _refuse(choices, inferred.shown[0])
    parts = _parts(names)
    data: dict[str, Any] = {"reader": "box_table", "id": "file_name"}
    each = {split: {"file": name, "images": _named_in(files, name)} for split, name in parts.items()}
    if len(each) > 1:
        data["split"] = each
        inferred.say("parts: as the files say (" + ", ".join(f"{split} {n}" for split, n in parts.items()) + ")")
    else:
        data |= next(iter(each.values()))
    inferred.comments["data.id"] = "the picture's file"
    rows = [row for options in each.values() for row in read("box_table", files, **options)]
    inferred.say(f"{inferred.shown[0].name}: {listed(names)} (a box a line)")
    _finish(rows, data, set(each) if len(each) > 1 else set(), choices, inferred)
    media = [row.cells["image"].name for row in rows if row.cells.get("image") is not None]
    inferred.files = list(dict.fromkeys([*_holders(names), *_holders(media)]))


def _named_in(files: Files, name: str | list[str]) -> str:
    """The pattern of the pictures that a table of boxes names."""
    first = name if isinstance(name, str) else name[0]
    archive, mark, _ = first.rpartition("!")
    for raw in read("csv", files, file=first):
        columns = columns_of(list(raw.cells))
        wanted = str(raw.cells[columns["picture"]] or "").strip() if columns else ""
        if wanted:
            if files.has(archive + mark + wanted):
                return f"{archive}{mark}{{file_name}}"
            hits = [n for n in files.glob(f"{archive}{mark}**/*") if n.endswith(f"/{wanted}")]
            if hits:
                return hits[0].removesuffix(wanted) + "{file_name}"
            raise DataError(f"the picture {wanted} is nowhere beside the table", where=first,
                            todo="put pictures and table into one folder, and give that")  # fmt: skip
    raise DataError("the table names no picture", where=first)


def infer_voc(files: Files, prefix: str, annotations: list[str], choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred`. Raises DataError where no picture belongs to any annotation."""
    _refuse(choices, inferred.shown[0])
    stems = {PurePosixPath(name).stem for name in annotations}
    pictures = [name for name in files.glob(f"{prefix}**/*") if is_picture(name)]
    own = _one_of_each([name for name in pictures if PurePosixPath(name).stem in stems])
    if not own:
        raise DataError("no picture has the name of an annotation", where=str(inferred.shown[0]),
                        todo="put pictures and XML files into one folder")  # fmt: skip
    data: dict[str, Any] = {
        "reader": "voc", "annotations": _pattern(annotations, prefix, ["xml"]),
        "images": "{stem}.".join(_pattern(own, prefix, _endings(own)).rsplit("*.", 1)), "id": "stem",
    }  # fmt: skip
    sets = _sets(files, prefix)
    if sets:
        data["split"] = {split: {"names": name} for split, name in sets.items()}
        said = ", ".join(f"{split} {PurePosixPath(name).name}" for split, name in sets.items())
        inferred.say(f"parts: as the lists of names say ({said})")
    inferred.comments["data.id"] = "the annotation's name"
    inferred.say(f"{inferred.shown[0].name}: {len(annotations):,} annotations (VOC), {len(pictures):,} pictures")
    options = {k: v for k, v in data.items() if k not in ("reader", "id", "split")}
    _finish(list(read("voc", files, **options)), data, set(sets), choices, inferred)
    inferred.files += [*_holders(annotations), *_holders(pictures), *_holders(list(sets.values()))]
    inferred.files = list(dict.fromkeys(inferred.files))


def _one_of_each(pictures: list[str]) -> list[str]:
    """Without the folders whose pictures another folder has by the same names: VOC's masks of segments are called as
    the photographs are. The folder with the most stays."""
    folders: dict[str, set[str]] = {}
    for name in pictures:
        folders.setdefault(name.rpartition("/")[0], set()).add(PurePosixPath(name).stem)
    kept: list[str] = []
    for folder in sorted(folders, key=lambda name: (-len(folders[name]), "mask" in name.lower(), name)):
        if not any(folders[folder] & folders[other] for other in kept):
            kept.append(folder)
    return [name for name in pictures if name.rpartition("/")[0] in kept]


def infer_coco(files: Files, names: list[str], choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred` from the JSON files; the pictures are looked for beside them and in the folders around.

    Raises: DataError where the first picture is nowhere.
    """
    _refuse(choices, inferred.shown[0])
    parts = _parts(names)
    data: dict[str, Any] = {"reader": "coco", "id": "file_name"}
    each = {split: {"file": name, "images": images_of(files, name)} for split, name in parts.items()}
    shared = len({options["images"] for options in each.values()}) < len(each)
    if shared:
        data["unlisted"] = "pass"
        inferred.comments["data.unlisted"] = "one folder of pictures serves several files"
    if len(each) > 1:
        data["split"] = each
        inferred.say("parts: as the files say (" + ", ".join(f"{split} {n}" for split, n in parts.items()) + ")")
    else:
        data |= next(iter(each.values()))
    inferred.comments["data.id"] = "the picture's file"
    rows: list[RawRow] = []
    for options in each.values():
        rows += read("coco", files, **options, unlisted="pass")
    inferred.say(f"{inferred.shown[0].name}: {listed(names)} (COCO)")
    _finish(rows, data, set(each) if len(each) > 1 else set(), choices, inferred)
    media = [row.cells["image"].name for row in rows if row.cells.get("image") is not None]
    inferred.files = list(dict.fromkeys([*_holders(names), *_holders(media)]))


def _finish(
    rows: list[RawRow], data: dict[str, Any], given: set[str], choices: Choices, inferred: Inferred
) -> None:  # fmt: skip
    good = [row for row in rows if row.reject is None]
    if not good:
        first = rows[0].reject if rows else "there are no annotations"
        raise DataError(f"no picture can be used; the first: {first}", where=str(inferred.shown[0]))
    counts = Counter(box[0] for row in good for box in row.cells["boxes"] or ())
    if not counts:
        raise DataError("no picture has a box", where=str(inferred.shown[0]), todo="look at the annotations")
    shown = listed(f"{label} {n:,}" for label, n in counts.most_common())
    inferred.say(f"task: detection, because pictures have boxes ({counts.total():,} in {len(good):,} pictures)", "task",
                 "pictures with boxes")  # fmt: skip
    inferred.say(f"{len(counts):,} class{'es' if len(counts) != 1 else ''} of objects: {shown}")
    bad = len(rows) - len(good)
    if bad:
        inferred.say(f"{bad:,} boxes or pictures cannot be used; dojo check says why")
    metric = choices.metric or "map50"
    inferred.say(f"metric: {metric}, {'as given' if choices.metric else 'a box that overlaps by half is found'}",
                 "metric", "as given" if choices.metric else "a box that overlaps by half is found")  # fmt: skip
    inferred.spec |= {"task": "detection", "metric": metric, "data": data, "columns": {}}
    split = split_of(inferred, choices, classes=False, test="test" in given, inputs="image")
    if "validation" in given:
        split["fraction"].pop("validation")
    if not split["fraction"]:
        split.pop("fraction")
    inferred.spec["split"] = split


def _sets(files: Files, prefix: str) -> dict[str, str]:
    """Split -> the list of its names, where lists give a part to train on and one to test on. VOC's trainval goes
    before train only where there is no list of validation names."""
    found = {PurePosixPath(name).stem.lower(): name for name in files.glob(f"{prefix}**/*.txt")}
    chosen = {SETS[stem]: name for stem, name in found.items() if stem in SETS and stem != "trainval"}
    if "validation" not in chosen and "trainval" in found:
        chosen["train"] = found["trainval"]
    order = ("train", "validation", "test")
    return {split: chosen[split] for split in order if split in chosen} if {"train", "test"} <= chosen.keys() else {}


def _parts(names: list[str]) -> dict[str, Any]:
    """Split -> file: told by a word of the file's name or by its folder; else all train."""
    found: dict[str, str] = {}
    for name in names:
        path = PurePosixPath(name.rpartition("!")[2])
        words = [*path.stem.lower().replace("-", "_").replace(".", "_").split("_"), path.parent.name.lower()]
        split = next((SPLIT_NAMES[w] for w in words if w in SPLIT_NAMES), None)
        if split is None or split in found:
            return {"train": names[0] if len(names) == 1 else names}
        found[split] = name
    if "train" not in found:
        return {"train": names[0] if len(names) == 1 else names}
    order = ("train", "validation", "test")
    return {split: found[split] for split in order if split in found}


def images_of(files: Files, name: str | list[str]) -> str:
    """The pattern of the pictures of a JSON file."""
    first = name if isinstance(name, str) else name[0]
    listed_ = json.loads(files.peek(first))["images"]
    wanted = next(
        (e["file_name"] for e in listed_ if isinstance(e, dict) and isinstance(e.get("file_name"), str)), None
    )
    if wanted is None:
        raise DataError("the file lists no picture", where=first)
    archive, mark, inner = first.rpartition("!")
    folder = PurePosixPath(inner).parent
    before = archive + mark
    tried = [folder, folder / "images", folder.parent, folder.parent / "images", folder / PurePosixPath(inner).stem]
    for place in tried:
        start = "" if str(place) == "." else f"{place}/"
        if files.has(before + start + wanted):
            return f"{before}{start}{{file_name}}"
    last = wanted.rpartition("/")[2]
    hits = [n for n in files.glob(f"{before}**/*") if n.endswith(f"/{last}") and n.endswith(wanted)]
    hits.sort(key=lambda n: not n.startswith(f"{before}{folder}/"))  # below the file's own folder first
    if hits:
        return hits[0].removesuffix(wanted) + "{file_name}"
    todo = "put pictures and JSON into one folder, and give that"
    raise DataError(f"the picture {wanted} is nowhere beside the file", where=first, todo=todo)


def _pattern(names: list[str], prefix: str, endings: list[str]) -> str:
    """One glob for names of one folder, or for all folders below the prefix."""
    folders = {name.rpartition("/")[0] if "/" in name else "" for name in names}
    if len(folders) == 1:
        folder = next(iter(folders))
        if folder.startswith(prefix.rstrip("/")) or not prefix:
            return f"{folder}/*.{_braced(endings)}" if folder else f"*.{_braced(endings)}"
    return f"{prefix}**/*.{_braced(endings)}"


def _braced(endings: list[str]) -> str:
    return endings[0] if len(endings) == 1 else f"{{{','.join(endings)}}}"


def _endings(names: list[str]) -> list[str]:
    return sorted({PurePosixPath(name).suffix.removeprefix(".") for name in names})


def _holders(names: list[str]) -> list[str]:
    """The files themselves, or the archives that hold them."""
    return list(dict.fromkeys(name.partition("!")[0] if "!" in name else name for name in names))


def _refuse(choices: Choices, shown: Path) -> None:
    for option in ("target", "id", "group", "time"):
        if getattr(choices, option) is not None:
            raise UsageError(
                f"--{option} names a column of a table, and {shown.name} holds pictures with boxes", todo="leave it out"
            )
    if choices.task not in (None, "detection"):
        raise UsageError(f"{shown.name} holds pictures with boxes, which {choices.task} cannot use",
                         todo="leave out --task")  # fmt: skip
