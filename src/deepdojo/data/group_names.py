"""What columns and files are called that say which rows belong together: a patient, a speaker, a film."""

from __future__ import annotations

import re

__all__ = ["COLUMN", "named_like_groups", "owner_in_name"]

_WORDS = (
    "patient|subject|user|customer|client|person|people|speaker|author|session|visit|household|family|group|video|scene"
    "|site|store|machine|device|student|player"
)
COLUMN = re.compile(rf"({_WORDS}|病人|患者|用户|客户)s?($|[ _-]?(id|no|nr|number|name|key|code)s?$)", re.IGNORECASE)
"""The end of a column's name."""

_OWNER = re.compile(rf"(?:^|[/\\_\W])({_WORDS})[ _-]?(\d+)", re.IGNORECASE)


def named_like_groups(names: list[str]) -> list[str]:
    """Columns that are called so."""
    return [name for name in names if COLUMN.search(name.strip())]


def owner_in_name(name: str) -> tuple[str, str] | None:
    """(`person`, `person12`) of `train/person12_bacteria_47.jpeg`, or None where a path names nobody."""
    found = _OWNER.search(name)
    return None if found is None else (found[1], f"{found[1]}{int(found[2])}")
