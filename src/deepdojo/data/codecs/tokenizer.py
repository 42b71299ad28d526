"""Text <-> word ids. Works for languages with blanks between words and for Chinese, Japanese and Korean characters.

What all tokenizers have (`tokenizer_kinds.py` names them): `len`, `encode`, `encode_with_offsets`, `decode`, `pieces`;
id 0 is padding, id 1 what is unknown; a text of nothing is one unknown token, so that every text has a token.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

__all__ = ["CJK", "PAD", "UNKNOWN", "UNKNOWN_SIGN", "Tokenizer", "original_spans", "split_words", "word_spans"]

PAD, UNKNOWN = 0, 1
UNKNOWN_SIGN = "\ufffd"
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+(?:['’][^\W{CJK}]+)*|[^\w\s]")


def split_words(text: str) -> list[str]:
    """Words (with inner apostrophes), each CJK character by itself, each sign by itself."""
    return _WORD.findall(text)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where each word of `split_words` begins and ends."""
    return [match.span() for match in _WORD.finditer(text)]


def original_spans(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of `text.lower()` as spans of `text`: a few signs become two when lower-cased (`İ`)."""
    sizes = [len(sign.lower()) for sign in text]
    if sum(sizes) == len(text):
        return list(spans)
    at = [i for i, size in enumerate(sizes) for _ in range(size)]  # lower-cased sign -> sign
    return [(at[start], at[end - 1] + 1) if end > start else (0, 0) for start, end in spans]


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary of words from training text; id 0 is padding, id 1 every word that is not in it.

    Attributes:
        words: words of id 2, 3, ..., the most frequent first.
        lower: whether text is lower-cased.
    """

    words: tuple[str, ...]
    lower: bool = True

    @classmethod
    def fit(cls, texts: Iterable[str], *, lower: bool = True, min_count: int = 2, max_words: int = 50_000) -> Tokenizer:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(split_words(text.lower() if lower else text))
        ranked = sorted((w for w, c in counts.items() if c >= min_count), key=lambda w: (-counts[w], w))
        return cls(tuple(ranked[:max_words]), lower)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: i + 2 for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words) + 2

    def pieces(self, text: str) -> list[str]:
        """The words of a text as the model sees them, before unknown ones lose their spelling."""
        return split_words(text.lower() if self.lower else text)

    def encode(self, text: str) -> list[int]:
        """Word ids; a text without any word is one unknown word."""
        index = self._index
        return [index.get(word, UNKNOWN) for word in self.pieces(text)] or [UNKNOWN]

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Word ids, and where each word begins and ends in `text`; (0, 0) for a text without any word."""
        spans = original_spans(text, word_spans(text.lower())) if self.lower else word_spans(text)
        return self.encode(text), spans or [(0, 0)]

    def decode(self, ids: Sequence[int]) -> str:
        """The words, parted by blanks; U+FFFD for unknown ones, nothing for padding."""
        return " ".join(UNKNOWN_SIGN if i == UNKNOWN else self.words[i - 2] for i in ids if i != PAD)
