"""Boxes in PASCAL VOC's XML, a file for each picture, as LabelImg and most other tools write it: one row a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

from deepdojo.data.annotated import is_picture, picture_of, placed
from deepdojo.data.encodings import text_lines
from deepdojo.data.files import printable
from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]

SIDES = ("xmin", "ymin", "xmax", "ymax")


def read(
    files: Files,
    annotations: str | Sequence[str],
    *,
    images: str = "**/{stem}.*",
    names: str | None = None,
    unlisted: Literal["reject", "pass"] = "reject",
) -> Iterator[RawRow]:
    """Cells `image`, `boxes`, `stem` (the annotation's name without folder and ending), `width`, `height`.

    The numbers of `bndbox` are taken as they stand: pixels from the left and upper border. A box that leaves its
    picture is cut at the border; one without area, outside the picture or without a name is rejected by itself, and
    its place is its number in the file, from 1. An annotation without objects is a picture without any.

    Args:
        annotations: the XML files, such as `Annotations/*.xml`.
        images: where the pictures lie; {stem} stands for the annotation's name, such as `JPEGImages/{stem}.{jpg,png}`.
        names: a file that names the pictures of this part, one a line; all others are passed over.
        unlisted: whether pictures without an annotation are rejected, one by one, or passed over.

    Raises:
        SourceError: nothing matches. DataError: the file of names is empty.
    """
    of_stem: dict[str, str] = {}
    for name in files.expand(annotations):
        of_stem.setdefault(_stem(name), name)
    pattern = images.replace("{stem}", "*")
    pictures = {_stem(name): name for name in files.glob(pattern) if is_picture(name)}
    if names is None:
        for stem, annotation in of_stem.items():
            yield from _rows(files, annotation, stem, pictures.get(stem), images)
        if unlisted == "reject":
            for stem in sorted(pictures.keys() - of_stem.keys()):
                yield RawRow({}, pictures[stem], None, "the picture has no annotation")
        return
    seen: set[str] = set()
    for line, stem in _listed(files, names):
        if stem in seen:
            yield RawRow({}, names, line, f"{stem} is named twice")
        elif stem not in of_stem:
            yield RawRow({}, names, line, f"{stem} has no annotation")
        else:
            yield from _rows(files, of_stem[stem], stem, pictures.get(stem), images)
        seen.add(stem)


def _listed(files: Files, names: str) -> Iterator[tuple[int, str]]:
    number = 0
    for number, text in enumerate(text_lines(lambda: files.open(names), None, where=names), 1):
        name = text.strip()
        if name:
            yield number, _stem(name) if is_picture(name) or name.lower().endswith(".xml") else PurePosixPath(name).name
    if not number:
        raise DataError("the file names no picture", where=names)


def _stem(name: str) -> str:
    return PurePosixPath(name.rpartition("!")[2]).stem


def _rows(files: Files, annotation: str, stem: str, picture: str | None, images: str) -> Iterator[RawRow]:
    """The row of a picture, and one for each of its boxes that cannot be used."""
    try:
        root = _parsed(files, annotation)
    except DataError as error:
        yield RawRow({}, annotation, None, error.what)
        return
    missing = images.replace("{stem}", stem)
    found = picture_of(files, picture or missing, (root.findtext("size/width"), root.findtext("size/height")))
    if found.fault is not None:
        yield RawRow({}, annotation, None, found.fault)
        return
    boxes: list[list[Any]] = []
    for number, thing in enumerate(root.iter("object"), 1):
        label = (thing.findtext("name") or "").strip()
        box = placed(label, [thing.findtext(f"bndbox/{side}") for side in SIDES], found.size)
        if isinstance(box, str):
            yield RawRow({}, annotation, number, box)
        else:
            boxes.append(box)
    height, width = found.size
    yield RawRow(
        {"image": found.media, "boxes": boxes, "stem": stem, "width": width, "height": height}, annotation, None
    )


def _parsed(files: Files, name: str) -> ElementTree.Element:
    content = files.peek(name)
    if b"<!ENTITY" in content or b"<!DOCTYPE" in content:  # names that stand for other text: no tool writes them
        raise DataError("the annotation defines entities, which are not read")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"the annotation is no XML ({printable(str(error))})"[:160]) from None
    if root.tag != "annotation":
        raise DataError(f"the file is no VOC annotation: it begins with <{root.tag}>, not <annotation>"[:160])
    return root
