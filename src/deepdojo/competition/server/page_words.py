"""The words of the server's pages: English sentences are the keys, the Chinese ones stand in `templates/zh.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from markupsafe import Markup
from starlette.requests import Request

from deepdojo.competition.server.refusal_words import said
from deepdojo.report.words import Words

__all__ = ["CODES", "PageWords", "chinese", "language_of"]

LANGUAGE_COOKIE = "dojo_lang"
_PLACES = ((re.compile(r", (?:line|row) (\d+)"), r"，第 \1 行"), (re.compile(r", column (?=')"), "，列 "),
           (re.compile(r", id (?=')"), "，id "))  # fmt: skip

# What a refusal's code says, for the head of a page; the sentence itself follows.
CODES = {
    "bad_request": "This cannot be done so", "unknown_fields": "This cannot be done so",
    "not_signed_in": "Sign in first", "wrong_token": "This token is not right", "wrong_code": "This code is not right",
    "forbidden": "This is not for you", "cross_site": "This form is too old, or from elsewhere",
    "not_found": "There is nothing here", "not_acceptable": "This cannot be given in that form",
    "already_sent": "This file was sent before", "name_taken": "This name is taken",
    "in_a_team": "You are in a team already", "team_full": "The team is full", "key_reused": "This was sent before",
    "not_started": "It has not started", "ended": "It has ended", "frozen": "The board is frozen",
    "no_length": "The size of the file was not said", "too_large": "This is too large",
    "wrong_type": "This kind of file is not taken", "wrong_host": "This is not the server's name",
    "bad_file": "The file cannot be scored", "quota": "That is enough for today",
    "too_many_requests": "Too many tries", "no_sandbox": "No program runs here", "unavailable": "The server is busy",
    "disk_full": "The disk is full",
}  # fmt: skip


@cache
def chinese() -> Mapping[str, str]:
    """English sentence -> Chinese sentence."""
    found = files("deepdojo.competition.server").joinpath("templates/zh.toml").read_text(encoding="utf-8")
    return tomllib.loads(found)


class PageWords:
    """`words("{n} more", n=3)`: the sentence in the page's language with its blanks filled in."""

    def __init__(self, language: str) -> None:
        self._shared = Words(language)
        self.language, self.tag = language, self._shared.tag

    def __call__(self, sentence: str, **filled: object) -> str:
        known = chinese().get(sentence) if self.language == "zh" else None
        if known is None:
            return self._shared(sentence, **filled)
        return known.format(**filled) if filled else known

    def place(self, where: str | None) -> str:
        """A place in a file, `mine.csv, line 3, column 'label'`, with its words in the page's language."""
        text = where or ""
        for pattern, chinese in _PLACES if self.language == "zh" else ():
            text = pattern.sub(chinese, text)
        return text

    def said(self, sentence: str | None, end: str = "", most: int | None = None) -> Markup:
        """A refusal's sentence, or a line of the log: see `refusal_words.said`.

        Args:
            most: cut to so many characters.
        """
        return said(sentence, self.language, end, most)


def language_of(request: Request) -> str:
    """`?lang=`, else the cookie, else the first language of Accept-Language that we write, else English."""
    for given in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if given in ("en", "zh"):
            return given
    ranked = []
    for place, item in enumerate(request.headers.get("accept-language", "")[:200].split(",")):
        name, _, weight = item.partition(";")
        try:
            ranked.append((-float(weight.strip().removeprefix("q=") or 1), place, name.strip().lower()[:2]))
        except ValueError:
            continue
    return next((name for weight, _, name in sorted(ranked) if name in ("en", "zh") and weight < 0), "en")
