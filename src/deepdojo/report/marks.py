"""A text with stretches marked: where the right answers stand, where the prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

from deepdojo.report.svg import tag

__all__ = ["marked"]

_TITLES = {"true": "a right answer", "said": "the prediction", "agreed": "the prediction, which is right"}


def marked(text: str, marks: Sequence[Any], words: Callable[..., str]) -> Markup:
    """The text with each of `marks` ([first character, last + 1, "true" or "said"]) tinted; marks may overlap."""
    fitting = [
        (int(start), int(end), str(kind))
        for start, end, kind in (mark for mark in marks if isinstance(mark, list | tuple) and len(mark) == 3)
        if 0 <= int(start) < int(end) <= len(text) and kind in ("true", "said")
    ]
    edges = sorted({0, len(text), *(edge for start, end, _ in fitting for edge in (start, end))})
    parts: list[Any] = []
    for start, end in pairwise(edges):
        kinds = {kind for first, last, kind in fitting if first <= start and end <= last}
        if not kinds:
            parts.append(escape(text[start:end]))
            continue
        kind = "agreed" if len(kinds) == 2 else kinds.pop()
        parts.append(tag("mark", text[start:end], class_=kind, title=words(_TITLES[kind])))
    return Markup("").join(parts)
