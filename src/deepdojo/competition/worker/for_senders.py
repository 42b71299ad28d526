"""Faults as the sender of a file reads them: what he can do about it, with the file that he has.

The readers of tables serve `dojo score` as well, where a run and a project lie beside the table. An entrant has
neither; he has his file, the sample submission and the rules.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["for_sender"]

_SAMPLE = "give each id of the test rows once and no other, as sample_submission does"
# A beginning of what our readers advise -> what an entrant is advised; None: the advice is the host's to follow.
_INSTEAD: Mapping[str, str | None] = {
    "give each held-out id once": _SAMPLE,
    "let `decode` of the task": "give every row its predictions, in the columns that sample_submission has",
    "look for extreme predictions or another metric": "look for extreme predictions",
    "look whether positive in project.toml": "tell the host",
    "write positive = LABEL in project.toml": "tell the host",
    "the held-out part must have": "tell the host",
    "score rows that show objects": "tell the host",
    "score both with one metric": "tell the host",
    "leave the row out, or choose": "tell the host",
    "choose ": "tell the host",
    "define score(": "tell the host",
    "give at least two": "tell the host",
}


def for_sender(fault: Mapping[str, str | None]) -> dict[str, str | None]:
    """A fault's error, where and todo, with advice that makes sense to somebody who has only what he sent."""
    told = dict(fault)
    todo = told.get("todo") or ""
    for beginning, instead in _INSTEAD.items():
        if todo.startswith(beginning):
            told["todo"] = instead
            break
    else:
        if "RUN" in todo or "project.toml" in todo:
            told["todo"] = _SAMPLE
    return told
