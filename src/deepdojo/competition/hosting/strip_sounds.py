"""Sounds without what their files say beside the samples: title, artist, program, time, cover, cue points."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np

from deepdojo.data.sounds import decode_sound
from deepdojo.errors import DataError

__all__ = ["stripped_sound"]

_WAV_KEPT = (b"fmt ", b"fact", b"data")
_UNKNOWN_SIZE = 0x7FFF0000
"""A program that writes into a pipe cannot go back and fill in the size."""


def stripped_sound(data: bytes) -> tuple[bytes, str]:
    """(the sound's bytes without tags, the ending of its name); the decoded samples are the same.

    WAV keeps format and samples, FLAC its stream head and frames, MP3 all but its ID3 and APE tags, each bit for bit.
    Other kinds (Ogg, AIFF, AU) are decoded and written as WAV of 32-bit floats, which loses nothing.

    Raises:
        DataError: what is there cannot be decoded.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE" and (found := _wav(data)) is not None:
        return found, ".wav"
    if data[:4] == b"fLaC" and (found := _flac(data)) is not None:
        return found, ".flac"
    if data[:3] == b"ID3" or (data[:1] == b"\xff" and data[1] & 0xE0 == 0xE0):
        if data[:3] == b"ID3" and data[_id3_size(data) :][:4] == b"fLaC":
            return stripped_sound(data[_id3_size(data) :])
        return _mp3(data), ".mp3"
    return _floats(data), ".wav"


def _wav(data: bytes) -> bytes | None:
    at, kept = 12, []
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"data" and size >= _UNKNOWN_SIZE:
            size = len(data) - at - 8
        body = data[at + 8 : at + 8 + size]
        if name in _WAV_KEPT:
            kept.append(name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2))
        at += 8 + size + size % 2
        if name == b"data":
            break
    if not kept or kept[-1][:4] != b"data":
        return None
    body = b"WAVE" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _flac(data: bytes) -> bytes | None:
    """The first block of metadata, the head of the stream, marked as the last one; then the frames."""
    at, head = 4, b""
    while at + 4 <= len(data):
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 4], "big")
        if kind & 0x7F == 0:
            head = b"\x80" + data[at + 1 : at + 4 + size]
        at += 4 + size
        if kind & 0x80:
            return b"fLaC" + head + data[at:] if head else None
    return None


def _id3_size(data: bytes) -> int:
    """Bytes of an ID3v2 tag: seven bits count in each of four bytes."""
    sizes = data[6:10]
    return 10 + (sizes[0] << 21 | sizes[1] << 14 | sizes[2] << 7 | sizes[3]) + (10 if data[5] & 0x10 else 0)


def _mp3(data: bytes) -> bytes:
    while data[:3] == b"ID3" and len(data) > 10:
        data = data[_id3_size(data) :]
    if data[-128:-125] == b"TAG":
        data = data[:-128]
    if data[-32:-24] == b"APETAGEX":
        size = int.from_bytes(data[-20:-16], "little") + (32 if data[-9] & 0x80 else 0)
        data = data[: max(0, len(data) - size)]
    return data


def _floats(data: bytes) -> bytes:
    import soundfile

    decode_sound(data)  # our own sentence for what is no sound
    values, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return _wav_of_floats(values, int(rate))


def _wav_of_floats(values: Any, rate: int) -> bytes:
    """(T, channels) float32; the same bytes whatever the version of a library."""
    values = np.ascontiguousarray(values, dtype="<f4")
    body, channels = values.tobytes(), values.shape[1]
    if len(body) >= _UNKNOWN_SIZE:
        raise DataError("the sound is too long for a WAV file", todo="cut it into pieces first")
    form = struct.pack("<HHIIHHH", 3, channels, rate, 4 * channels * rate, 4 * channels, 32, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"fact" + struct.pack("<II", 4, len(values))
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
