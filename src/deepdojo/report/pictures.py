"""The actual images of a run: checked to be data and not addresses, made small, defined once a page and used by id."""

from __future__ import annotations

import base64
import binascii
import io
import struct
from dataclasses import dataclass

from markupsafe import Markup

from deepdojo.report.svg import tag

__all__ = ["Picture", "Pictures"]

_TYPES = ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,")
_LARGE_BYTES, _LARGE_SIDE = 30_000, 224
_DETAILED_BYTES = 90_000
_SMALL_SIDE = 80


@dataclass(frozen=True)
class Picture:
    """An image of this page: its element id and shape (Y, X)."""

    id: str
    shape: tuple[int, int]


class Pictures:
    """All images of one page. `add` gives None for what is no embedded image: no address gets into it."""

    def __init__(self) -> None:
        self._seen: dict[str, Picture | None] = {}
        self._drawn: list[Markup] = []

    def add(self, source: object, *, side: int = _LARGE_SIDE, detailed: bool = False) -> Picture | None:
        """
        Args:
            side: pixels that the longer side of a large image is brought to.
            detailed: it has details that must be seen, such as boxes around small things: only a very large one is
                made smaller, to twice `side`.
        """
        if not isinstance(source, str) or not source.startswith(_TYPES):
            return None
        if source not in self._seen:
            self._seen[source] = self._define(source, side, detailed)
        return self._seen[source]

    def _define(self, source: str, side: int, detailed: bool) -> Picture | None:
        try:
            data = base64.b64decode(source.partition(",")[2], validate=True)
        except (binascii.Error, ValueError):
            return None
        shape = _png_shape(data)
        if detailed and shape is None and len(data) <= _DETAILED_BYTES:
            shape = _shape(data)
        elif shape is None or len(data) > _LARGE_BYTES:
            shape = None
            smaller = _reencoded(data, 2 * side if detailed else side)
            if smaller is None:
                return None
            source, shape = smaller
        if shape is None:
            return None
        picture = Picture(f"picture-{len(self._drawn)}", shape)
        small = max(shape) <= _SMALL_SIDE
        self._drawn.append(
            tag(
                "image", id=picture.id, href=source, width=shape[1], height=shape[0], class_="pixels" if small else None
            )
        )
        return picture

    def definitions(self) -> Markup:
        """To stand once in the page, before the first use."""
        if not self._drawn:
            return Markup("")
        return tag("svg", tag("defs", *self._drawn), width=0, height=0, class_="defined", aria_hidden="true")


def _png_shape(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or len(data) < 24:
        return None
    wide, high = struct.unpack(">II", data[16:24])
    return (high, wide) if 0 < wide < 20_000 and 0 < high < 20_000 else None


def _shape(data: bytes) -> tuple[int, int] | None:
    """(Y, X) as the head of any picture says."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.height, image.width
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def _reencoded(data: bytes, side: int) -> tuple[str, tuple[int, int]] | None:
    """At most `side` pixels a side; JPEG when that is what makes it small."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            shown = image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    shown.thumbnail((side, side))
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=82)
    address = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return address, (shown.height, shown.width)
