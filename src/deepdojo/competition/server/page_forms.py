"""What a page's form brings: small fields, or one file with a limit; the form's secret is looked at first."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import AsyncIterator, Mapping

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from deepdojo.competition.refusal import Refusal
from deepdojo.competition.texts import storable

__all__ = ["fields_of", "form_of", "local_path", "text_field"]

_SMALL = 64 << 10
_MORE = 16 << 10  # for what stands around a file


@contextlib.asynccontextmanager
async def form_of(request: Request, most: int = _SMALL) -> AsyncIterator[FormData]:
    """The form, its files on the disk from 1 MiB on, removed afterwards.

    Raises:
        Refusal: larger than `most` bytes (and a little for the form itself), no form, or not from a page of ours.
    """
    limit = most + _MORE
    if request.headers.get("content-length", "").isdigit() and int(request.headers["content-length"]) > limit:
        raise _too_large(most)
    seen = 0

    async def receive() -> Message:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _too_large(most)
        return message

    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise Refusal("wrong_type", "this is no form", where="Content-Type", todo="send it from the page")
    try:
        form = await Request(request.scope, receive).form(max_files=1, max_fields=300, max_part_size=_SMALL)
    except (HTTPException, ValueError):
        raise Refusal("bad_request", "the form cannot be read", where="body", todo="send it from the page") from None
    try:
        _check_secret(request, form.get("csrf"))
        yield form
    finally:
        await form.close()


def _check_secret(request: Request, given: object) -> None:
    known = str(getattr(request.state, "csrf", ""))
    if (
        not known
        or not isinstance(given, str)
        or not hmac.compare_digest(given.encode("utf-8", "replace"), known.encode())
    ):
        raise Refusal("cross_site", "this form is not from a page of this server, or too old",
                      todo="open the page again and send it from there")  # fmt: skip


def _too_large(most: int) -> Refusal:
    told = f"{most >> 20:,} MiB" if most >= 1 << 20 else f"{most:,} bytes"
    return Refusal("too_large", f"the file is larger than {told}", where="file", todo="send Parquet")


async def fields_of(request: Request) -> dict[str, list[str]]:
    """The text fields of a small form. Raises Refusal where one holds what is no text: its charset may say anything."""
    async with form_of(request) as form:
        found: dict[str, list[str]] = {}
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                found.setdefault(name, []).append(storable(value, "a field"))
        return found


def text_field(fields: Mapping[str, list[str]], name: str, most: int = 200) -> str:
    """A field that must be there. Raises Refusal: empty, or longer than `most` signs."""
    found = fields.get(name, [""])[0].strip()
    if not found:
        raise Refusal("bad_request", "it is empty", where=name, todo="fill it in")
    if len(found) > most:
        raise Refusal("bad_request", f"it has more than {most:,} signs", where=name, todo="shorten it")
    return found


def local_path(given: str | None) -> str:
    """Where to go on after signing in: a page of this server, else the list of events."""
    if given is None or not given.startswith("/") or given[1:2] in ("/", "\\") or len(given) > 300:
        return "/"
    return given if given.isascii() and given.isprintable() and "\\" not in given else "/"
