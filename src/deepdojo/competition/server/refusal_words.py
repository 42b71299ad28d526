"""Chinese for what is refused, wherever it was said: a sentence is found again by its shape, with its blanks filled in.

Refusals are raised in plain English far below, by code that knows no reader. They are translated where they are shown,
so one place has all the words, and a sentence that is not there stays English and is marked as such.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files

from markupsafe import Markup, escape

from deepdojo.report.svg import cut

__all__ = ["fault_in", "in_chinese", "markdown_in", "refusal_sentences", "said"]

_BLANK = re.compile(r"\{\d*\}")
_WORDS = re.compile(r"[A-Za-z]{2,}(?:[ ,.:;]+[a-z]{2,}){2,}")
_LONGEST = 600


@cache
def refusal_sentences() -> Mapping[str, str]:
    """English shape -> Chinese shape; `{}` are blanks."""
    text = files("deepdojo.competition.server").joinpath("templates/zh_refusals.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _plain() -> Mapping[str, str]:
    return {key.format(): value.format() for key, value in refusal_sentences().items() if not _BLANK.search(key)}


@cache
def _shapes() -> list[tuple[re.Pattern[str], str]]:
    """Those with blanks, the longest words first: a short one would take a longer one's sentence."""
    found = []
    for key, value in refusal_sentences().items():
        parts = _BLANK.split(key)
        if len(parts) > 1:
            pattern = "(.+?)".join(re.escape(part.replace("{{", "{").replace("}}", "}")) for part in parts)
            found.append((sum(map(len, parts)), re.compile(pattern, re.DOTALL), value))
    return [(pattern, value) for _, pattern, value in sorted(found, key=lambda each: -each[0])]


def in_chinese(sentence: str) -> str | None:
    """The sentence in Chinese; None where its shape is not known."""
    found = _found(sentence)
    return None if found is None else found[0].format(*found[1])


@lru_cache(maxsize=4096)
def _found(sentence: str) -> tuple[str, tuple[str, ...]] | None:
    """The Chinese shape, and what goes into its blanks."""
    if sentence in _plain():
        return "{}", (_plain()[sentence],)
    if len(sentence) > _LONGEST:
        return None
    for pattern, value in _shapes():
        match = pattern.fullmatch(sentence)
        if match is not None:
            return value, tuple(_filled(match, k) for k in range(1, 1 + pattern.groups))
    return None


def _filled(match: re.Match[str], number: int) -> str:
    """A blank's text, in Chinese where it is words of ours; what stands in quotation marks is a name."""
    text, start = match.group(number), match.start(number)
    return text if start and match.string[start - 1] in "`'\"" else _plain().get(text, text)


def said(sentence: str | None, language: str, end: str = "", most: int | None = None) -> Markup:
    """A refusal's sentence for a page: translated where it can be, else marked as English.

    Args:
        end: "." where a full stop shall follow. most: cut to so many characters.
    """
    text = sentence or ""
    found = _found(text) if language == "zh" else None
    if found is not None:
        stop = "。" if end and not found[0].endswith(("？", "。")) else ""
        if most is not None:
            return escape(cut(found[0].format(*found[1]), most) + stop)
        return Markup(str(escape(found[0]))).format(*map(_foreign, found[1])) + stop
    text = _cut(text, most) + ("" if text.endswith(("?", ".")) else end)
    return escape(text) if language != "zh" or not text else Markup('<span lang="en">{}</span>').format(text)


def _foreign(text: str) -> Markup:
    """A blank's text; words of a library in it are marked as English."""
    return Markup('<span lang="en" class="quoted">{}</span>').format(text) if _WORDS.search(text) else escape(text)


def _cut(text: str, most: int | None) -> str:
    return text if most is None else cut(text, most)


def fault_in(fault: Mapping[str, str | None], language: str) -> dict[str, str | None]:
    """A fault's error and todo in this language, where they are known in it; where and code stay as they are."""
    told = dict(fault)
    if language == "zh":
        for name in ("error", "todo"):
            text = told.get(name)
            if text:
                told[name] = in_chinese(text) or text
    return told


def markdown_in(text: str, language: str) -> str:
    """A text of ours in Markdown, line by line; a host's own lines in it stay as they are."""
    if language != "zh":
        return text
    return "\n".join(in_chinese(line) or line if line.strip() else line for line in text.split("\n"))
