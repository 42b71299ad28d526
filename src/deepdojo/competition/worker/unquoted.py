"""A fault of a table that a stranger's program wrote, told without a word of the table: it could quote hidden inputs.

A program sees inputs that its sender must not see, and may write them where it likes: into ids, labels, column names.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from deepdojo.errors import DojoError

__all__ = ["unquoted"]

_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_RUN = re.compile(r"[^\W_]{6,}")
_BLANK = "'…'"
_ALL_BLANK = re.compile(r" \((?:(?:'…'|…)(?:, )?)+\)")
"""A list of examples of which none may be told."""
_UNTOLD = "the table that it wrote has a fault which cannot be told without quoting it"
_TODO = "run it on the example rows, and compare with the sample submission"
_IDS, _OF_A_PROGRAM = "give each held-out id once", "write one row for each id of test.parquet"


def unquoted(fault: DojoError, table: bytes, known: Collection[str]) -> dict[str, Any]:
    """`fault.as_json()` with what stands in quotes blanked, unless it is known to all.

    Args:
        table: as it was written.
        known: column names, labels, the file's name.
    """
    told = fault.as_json()
    if (told["todo"] or "").startswith(_IDS):  # what follows tells a sender of tables where to find them
        told["todo"] = _OF_A_PROGRAM
    made = {key: None if told[key] is None else _blanked(str(told[key]), known) for key in ("error", "where", "todo")}
    rest = " ".join(text for text in made.values() if text)
    for word in sorted(known, key=len, reverse=True):
        if len(word) >= 6:
            rest = rest.replace(word, " ")
    # What stands outside of quotes is ours, as a rule; a word of the table there is no word to be told.
    if any(word.encode() in table for word in _RUN.findall(rest)):
        return {"error": _UNTOLD, "where": None, "todo": _TODO}
    return made


def _blanked(text: str, known: Collection[str]) -> str:
    def of(found: re.Match[str]) -> str:
        inside = found.group(1) if found.group(1) is not None else found.group(2)
        return found.group() if inside in known else _BLANK

    made = _ALL_BLANK.sub("", _QUOTED.sub(of, text))
    # A cell with a quote of its own parts the text otherwise; nothing behind an odd one is told.
    lone = min((at for at in (made.find('"'), _lone(made)) if at >= 0), default=-1)
    return made if lone < 0 else made[:lone] + _BLANK


def _lone(text: str) -> int:
    """Where a single quote stands that opens nothing; -1: nowhere. An apostrophe within a word is one of ours."""
    without = _QUOTED.sub(lambda found: "_" * len(found.group()), text)
    found = re.search(r"(?<!\w)'|'(?!\w)", without)
    return -1 if found is None else found.start()
