"""Boxes in COCO's JSON: pictures, categories and annotations of a whole part in one file. One row a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from deepdojo.data.annotated import picture_of, placed
from deepdojo.data.annotated import unlisted as unlisted_pictures
from deepdojo.data.encodings import text_lines
from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]

_FORM = (
    'COCO\'s form is {"images": [{"id", "file_name"}], "categories": [{"id", "name"}], '
    '"annotations": [{"image_id", "category_id", "bbox": [x, y, width, height]}]}'
)


def read(
    files: Files,
    file: str | Sequence[str],
    *,
    images: str = "{file_name}",
    unlisted: Literal["reject", "pass"] = "reject",
) -> Iterator[RawRow]:
    """Cells `image`, `boxes`, `image_id`, `file_name`, `stem`, `width`, `height`.

    A box that leaves its picture is cut at the border; one without area, outside the picture, of an unknown category,
    for an unknown picture, or that marks a crowd (`iscrowd`) is rejected by itself, and its place is its number among
    the annotations, from 1. A picture without annotations shows no object. A file without the list of annotations (a
    test set) gives rows whose boxes are missing. Masks are not read.

    Args:
        file: a name, a pattern, or a list of them.
        images: where the pictures lie, such as `train2017/{file_name}`.
        unlisted: whether pictures of that folder that the file does not list are rejected or passed over.

    Raises:
        DataError: a file that is no JSON, or not of this form.
    """
    known: set[str] = set()
    for name in files.expand(file):
        yield from _rows(files, name, images, known)
    if unlisted == "reject":
        for picture in unlisted_pictures(files, images.replace("{file_name}", "**/*"), known):
            yield RawRow({}, picture, None, "the picture is listed in no annotation file")


def _rows(files: Files, name: str, images: str, known: set[str]) -> Iterator[RawRow]:
    found = _parsed(files, name)
    pictures = _list_of(found, "images", name)
    categories = {
        _key(c["id"]): str(c["name"]).strip()
        for c in _list_of(found, "categories", name, missing=[])
        if isinstance(c, Mapping) and c.get("name") is not None and "id" in c
    }
    annotations = found.get("annotations")
    annotated = isinstance(annotations, list)
    of_picture, strange = _by_picture(annotations if isinstance(annotations, list) else [], pictures)
    for number, reason in strange:
        yield RawRow({}, name, number, reason)
    for number, entry in enumerate(pictures, 1):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("file_name"), str) or "id" not in entry:
            yield RawRow({}, name, number, "the picture has no id or no file_name")
            continue
        place = images.replace("{file_name}", entry["file_name"])
        known.add(place)
        picture = picture_of(files, place, (entry.get("width"), entry.get("height")))
        if picture.fault is not None:
            yield RawRow({}, name, number, picture.fault)
            continue
        boxes: list[list[Any]] = []
        for at, annotation in of_picture.get(_key(entry["id"]), []):
            box = _box(annotation, categories, picture.size)
            if isinstance(box, str):
                yield RawRow({}, name, at, box)
            else:
                boxes.append(box)
        cells = {
            "image": picture.media, "boxes": boxes if annotated else None, "image_id": entry["id"],
            "file_name": entry["file_name"], "stem": PurePosixPath(entry["file_name"]).stem,
            "width": picture.size[1], "height": picture.size[0],
        }  # fmt: skip
        yield RawRow(cells, name, number)


def _by_picture(
    annotations: Sequence[Any], pictures: Sequence[Any]
) -> tuple[dict[str, list[tuple[int, Mapping[str, Any]]]], list[tuple[int, str]]]:
    """Key of a picture -> its annotations with their numbers; and why others belong to none."""
    ids = {_key(entry.get("id")) for entry in pictures if isinstance(entry, Mapping)}
    found: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    strange: list[tuple[int, str]] = []
    for number, annotation in enumerate(annotations, 1):
        if not isinstance(annotation, Mapping):
            strange.append((number, "the annotation is no object"))
        elif _key(annotation.get("image_id")) not in ids:
            strange.append((number, f"the box is for the unknown picture {str(annotation.get('image_id'))[:40]!r}"))
        else:
            found.setdefault(_key(annotation["image_id"]), []).append((number, annotation))
    return found, strange


def _box(annotation: Mapping[str, Any], categories: Mapping[str, str], size: tuple[int, int]) -> list[Any] | str:
    category, box = annotation.get("category_id"), annotation.get("bbox")
    if annotation.get("iscrowd") in (1, True):
        return "the box marks a crowd, not one object (iscrowd)"
    if _key(category) not in categories:
        return f"the box is of the unknown category {str(category)[:40]!r}"
    if not isinstance(box, list) or len(box) != 4:
        return "bbox is no list of x, y, width and height"
    try:
        x, y, width, height = (float(value) for value in box)
    except (TypeError, ValueError, OverflowError):
        return "a number of bbox is none"
    return placed(categories[_key(category)], [x, y, x + width, y + height], size)


def _key(value: Any) -> str:
    """Ids are numbers in one tool's file and texts in another's."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _parsed(files: Files, name: str) -> Mapping[str, Any]:
    if files.is_empty(name):
        raise DataError("the file is empty", where=name)
    try:
        found = json.loads("".join(text_lines(lambda: files.open(name), None, where=name)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"the file is no JSON ({error})"[:160], where=name) from None
    if not isinstance(found, Mapping):
        raise DataError("the file holds no object", where=name, todo=_FORM)
    return found


def _list_of(found: Mapping[str, Any], key: str, where: str, missing: list[Any] | None = None) -> list[Any]:
    part = found.get(key, missing)
    if not isinstance(part, list):
        raise DataError(f"there is no list {key!r}", where=where, todo=_FORM)
    return part
