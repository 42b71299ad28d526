"""What a host has decided about one competition: dates, quota, teams, shares. The server keeps it as JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from deepdojo.competition.refusal import Refusal

__all__ = ["INPUTS", "RESERVED", "Rules", "event_name", "moment", "parse_rules", "size_text"]

INPUTS = "inputs"
"""Of a code competition, below the private folder: the test rows without answers, as programs read them."""
RESERVED = ("api", "install", "sign-in", "sign-out", "static", "submissions")
"""Addresses of the server's own, which an event's name would hide."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class Rules(BaseModel):
    """The rules of one event; times are seconds since 1970 (UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    """The event's name in addresses: small letters, digits, dashes."""
    title: str
    task: str
    metric: str
    higher_is_better: bool
    description: str = ""
    """Markdown, shown on the overview."""
    public_share: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """The share of the test rows behind the public board."""
    starts: float | None = None
    ends: float | None = None
    team_size: Annotated[int, Field(ge=1, le=1000)] = 1
    per_day: Annotated[int, Field(ge=1, le=100_000)] = 5
    """Scored submissions a team may send from midnight to midnight UTC; refused files do not count."""
    finals: Annotated[int, Field(ge=1, le=10)] = 2
    """How many of its submissions a team may choose for the final ranking."""
    largest_bytes: Annotated[int, Field(ge=1024, le=500_000_000)] = 64 << 20
    """Of one file that is sent, and of a zip unpacked. It is held in memory and kept in the database, as one cell."""
    practice: bool = False
    """The answers are public anyway: the board is for practice."""
    code: bool = False
    """Entrants send programs, which run on hidden inputs in the sandbox."""
    run_s: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """Seconds that one program may run, by the clock and of CPU."""
    run_bytes: Annotated[int, Field(ge=64 << 20, le=1 << 42)] = 4 << 30
    """Memory of one program with all that it starts."""
    broken_per_day: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Programs of a team that may fail from midnight to midnight UTC; they do not count as submissions."""
    lesson: str | None = None
    """What entrants send (then `code` is set) is their solution of this lesson, which the host grades."""
    show_printed: bool = False
    """Senders see the last lines that a failed program printed, which may quote hidden inputs."""
    freeze_at: float | None = None
    """From then on the public board stands still until the host ends the freeze."""

    @field_validator("name")
    @classmethod
    def _name_fits(cls, value: str) -> str:
        return event_name(value)

    def state(self, now: float) -> str:
        """One of "before", "open" or "ended"."""
        if self.starts is not None and now < self.starts:
            return "before"
        return "ended" if self.ends is not None and now >= self.ends else "open"


def event_name(value: str) -> str:
    """The name as it stands in addresses. Raises Refusal where it cannot stand there."""
    if not _NAME.fullmatch(value):
        raise Refusal(
            "bad_request", f"{value[:80]!r} cannot be an event's name", todo="use small letters, digits and dashes"
        )
    if value in RESERVED:
        raise Refusal("bad_request", f"{value!r} is an address of the server's own", todo="give the event another name")
    return value


def parse_rules(value: dict[str, Any]) -> Rules:
    """Rules out of JSON. Raises Refusal that names the first key that is wrong."""
    try:
        return Rules(**value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refusal("bad_request", first["msg"][:1].lower() + first["msg"][1:], where=where) from None


def size_text(size_bytes: int) -> str:
    """A limit in the unit in which it was given: 64 MiB, 200 MB, 5,000 bytes."""
    for unit, factor in (("MiB", 1 << 20), ("MB", 10**6), ("kB", 1000)):
        if size_bytes % factor == 0 and size_bytes >= factor:
            return f"{size_bytes // factor:,} {unit}"
    return f"{size_bytes / 1e6:,.2f} MB" if size_bytes >= 10**6 else f"{size_bytes:,} bytes"


def moment(text: str) -> float:
    """ "2027-01-31T18:00" -> seconds since 1970; without a zone it is the local one.

    Raises:
        Refusal: not a date and time.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except (ValueError, OverflowError, OSError):  # a year that the system's clock does not know
        raise Refusal(
            "bad_request", f"{text[:40]!r} is no date and time", todo="write it as 2027-01-31T18:00"
        ) from None
