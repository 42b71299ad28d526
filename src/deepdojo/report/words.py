"""The words of our pages: English sentences are the keys, Chinese ones stand in `templates/zh.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from deepdojo.errors import UnknownNameError

__all__ = ["LANGUAGES", "Words"]

LANGUAGES: Mapping[str, str] = {"en": "en", "zh": "zh-CN"}  # ours -> the `lang` attribute


@cache
def _chinese() -> Mapping[str, str]:
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files("deepdojo.report").joinpath("templates/zh.toml").read_text(encoding="utf-8"))


class Words:
    """`words("{n} more", n=3)`: the sentence in the page's language with its blanks filled in.

    Raises UnknownNameError for a language that we do not write.
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise UnknownNameError("language", language, LANGUAGES)
        self.language, self.tag = language, LANGUAGES[language]

    def __call__(self, sentence: str, **filled: object) -> str:
        known = sentence if self.language == "en" else _chinese().get(sentence, sentence)
        return known.format(**filled) if filled else known
