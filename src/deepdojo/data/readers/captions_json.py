"""Captions in JSON: COCO's form, a list of pictures with what was written about each, or an object of the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deepdojo.data.encodings import text_lines
from deepdojo.data.files import printable
from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["CAPTIONS", "PICTURES", "Line", "json_captions"]

CAPTIONS = ("caption", "captions", "comment", "sentence", "sentences", "description", "descriptions", "text", "texts")
PICTURES = ("image", "image_name", "image_path", "filename", "file_name", "file", "picture", "path", "name")
_FORMS = (
    'COCO\'s form is {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}; a plain list is '
    '[{"image": name, "caption": text}] or [{"image": name, "captions": [texts]}]'
)

Line = tuple[int, str, str]
"""Number of the line, name of the picture, caption."""


def json_captions(files: Files, name: str, encoding: str | None) -> Iterator[Line | RawRow]:
    """Each caption of a file, numbered as its entries stand there; an entry that has none as a row that is rejected.

    Raises:
        DataError: no JSON, or of none of these forms.
    """
    try:
        found = json.loads("".join(text_lines(lambda: files.open(name), encoding, where=name)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"the file is no JSON ({error})"[:160], where=printable(name)) from None
    if isinstance(found, list):
        yield from _listed(found, name)
    elif isinstance(found, dict) and found and not {"images", "annotations"} & found.keys():
        yield from _listed([{"image": key, "captions": texts} for key, texts in found.items()], name)
    else:
        yield from _coco(found, name)


def _listed(entries: list[Any], name: str) -> Iterator[Line | RawRow]:
    first = next((entry for entry in entries if isinstance(entry, dict)), {})
    picture = next((key for key in PICTURES if key in first), None)
    caption = next((key for key in CAPTIONS if key in first), None)
    if entries and (picture is None or caption is None):
        raise DataError(
            f"the first entry of the list has no {'picture' if picture is None else 'caption'}",
            where=printable(name), todo=_FORMS,
        )  # fmt: skip
    for number, entry in enumerate(entries, 1):
        image = entry.get(picture) if isinstance(entry, dict) else None
        texts = entry.get(caption) if isinstance(entry, dict) else None
        several = texts if isinstance(texts, list) else [texts]
        good = [text for text in several if isinstance(text, str)]
        if not isinstance(image, str) or not image.strip():
            yield RawRow({}, name, number, "no picture is named")
        elif not good or len(good) < len(several):
            yield RawRow({"image": image}, name, number, "a caption is no text")
        else:
            yield from ((number, image.strip(), text) for text in good)


def _coco(found: Any, name: str) -> Iterator[Line | RawRow]:
    try:
        pictures = {image["id"]: str(image["file_name"]) for image in found["images"]}
        captions = [(each["image_id"], str(each["caption"])) for each in found["annotations"]]
    except (KeyError, TypeError) as error:
        raise DataError(f"a part of the file is missing ({error})"[:160], where=printable(name), todo=_FORMS) from None
    for number, (image, caption) in enumerate(captions, 1):
        if image in pictures:
            yield number, pictures[image], caption
        else:
            yield RawRow({}, name, number, f"the caption is of the image {image!r:.40}, which the file does not list")
