"""Pictures without what their files say beside the pixels: camera, place, time, author, thumbnail, comment.

JPEG, PNG and WebP keep their compressed pixels bit for bit: only segments that describe are dropped. How a picture is
to be turned is part of what it shows, and stays, alone, in a fresh EXIF segment.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

import numpy as np

from deepdojo.data.images import decode_image

__all__ = ["png_of", "stripped_picture"]

_ORIENTATION = 0x0112
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""The next marker in the compressed data of a JPEG: 0xFF before anything but a zero byte, or a restart."""
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"ALPH"})


def stripped_picture(data: bytes) -> tuple[bytes, str]:
    """(the picture's bytes without metadata, the ending of its name); the decoded pixels are the same.

    Other kinds than JPEG, PNG and WebP (GIF, BMP, TIFF, PGM), moving WebP and what is damaged are decoded and written
    as PNG, which loses nothing.

    Raises:
        DataError: what is there cannot be decoded.
    """
    ways = {b"\xff\xd8": (_jpeg, ".jpg"), b"\x89P": (_png, ".png"), b"RI": (_webp, ".webp")}
    way, ending = ways.get(data[:2], (None, ""))
    if way is not None:
        try:
            return way(data, _orientation(data)), ending
        except _OddFile:
            pass
    return png_of(decode_image(data)), ".png"


def png_of(pixels: np.ndarray) -> bytes:
    """(Y, X) or (Y, X, 3) uint8 as a PNG, the same bytes each time."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


class _OddFile(Exception):
    """Not built as the format says."""


def _orientation(data: bytes) -> int:
    """How the picture is to be turned, 1 to 8, as the decoder finds it: in EXIF or XMP."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            found: Any = image.getexif().get(_ORIENTATION, 1)
    except Exception as error:  # a decoder raises what it likes
        raise _OddFile from error
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _exif(orientation: int) -> bytes:
    """A TIFF directory with the orientation and nothing else."""
    return b"II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack("<HHIHHI", _ORIENTATION, 3, 1, orientation, 0, 0)


def _jpeg(data: bytes, orientation: int) -> bytes:
    """All segments but APP0 to APP15 and COM, up to the end of the picture; what is appended behind it goes, too.

    APP0 becomes a plain JFIF head, APP14 (Adobe) keeps the byte that tells the decoder how colours were transformed.
    """
    out, at, jfif = [b"\xff\xd8"], 2, False
    while True:
        while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] == b"\xff":
            at += 1  # fill bytes
        if data[at : at + 1] != b"\xff" or at + 2 > len(data):
            raise _OddFile
        marker = data[at + 1]
        if marker == 0xD9:
            return b"".join(out) + b"\xff\xd9"
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        segment, at = data[at : at + 2 + size], at + 2 + size
        if size < 2 or at > len(data):
            raise _OddFile
        if marker == 0xE0 and segment[4:9] == b"JFIF\x00" and not jfif:
            out.insert(1, _JFIF)
            jfif = True
        elif marker == 0xEE and segment[4:9] == b"Adobe" and len(segment) >= 16:
            out.append(b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + segment[15:16])
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            out.append(segment)
        if marker == 0xDA:  # compressed data follow
            if orientation != 1:
                tiff = b"Exif\x00\x00" + _exif(orientation)
                out.insert(2 if jfif else 1, b"\xff\xe1" + struct.pack(">H", len(tiff) + 2) + tiff)
                orientation = 1
            found = _MARKER.search(data, at)
            if found is None:
                raise _OddFile
            end = found.end() - 2
            out.append(data[at:end])
            at = end


def _png(data: bytes, orientation: int) -> bytes:
    """The chunks that hold pixels, palette and transparency; text, time, EXIF, profiles and moving frames go."""
    if data[:8] != _PNG_HEAD:
        raise _OddFile
    out, at = [_PNG_HEAD], 8
    while True:
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + size
        if end > len(data):
            raise _OddFile
        if name == b"IDAT" and orientation != 1:
            body = b"eXIf" + _exif(orientation)
            out.append(struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)))
            orientation = 1
        if name in _PNG_KEPT:
            out.append(data[at:end])
        if name == b"IEND":
            return b"".join(out)
        at = end


def _webp(data: bytes, orientation: int) -> bytes:
    """The pixels of a still WebP. One that is turned, or moves, is written anew as PNG."""
    if data[8:12] != b"WEBP" or orientation != 1:
        raise _OddFile
    at, chunks, head = 12, [], b""
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if end > len(data) + size % 2 or name in (b"ANIM", b"ANMF"):
            raise _OddFile
        if name == b"VP8X":
            head = data[at : at + 8] + bytes([data[at + 8] & 0x10]) + data[at + 9 : end]  # the alpha flag alone
        elif name in _WEBP_KEPT:
            chunks.append(data[at:end].ljust(8 + size + size % 2, b"\0"))
        at = end
    if not chunks:
        raise _OddFile
    body = b"WEBP" + head + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body
