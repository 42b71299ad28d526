"""Patterns of file names: `*` within a name, `**` over folders, `{jpg,png}`."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache

__all__ = ["glob_regex", "is_pattern"]


@lru_cache(maxsize=256)
def glob_regex(pattern: str) -> re.Pattern[str]:
    """`*` within a name, `**` over folders, `?`, `[...]`, `{jpg,png}`; the case of letters does not matter."""
    alternatives = [""]
    for piece in re.split(r"(\{[^{}]*\})", pattern):
        choices = piece[1:-1].split(",") if piece.startswith("{") and piece.endswith("}") else [piece]
        alternatives = [a + c for a in alternatives for c in choices]
    return re.compile("|".join(f"(?:{_one_glob(a)})" for a in alternatives), re.IGNORECASE | re.DOTALL)


def _one_glob(pattern: str) -> str:
    folders, last = pattern.split("/")[:-1], pattern.split("/")[-1]
    text = "".join(r"(?:[^/]+/)*" if part == "**" else _one_part(part) + "/" for part in folders)
    return text + (r"(?:[^/]+/)*[^/]+" if last == "**" else _one_part(last)) + r"\Z"


def _one_part(part: str) -> str:
    """fnmatch's expression for one name; its `*` and `?` would also cross folders."""
    out = ""
    for piece in re.split(r"(\[!?\]?[^\]]*\]|\*+|\?)", part):  # within brackets * and ? are ordinary signs
        if piece.startswith("*"):
            out += "[^/]*"
        elif piece == "?":
            out += "[^/]"
        else:
            out += re.sub(r"^\(\?s:|\)\\[Zz]$", "", translate(piece))
    return out


def is_pattern(name: str) -> bool:
    return any(c in name for c in "*?{[")
