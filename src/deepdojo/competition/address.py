"""The address of an event, as a person copies it: `http://room:8000/reviews?code=…`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from deepdojo.errors import UsageError

__all__ = ["Address", "is_address", "parse_address"]


@dataclass(frozen=True)
class Address:
    """Where an event is.

    Attributes:
        server: scheme, host, port and the path below which the server answers, "http://room:8000".
        code: the join link's; None where the address has none.
    """

    server: str
    event: str
    code: str | None = None

    @property
    def page(self) -> str:
        """The event's page, without the code."""
        return f"{self.server}/{self.event}"


def is_address(text: object) -> bool:
    """Whether this is an address and no project's name or folder."""
    return str(text).startswith(("http://", "https://"))


def parse_address(text: str) -> Address:
    """Raises UsageError for what is no address of an event."""
    from deepdojo.competition.event import event_name
    from deepdojo.competition.refusal import Refusal

    todo = "copy the whole link that the host gave: http://room:8000/NAME?code=…"
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise UsageError("this is no address of an event", where=text[:80], todo=todo) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("this is no address of an event", where=text[:80], todo=todo)
    if parts.username is not None or parts.password is not None:
        raise UsageError("the address holds a user or a password", where=parts.hostname, todo=todo)
    before, _, name = parts.path.rstrip("/").rpartition("/")
    try:
        event_name(name)
    except Refusal:
        what = f"the address names no event: {name[:60]!r}" if name else "the address names no event"
        raise UsageError(what, where=text[:80], todo=todo) from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port is None else f"{host}:{port}"
    code = parse_qs(parts.query).get("code")
    return Address(f"{parts.scheme}://{place}{before}", name, code[0] if code else None)
