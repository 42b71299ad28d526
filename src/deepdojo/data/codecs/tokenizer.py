"""Text -> word ids. Works for languages with blanks between words and for Chinese, Japanese and Korean characters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

__all__ = ["PAD", "UNKNOWN", "Tokenizer", "split_words", "word_spans"]

PAD, UNKNOWN = 0, 1
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:['’][^\W{_CJK}]+)*|[^\w\s]")


def split_words(text: str) -> list[str]:
    """Words (with inner apostrophes), each CJK character by itself, each sign by itself."""
    return _WORD.findall(text)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where each word of `split_words` begins and ends."""
    return [match.span() for match in _WORD.finditer(text)]


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
