"""A sentence with its chunks as a person marks them up: once as they are, once as they were read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from deepdojo.report.svg import tag

__all__ = ["lines"]

Json = dict[str, Any]
Words = Callable[..., str]


def lines(tagged: Json, words: Words) -> list[Json]:
    """`name` and `text` of both lines; a chunk that the other line lacks is marked."""
    both = {name: _chunks(tagged, name) for name in ("truth", "predicted")}
    found = []
    for name, other, title in (("truth", "predicted", words("is")), ("predicted", "truth", words("read as"))):
        text = _line(tagged, both[name], both[other], words)
        found.append({"name": title, "text": text})
    return found


def _chunks(tagged: Json, name: str) -> list[tuple[str, int, int]]:
    n = len(tagged.get("words") or [])
    found = []
    for chunk in tagged.get(name) or []:
        if isinstance(chunk, list | tuple) and len(chunk) == 3 and 0 <= int(chunk[1]) < int(chunk[2]) <= n:
            found.append((str(chunk[0]), int(chunk[1]), int(chunk[2])))
    return found


def _line(tagged: Json, own: list[tuple[str, int, int]], other: list[tuple[str, int, int]], words: Words) -> Markup:
    texts, blank = [str(word) for word in tagged.get("words") or []], str(tagged.get("blank", " "))
    parts: list[object] = []
    at = 0
    for kind, start, end in own:
        if start < at:
            continue
        parts += [word + blank for word in texts[at:start]]
        wrong = (kind, start, end) not in other
        name = tag("small", kind)
        title = f"{kind} ({words('not in the other line')})" if wrong else kind
        text = blank.join(texts[start:end])
        parts += [
            tag("span", text, " ", name, class_="chunk wrong" if wrong else "chunk", title=title),
            blank or "\u200a",
        ]
        at = end
    parts += [word + blank for word in texts[at:]]
    return tag("span", *parts) if parts else Markup("")
