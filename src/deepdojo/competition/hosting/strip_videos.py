"""Videos without what their files say beside the frames, blanked where it stands so that no frame moves.

MP4 and MOV: titles, places and programs (`udta`, `meta`, `uuid`) become free space of zeros, and the times of making
are set to zero. AVI: its INFO lists become junk of zeros. Other containers (WebM, MKV, MPEG) are handed out as they
are, and the caller says so.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["stripped_video"]

_BRANDS = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip")
_INSIDE = frozenset({b"moov", b"trak", b"mdia", b"minf", b"edts", b"dinf", b"stbl"})
_BLANKED = frozenset({b"udta", b"meta", b"uuid", b"free", b"skip"})
_TIMED = frozenset({b"mvhd", b"tkhd", b"mdhd"})


def stripped_video(data: bytes) -> tuple[bytes, str, bool]:
    """(the video's bytes, the ending of its name, whether its metadata are gone); frames and their times are the
    same."""
    if data[4:8] in _BRANDS:
        found = bytearray(data)
        whole = _blank_boxes(found, 0, len(found))
        return bytes(found), ".mov" if data[8:12] == b"qt  " else ".mp4", whole
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        found = bytearray(data)
        whole = _blank_lists(found, 12, min(len(found), 8 + int.from_bytes(data[4:8], "little")))
        return bytes(found), ".avi", whole
    if data[:4] == b"\x1aE\xdf\xa3":
        return data, ".webm" if b"webm" in data[:64] else ".mkv", False
    return data, ".mpg" if data[:3] == b"\0\0\1" else ".bin", False


def _boxes(data: bytearray, at: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """(kind, start, start of the content, end) of each box; a box that reaches beyond its parent ends the walk."""
    while at + 8 <= end:
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8]), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            return
        yield kind, at, at + head, at + size
        at += size


def _blank_boxes(data: bytearray, at: int, end: int) -> bool:
    """Whether the walk came to the end."""
    reached, whole = at, True
    for kind, start, content, stop in list(_boxes(data, at, end)):
        reached = stop
        if kind in _BLANKED:
            data[start + 4 : start + 8] = b"free"
            data[content:stop] = bytes(stop - content)
        elif kind in _TIMED and stop - content >= 20:
            width = 8 if data[content] == 1 else 4  # version 1 has times of 64 bits
            data[content + 4 : content + 4 + 2 * width] = bytes(2 * width)
        elif kind in _INSIDE:
            whole = _blank_boxes(data, content, stop) and whole
    return whole and end - reached < 8


def _blank_lists(data: bytearray, at: int, end: int) -> bool:
    while at + 8 <= end:
        name, size = bytes(data[at : at + 4]), int.from_bytes(data[at + 4 : at + 8], "little")
        stop = at + 8 + size
        if stop > end:
            return False
        kind = bytes(data[at + 8 : at + 12])
        if name == b"LIST" and kind == b"INFO":
            data[at : at + 4] = b"JUNK"
            data[at + 8 : stop] = bytes(size)
        elif name in (b"JUNK", b"IDIT", b"ISMP"):
            data[at + 8 : stop] = bytes(size)
        elif name == b"LIST" and kind != b"movi" and not _blank_lists(data, at + 12, stop):
            return False
        at = stop + size % 2
    return True
