"""What readers of boxes share: pictures by name, and whether a box can be used."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from deepdojo.data.images import shown_size
from deepdojo.errors import DojoError, SourceError

if TYPE_CHECKING:
    from deepdojo.data.files import Files, Media

__all__ = ["PICTURES", "Picture", "is_picture", "picture_of", "placed", "unlisted"]

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")


class Picture:
    """A picture that an annotation belongs to, opened for its size.

    Attributes:
        media: the cell. size: (Y, X).
        fault: why it cannot be used, or None.
    """

    def __init__(self, media: Media | None, size: tuple[int, int], fault: str | None = None) -> None:
        self.media, self.size, self.fault = media, size, fault


def picture_of(files: Files, name: str, said: tuple[Any, Any]) -> Picture:
    """The picture of a name; `said` is (width, height) as the annotation has it, where it says so (0 says nothing).

    An annotation of another size than the picture's is of another picture, or of one that was scaled since.
    """
    try:
        if not files.has(name):
            return Picture(None, (0, 0), f"the picture {_shown(name)} is not there")
        media = files.media(name, listed=True)
        size = shown_size(media)
    except DojoError as error:
        if isinstance(error, SourceError):
            files.unreadable.add(name)
        return Picture(None, (0, 0), error.what)
    width, height = (_whole(value) for value in said)
    if width and height and (height, width) != size:
        what = (
            f"the annotation is of a picture of {width} x {height} pixels, and {_shown(name)} has {size[1]} x {size[0]}"
        )
        return Picture(None, size, what)
    return Picture(media, size)


def placed(label: str, corners: Sequence[Any], size: tuple[int, int]) -> list[Any] | str:
    """[label, 1.0, x0, y0, x1, y1], cut at the picture's border; or why the box cannot be used.

    Args:
        corners: x0, y0, x1, y1 as they stand. size: (Y, X) of the picture.
    """
    if not label:
        return "the box has no class"
    try:
        x0, y0, x1, y1 = (float(value) for value in corners)
    except (TypeError, ValueError, OverflowError):
        return f"a side of the box ({label}) is no number"
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        return f"a side of the box ({label}) is not finite"
    where = f"({label}, x {x0:g} to {x1:g}, y {y0:g} to {y1:g})"
    if x1 <= x0 or y1 <= y0:
        return f"the box has no area {where}"
    inside = [max(0.0, x0), max(0.0, y0), min(float(size[1]), x1), min(float(size[0]), y1)]
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        return f"the box lies outside the picture of {size[1]} x {size[0]} pixels {where}"
    return [label, 1.0, *inside]


def unlisted(files: Files, pattern: str, known: set[str]) -> Iterator[str]:
    """Pictures that a pattern finds and no annotation names, sorted."""
    yield from (name for name in files.glob(pattern) if is_picture(name) and name not in known)


def is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PICTURES


def _whole(value: Any) -> int:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return 0


def _shown(name: str) -> str:
    from deepdojo.data.files import printable

    return printable(name)
