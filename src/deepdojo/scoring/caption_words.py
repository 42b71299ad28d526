"""The words of a caption, as those who report on captions count them."""

from __future__ import annotations

import re

__all__ = ["caption_words"]

_CLITIC = r"n['’]t\b|['’](?:s|m|d|re|ve|ll)\b"
_WORD = re.compile(rf"{_CLITIC}|\w+?(?=n['’]t\b)|\w+(?:[-.,/:&]\w+)*")


def caption_words(text: str) -> list[str]:
    """Lower case, punctuation left out; "doesn't" is "does" and "n't", "dog's" is "dog" and "'s", "t-shirt" stays.

    So does coco-caption by Stanford's PTBTokenizer on plain sentences; what that one does beside (American spelling of
    fractions, abbreviations with their full stop) is left out.

    Source: Chen et al. 2015, "Microsoft COCO captions: data collection and evaluation server", section 3.
    """
    return _WORD.findall(text.lower())
