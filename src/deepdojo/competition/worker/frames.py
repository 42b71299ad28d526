"""Messages between a worker and its scoring process: a JSON head and raw bytes, each with its length. Never pickle."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

__all__ = ["read_frame", "write_frame"]

_SIZES = struct.Struct(">IQ")
_LARGEST_HEAD_BYTES = 1 << 24
_LARGEST_BODY_BYTES = 1 << 33


def write_frame(stream: BinaryIO, head: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """One message."""
    told = json.dumps(head, ensure_ascii=True, separators=(",", ":")).encode()
    stream.write(_SIZES.pack(len(told), len(body)) + told)
    if len(body):
        stream.write(body)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next message; None at the end.

    Raises:
        ValueError: cut off, or none of ours.
    """
    sizes = stream.read(_SIZES.size)
    if not sizes:
        return None
    if len(sizes) < _SIZES.size:
        raise ValueError("a message ends in its sizes")
    head_bytes, body_bytes = _SIZES.unpack(sizes)
    if head_bytes > _LARGEST_HEAD_BYTES or body_bytes > _LARGEST_BODY_BYTES:
        raise ValueError("a message is too large")
    head, body = stream.read(head_bytes), stream.read(body_bytes)
    if len(head) < head_bytes or len(body) < body_bytes:
        raise ValueError("a message is cut off")
    told = json.loads(head)
    if not isinstance(told, dict):
        raise ValueError("a message is no object")
    return told, body
