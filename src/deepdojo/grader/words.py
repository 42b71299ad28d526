"""A sentence in the two languages that lessons are written in."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deepdojo.errors import UnknownNameError

__all__ = ["LANGUAGES", "Language", "Text", "fill", "language"]

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_BLANK = re.compile(r"\{(?:(sqrt)\()?(\w+)\)?\}")


@dataclass(frozen=True)
class Text:
    """The same sentence in English and in Simplified Chinese."""

    en: str
    zh: str

    def __getitem__(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en

    def as_json(self) -> dict[str, str]:
        return {"en": self.en, "zh": self.zh}


def fill(text: Text, values: Mapping[str, Any]) -> Text:
    """`{K}` and `{sqrt(K)}` become a case's sizes and numbers. Raises KeyError for a name that the case lacks."""

    def blank(found: re.Match[str]) -> str:
        value = values[found[2]]
        return f"{math.sqrt(value):.4g}" if found[1] else str(value)

    return Text(_BLANK.sub(blank, text.en), _BLANK.sub(blank, text.zh))


def language(given: str | None = None) -> Language:
    """`given`, else that of the locale: Chinese where it says zh, English everywhere else. Raises UnknownNameError."""
    if given is not None:
        if given not in LANGUAGES:
            raise UnknownNameError("language", given, LANGUAGES, where="--lang")
        return "zh" if given == "zh" else "en"
    said = next((v for k in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(k))), "")
    return "zh" if said.lower().startswith("zh") else "en"
