"""What somebody sends, read with a limit: nothing is taken into memory before its size is known to be allowed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Any

from starlette.requests import Request

from deepdojo.competition.event import Rules, size_text
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.texts import storable

__all__ = ["LARGE_BYTES", "SUFFIXES", "file_kind", "read_json", "safe_name", "whole_body"]

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".zip")
_OF_TYPE = {
    "text/csv": ".csv", "text/tab-separated-values": ".tsv", "application/x-ndjson": ".jsonl",
    "application/vnd.apache.parquet": ".parquet", "application/zip": ".zip", "application/x-zip-compressed": ".zip",
}  # fmt: skip
_JSON_BYTES = 64 << 10
_IN_MEMORY = 1 << 20
LARGE_BYTES = 8 << 20
"""Files above this are taken in one after the other: dozens at once would not fit the memory."""


@contextlib.asynccontextmanager
async def whole_body(request: Request, most: int, large: asyncio.Semaphore) -> AsyncIterator[bytes]:
    """The raw body.

    Args:
        large: admits one large file after the other, from its reading until the block that keeps it is left.

    Raises:
        Refusal: larger than `most` bytes, empty, or itself compressed on the way (a bomb would unpack here).
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refusal("wrong_type", "a compressed body is not taken", where="Content-Encoding",
                      todo="send the file as it is, or as .zip or .parquet")  # fmt: skip
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > most:
        raise too_large(most)
    size, chunks, small = 0, list[bytes](), said.isdigit() and int(said) <= _IN_MEMORY
    with contextlib.nullcontext() if small else tempfile.TemporaryFile() as kept:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise too_large(most)
            if kept is None:
                chunks.append(chunk)
            else:
                kept.write(chunk)
        if not size:
            raise Refusal("bad_request", "the file is empty", where="body", todo="send the predictions")
        async with large if size > LARGE_BYTES else contextlib.nullcontext():
            if kept is not None:
                kept.seek(0)
                chunks = [kept.read()]
            data = b"".join(chunks)
            chunks.clear()
            yield data


def too_large(most: int) -> Refusal:
    """What is said of a body above the limit."""
    return Refusal(
        "too_large", f"the file is larger than {size_text(most)}", where="body", todo="send Parquet, or less"
    )


async def read_json(request: Request) -> dict[str, Any]:
    """A small JSON object. Raises Refusal: larger than 64 KiB, no JSON, no object."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refusal("wrong_type", "this is not JSON", where="Content-Type", todo="send application/json")
    data, said = b"", request.headers.get("content-length", "")
    if said.isdigit() and int(said) > _JSON_BYTES:
        raise Refusal("too_large", "the request is larger than 64 KiB", todo="send less")
    async for chunk in request.stream():
        data += chunk
        if len(data) > _JSON_BYTES:
            raise Refusal("too_large", "the request is larger than 64 KiB", todo="send less")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise Refusal("bad_request", "the body is not JSON", where="body", todo="send a JSON object") from None
    if not isinstance(value, dict):
        raise Refusal("bad_request", "the body is not a JSON object", where="body", todo="send an object")
    return value


def text_of(value: dict[str, Any], name: str, most: int = 200) -> str:
    """A field that must be there as text."""
    found = value.get(name)
    if not isinstance(found, str) or not found or len(found) > most:
        raise Refusal("bad_request", f"it must be a text of 1 to {most} signs", where=name, todo="send it")
    return storable(found, name)


def safe_name(name: str) -> str:
    """A file's name without folders and without signs that a terminal, a page or a shell would take for orders."""
    last = PurePosixPath(name.replace("\\", "/")).name
    clean = re.sub(r"[^\w.()\[\] +-]", "_", last).strip(" .")[-100:]
    return clean or "submission"


def file_kind(name: str, content_type: str, rules: Rules) -> tuple[str, str]:
    """(kind, file name) of what is sent: table, zip or code.

    Raises:
        Refusal: neither name nor type says what it is.
    """
    clean = safe_name(name) if name else "submission"
    suffix = PurePosixPath(clean).suffix.lower()
    if rules.lesson is not None:
        if suffix != ".py":
            raise Refusal("wrong_type", f"{clean[:60]!r} is no Python file", where="file_name",
                          todo="send the one file with your code, such as softmax.py")  # fmt: skip
        return "code", clean
    if suffix not in SUFFIXES:
        found = _OF_TYPE.get(content_type.partition(";")[0].strip().lower())
        if found is None:
            raise Refusal("wrong_type", f"{clean[:60]!r} is no table and no zip", where="file_name",
                          todo=f"send one of {', '.join(SUFFIXES)}")  # fmt: skip
        suffix, clean = found, clean + found
    if suffix != ".zip":
        return "table", clean
    return ("code" if rules.code else "zip"), clean
