"""Options that several commands share, each described once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deepdojo.errors import UsageError

__all__ = ["Json", "LessonTrust", "Offline", "RunName", "RunsFolder", "Trust", "Yes", "option", "parse_duration"]


def option(
    help: str,
    group: str = "Options",
    *,
    name: str | None = None,
    short: str | None = None,
    many: bool = False,
    dash: bool = False,
) -> Parameter:
    """A described option under a heading of the help.

    Args:
        name: its long name where it is not the argument's own, "--set".
        short: its one-letter form, "-o".
        many: whether several values may follow it.
        dash: whether its value may be a dash.
    """
    return Parameter(
        help=help, group=group, name=name, alias=short, negative="", consume_multiple=many or None,
        allow_leading_hyphen=dash,
    )  # fmt: skip


Json = Annotated[bool, option("Print JSON on stdout instead of text.", "Output", name="--json")]
RunsFolder = Annotated[Path | None, option("Folder of runs; default: beside the project, or ./runs/NAME.", "Where")]
RunName = Annotated[str, option("A run: its folder, its id, a unique beginning of the id, or `last`.", "Arguments")]
Language = Annotated[str, option("Language of the page: en or zh.", "Output")]
Offline = Annotated[bool, option("Never use the network.", "Consent")]
Yes = Annotated[bool, option("Download without asking, whatever the size.", "Consent")]
Trust = Annotated[bool, option("Run the project's own Python code (reader, metric).", "Consent")]

LessonTrust = Annotated[
    bool, option("Run Python code from outside: lessons' checks, learners' files.", "Consent", name="--trust")
]

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?", re.IGNORECASE)


_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kMG]i?B)", re.IGNORECASE)
_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


def parse_size(text: str, *, where: str) -> int:
    """Bytes of a size like 200MB or 64MiB. Raises UsageError for anything else, a bare number included."""
    match = _SIZE.fullmatch(text.strip().replace(" ", ""))
    if match is None:
        raise UsageError(f"{text!r} is no size", where=where, todo="write it like 500kB, 200MB or 64MiB")
    return round(float(match[1]) * _UNITS[match[2].lower()])


def parse_duration(text: str, *, where: str = "--budget") -> float:
    """Seconds of a duration like 90s, 10m or 1h30m. Raises UsageError for anything else, a bare number included."""
    match = _DURATION.fullmatch(text.strip().replace(" ", ""))
    if match is None or not any(match.groups()):
        raise UsageError(f"{text!r} is no duration", where=where, todo="write it like 90s, 10m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    total = 3600 * hours + 60 * minutes + seconds
    if total <= 0:
        raise UsageError("a duration has to be longer than nothing", where=where, todo="write it like 90s or 10m")
    return total
