"""Encoded pictures of every common kind -> uint8 arrays; whatever is wrong with one becomes one sentence."""

from __future__ import annotations

import io
import threading
import warnings
from typing import Any, BinaryIO

import numpy as np

from deepdojo.errors import DataError

__all__ = ["MAX_PIXELS", "check_image", "decode_image", "image_size", "shown_size"]

MAX_PIXELS = 100_000_000
_OPENING = threading.Lock()


def decode_image(cell: Any, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """A picture as pixels.

    Turned as its EXIF says; palettes and CMYK become RGB; 16-bit grey becomes 8-bit (v / 257); transparency is laid
    over white; of an animation the first frame is taken. The kind is told by content, not by the file's name.

    Args:
        cell: an array that is pixels already, bytes, or a `Media`.
        max_pixels: a larger picture is refused by its header, before any pixel is decoded.

    Returns:
        (Y, X) uint8 for grey pictures, (Y, X, 3) uint8 for all others.

    Raises:
        DataError: empty, no picture, cut short, too large.
    """
    if isinstance(cell, np.ndarray):
        return _checked_array(cell)
    where = None
    if not isinstance(cell, bytes | bytearray | memoryview):
        where = cell.name.encode("utf-8", "backslashreplace").decode()
        cell = cell.read()
    image = _open(io.BytesIO(bytes(cell)), where, max_pixels)
    try:
        image.load()
        return _pixels(_turned(image))
    except DataError as error:
        raise DataError(error.what, where=where) from None
    except Exception as error:  # decoders raise nearly anything on broken bytes; all of it means the same here
        raise DataError(f"the picture is broken ({_first_line(error)})", where=where) from None


def check_image(file: BinaryIO) -> None:
    """Raise a DataError where a file is empty, no picture or too large. Reads its head alone, never the pixels."""
    _open(file, None, MAX_PIXELS).close()


def image_size(cell: Any) -> tuple[int, int]:
    """(Y, X) as the head of an encoded picture says, before any turn. Raises DataError."""
    content = cell if isinstance(cell, bytes | bytearray | memoryview) else cell.read()
    with _open(io.BytesIO(bytes(content)), None, MAX_PIXELS) as image:
        return image.size[1], image.size[0]


def shown_size(cell: Any) -> tuple[int, int]:
    """(Y, X) as `decode_image` gives it, turned as EXIF says; of an encoded picture from its head alone.

    Raises DataError.
    """
    if isinstance(cell, np.ndarray):
        return _checked_array(cell).shape[:2]
    content = cell if isinstance(cell, bytes | bytearray | memoryview) else cell.read()
    with _open(io.BytesIO(bytes(content)), None, MAX_PIXELS) as image:
        x, y = image.size
        return (x, y) if _lies(image) else (y, x)


def _lies(image: Any) -> bool:
    """Whether EXIF turns the picture by a quarter."""
    try:
        return image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except Exception:  # EXIF is often broken in pictures that are not
        return False


def _checked_array(array: np.ndarray) -> np.ndarray:
    if (
        array.dtype != np.uint8
        or array.ndim not in (2, 3)
        or (array.ndim == 3 and array.shape[2] != 3)
        or array.size == 0
    ):
        raise DataError(f"an array of pixels is uint8 (Y, X) or (Y, X, 3), got {array.dtype} {array.shape}")
    return array


def _open(file: BinaryIO, where: str | None, max_pixels: int) -> Any:
    from PIL import Image, UnidentifiedImageError

    # Pillow's own limit would refuse large pictures without telling their size. It is a global, hence the lock.
    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(file)
        except UnidentifiedImageError:
            file.seek(0)
            head = file.read(4096)
            if not head:
                raise DataError("the picture's file is empty", where=where) from None
            kind = "is a text file" if _is_text(head) else f"begins with {head[:8].hex(' ')}"
            raise DataError(f"this is no picture: it {kind}", where=where) from None
        except Exception as error:
            raise DataError(f"the picture is broken ({_first_line(error)})", where=where) from None
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    x, y = image.size
    if x * y > max_pixels:
        raise DataError(
            f"the picture has {x} x {y} pixels, more than {max_pixels / 1e6:g} million",
            where=where,
            todo="scale it down first",
        )
    return image


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return "\0" not in text


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120] or type(error).__name__


def _turned(image: Any) -> Any:
    from PIL import ImageOps

    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ImageOps.exif_transpose(image)
        except Exception:  # EXIF is often broken in pictures that are not
            return image


def _pixels(image: Any) -> np.ndarray:
    if image.mode in ("I", "I;16", "I;16L", "I;16B", "I;16N", "F"):
        return _deep_grey(np.asarray(image))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        grey = image.mode in ("1", "L", "LA", "La")
        image = _over_white(image.convert("RGBA"))
        image = image.convert("L") if grey else image
    elif image.mode in ("1", "L"):
        image = image.convert("L")
    elif image.mode != "RGB":
        image = image.convert("RGB")
    return np.array(image, dtype=np.uint8)


def _over_white(image: Any) -> Any:
    from PIL import Image

    paper = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(paper, image).convert("RGB")


def _deep_grey(values: np.ndarray) -> np.ndarray:
    """(Y, X) of 16-bit grey -> uint8 by v / 257, rounded: 0 and 65,535 become 0 and 255."""
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise DataError(f"pictures of {values.dtype} values have no fixed range", todo="save it with 8 or 16 bits")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
