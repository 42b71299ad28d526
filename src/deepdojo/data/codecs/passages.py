"""What a text is made of before anything is learned: tokens with their places, stems, sentences.

Legend: T tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = ["SHAPES", "STOP_WORDS", "Passage", "names", "passage_of", "shape_of", "stem_of"]


def names(text: str) -> frozenset[str]:
    """The different words of a text that blanks part."""
    return frozenset(text.split())


_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(
    rf"[{_CJK}]|\d+(?:[.,]\d+)*[^\W\d_{_CJK}]*|[^\W\d_{_CJK}][^\W_{_CJK}]*|['’](?:s|t|re|ve|ll|d|m)\b|\S", re.IGNORECASE
)

LONGEST_SENTENCE = 100
"""Tokens after which a sentence ends wherever it is: lists and texts without full stops."""

_ENDS = frozenset(".!?。！？…")
_CLOSING = frozenset("\"'”’)]»」』")
_NO_END = names(
    "mr mrs ms dr prof st jr sr vs etc inc ltd co corp no vol fig gen col lt sgt capt rev hon gov sen rep"
    " jan feb mar apr jun jul aug sep sept oct nov dec ca cf approx mt ft"
)

STOP_WORDS = names(
    "a an the of in on at by for to from with as and or but if than then so that this these those which who whom whose"
    " what when where why how is are was were be been being am do does did done has have had having it its he she they"
    " them his her their him i you we us our your my me there here not no nor can could will would shall should may"
    " might must also such very more most some any all each other another into onto over under out up down about after"
    " before between during through while because both only own same too just 's 't 're 've 'll 'd 'm ’s ’t"
)

SHAPES = ("other", "lower", "Capital", "UPPER", "MixEd", "digits", "year", "number", "sign", "sentence end")

_ENDINGS = (
    "ments", "ment", "ings", "ing", "ions", "ion", "ies", "ied", "ers", "ors", "er", "or", "ed", "es", "ly", "s", "e",
)  # fmt: skip


@lru_cache(maxsize=1 << 16)
def stem_of(word: str) -> str:
    """A word without its commonest English ending, so that founder, founded and founding match; three signs stay.

    Other scripts, numbers and short words are given back in lower case.
    """
    low = word.lower()
    if len(low) < 4 or not low.isascii() or not low.isalpha():
        return low
    for ending in _ENDINGS:
        if low.endswith(ending) and len(low) - len(ending) >= 3:
            low = low[: -len(ending)] + ("i" if ending in ("ies", "ied") else "")
            break
    if len(low) > 3 and low[-1] == low[-2] and low[-1] not in "aeiosl":
        low = low[:-1]
    return low[:-1] + "i" if len(low) > 3 and low[-1] == "y" else low


@lru_cache(maxsize=1 << 16)
def shape_of(word: str) -> int:
    """The place in `SHAPES` of how a token is written."""
    if word[0].isdigit():
        if len(word) == 4 and word.isdigit():
            return SHAPES.index("year") if "1000" <= word <= "2100" else SHAPES.index("digits")
        return SHAPES.index("digits") if word.isdigit() else SHAPES.index("number")
    if not word[0].isalpha():
        return SHAPES.index("sentence end") if word in _ENDS else SHAPES.index("sign")
    if word.islower():
        return SHAPES.index("lower")
    if word.isupper() and len(word) > 1:
        return SHAPES.index("UPPER")
    if word[0].isupper():
        return SHAPES.index("Capital") if word[1:].islower() or len(word) == 1 else SHAPES.index("MixEd")
    return SHAPES.index("MixEd") if word != word.lower() else SHAPES.index("other")


@dataclass(frozen=True, eq=False)
class Passage:
    """The tokens of a text.

    Attributes:
        words: T tokens as they stand.
        stems: of each.
        spans: (T, 2) int32 where each begins and ends, in characters.
        sentence: (T,) int32 the number of its sentence, from 0.
        shapes: (T,) int64 places in `SHAPES`.
        stops: (T,) bool words that say little by themselves, and signs.
    """

    words: list[str]
    stems: list[str]
    spans: np.ndarray
    sentence: np.ndarray
    shapes: np.ndarray
    stops: np.ndarray

    def __len__(self) -> int:
        return len(self.words)

    @property
    def sentences(self) -> int:
        """How many there are."""
        return int(self.sentence[-1]) + 1 if len(self.sentence) else 0

    def tokens_at(self, start: int, end: int) -> tuple[int, int] | None:
        """(first, last) token that characters start to end touch, None where there is none."""
        first = int(np.searchsorted(self.spans[:, 1], start, side="right"))
        last = int(np.searchsorted(self.spans[:, 0], end, side="left")) - 1
        return (first, last) if first <= last else None


@lru_cache(maxsize=512)
def passage_of(text: str) -> Passage:
    """A text taken apart. The questions of a paragraph share the work: the last 512 texts are remembered."""
    found = [match.span() for match in _TOKEN.finditer(text)]
    words = [text[start:end] for start, end in found]
    spans = np.array(found, dtype=np.int32).reshape(-1, 2)
    shapes = np.fromiter(map(shape_of, words), np.int64, len(words))
    signs = (shapes == SHAPES.index("sign")) | (shapes == SHAPES.index("sentence end"))
    stops = signs | np.fromiter((word.lower() in STOP_WORDS for word in words), bool, len(words))
    return Passage(words, [stem_of(word) for word in words], spans, _sentences(text, words, spans), shapes, stops)


def _sentences(text: str, words: list[str], spans: np.ndarray) -> np.ndarray:
    """(T,) sentence numbers: one ends after a full stop (with closing quotes and brackets) that no lower-case word
    follows and no abbreviation or initial precedes, at an empty line, and after `LONGEST_SENTENCE` tokens."""
    numbers = np.zeros(len(words), dtype=np.int32)
    number, length, over = 0, 0, False
    for at, word in enumerate(words):
        gap = text[spans[at - 1, 1] : spans[at, 0]] if at else ""
        fresh = over and word not in _ENDS and (bool(gap) or word not in _CLOSING) and not word[0].islower()
        wide = bool(gap) or (at > 0 and words[at - 1] in "。！？")
        if at and ((fresh and wide) or "\n" in gap or length >= LONGEST_SENTENCE):
            number, length, over = number + 1, 0, False
        numbers[at] = number
        length += 1
        if word in _ENDS:
            before = words[at - 1] if at else ""
            initial = word == "." and (before.lower() in _NO_END or (len(before) == 1 and before.isupper()))
            over = not initial
        elif word not in _CLOSING or gap:
            over = False
    return numbers
