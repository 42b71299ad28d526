"""What a tagger reads of a word beside the word itself: its beginning and end, its shape, its neighbours' signs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

__all__ = ["FEATURES", "Vocabulary", "normal_word", "spelling_of"]

PAD, UNKNOWN = 0, 1
EDGE = "\u2402"  # stands for what is before the first word and after the last
_DIGIT = re.compile(r"\d")
_LONG_SHAPE, _LONG_WORD = 12, 40


def normal_word(word: str) -> str:
    """Lower-cased, with every digit as 0, and cut at 40 signs: what two words share that are spelt alike."""
    return _DIGIT.sub("0", word[:_LONG_WORD].lower())


def _shape(word: str) -> str:
    """Capitals X, small letters x, digits 0, signs as they are; of equal neighbours two stay: McDonald's -> XxXxx'x."""
    found: list[str] = []
    for sign in word[:_LONG_WORD]:
        if sign.isdigit():
            sign = "0"
        elif sign.isalpha():
            sign = "X" if sign != sign.lower() else "x"
        if found[-2:] != [sign, sign]:
            found.append(sign)
    return "".join(found[:_LONG_SHAPE])


# Spelling of one word.
_OF_WORD: Mapping[str, Callable[[str], str]] = {
    "suffix2": lambda word: normal_word(word[-2:]),
    "suffix3": lambda word: normal_word(word[-3:]),
    "suffix4": lambda word: normal_word(word[-4:]),
    "prefix2": lambda word: normal_word(word[:2]),
    "prefix3": lambda word: normal_word(word[:3]),
    "shape": _shape,
}
FEATURES: Mapping[str, tuple[str, ...]] = {
    "affixes": tuple(_OF_WORD),
    "neighbours": ("pair_before", "pair_after"),
    "none": (),
}
"""Kind of spelling -> the features that it has: affixes for words of letters, neighbours for words of single signs
(Chinese), where a pair of signs says more than one."""


def spelling_of(words: Sequence[str], kind: str) -> list[Sequence[str]]:
    """The features of a sentence, one list for each of `FEATURES[kind]`."""
    if kind == "neighbours":
        signs = [EDGE, *(word[:_LONG_WORD] for word in words), EDGE]
        pairs = [a + b for a, b in pairwise(signs)]
        return [pairs[:-1], pairs[1:]]
    return [[_OF_WORD[name](word) for word in words] for name in FEATURES[kind]]


@dataclass(frozen=True)
class Vocabulary:
    """What training rows hold, the commonest first, from id 2 on; id 0 is padding, id 1 whatever is not in it.

    Attributes:
        counts: how often each occurs there; empty where nobody asks.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...] = ()

    @classmethod
    def fit(cls, cells: Iterable[str], *, min_count: int = 1, most: int = 100_000, counted: bool = False) -> Vocabulary:
        counts = Counter(cells)
        ranked = sorted((name for name, n in counts.items() if n >= min_count), key=lambda name: (-counts[name], name))
        names = tuple(ranked[:most])
        return cls(names, tuple(counts[name] for name in names) if counted else ())

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i + 2 for i, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names) + 2

    def encode(self, cells: Iterable[str]) -> list[int]:
        index = self._index
        return [index.get(cell, UNKNOWN) for cell in cells]
