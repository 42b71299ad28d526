"""Running text <-> ids of its characters, words, bytes or pairs of bytes: what language models read one by one."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepdojo.data.codecs.tokenizer_byte_pairs import BytePairTokenizer
from deepdojo.errors import DataError

__all__ = ["UNITS", "Symbols"]

UNITS = ("characters", "words", "bytes", "bpe")
UNKNOWN = 0
FIRST_TOKEN = 2  # of a BytePairTokenizer, after padding and nothing
CODE_POINTS = 0x110000
_WORD = re.compile(r"[^\S\n]*(\n|\S+)")  # a word is what stands between blanks; the end of a line is one, too


@dataclass(frozen=True)
class Symbols:
    """The symbols of training text; id 0 is every one that did not occur there, the others follow in sorted order.
    Bytes are their own ids. Byte-level BPE has ids from 0, for it knows every text.

    Attributes:
        units: "characters", "words" (parted by blanks, the end of a line is a word), "bytes" (of UTF-8) or "bpe".
        known: the symbols of id 1, 2, ...; none for bytes. Of BPE its tokens.
        merges: of BPE.
    """

    units: str
    known: tuple[str, ...]
    merges: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls, texts: Iterable[str], *, units: str = "characters", min_count: int = 1, vocab_size: int = 8_000
    ) -> Symbols:
        """
        Args:
            min_count: a word that occurs less often is unknown; a pair that does is not joined.
            vocab_size: of BPE.

        Raises:
            DataError: there are no such units.
        """
        if units not in UNITS:
            raise DataError(f"{units!r} are no units of text", where="task.units", todo=f"take {', '.join(UNITS)}")
        if units == "bytes":
            return cls(units, ())
        if units == "bpe":
            learned = BytePairTokenizer.fit(texts, vocab_size=vocab_size + FIRST_TOKEN, min_count=min_count)
            return cls(units, learned.tokens, learned.merges)
        if units == "characters":
            signs: set[str] = set()
            for text in texts:
                signs.update(text)
            return cls(units, tuple(sorted(signs)))
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(_WORD.findall(text))
        return cls(units, tuple(sorted(word for word, count in counts.items() if count >= min_count)))

    def __len__(self) -> int:
        return {"bytes": 256, "bpe": len(self.known)}.get(self.units, len(self.known) + 1)

    @cached_property
    def _pairs(self) -> BytePairTokenizer:
        return BytePairTokenizer(self.known, self.merges)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {symbol: i for i, symbol in enumerate(self.known, 1)}

    @cached_property
    def _codes(self) -> np.ndarray:
        return np.array([ord(symbol) for symbol in self.known], dtype=np.uint32)

    def encode(self, text: str) -> np.ndarray:
        """(T,) int64 ids."""
        if self.units == "bytes":
            return np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(np.int64)
        if self.units == "bpe":
            return np.array(self._pairs.cut(text)[0], dtype=np.int64) - FIRST_TOKEN
        if self.units == "words":
            return np.array([self._index.get(word, UNKNOWN) for word in _WORD.findall(text)], dtype=np.int64)
        if not self.known:
            return np.zeros(len(text), dtype=np.int64)
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        at = np.searchsorted(self._codes, codes).clip(max=len(self._codes) - 1)
        return np.where(self._codes[at] == codes, at + 1, UNKNOWN).astype(np.int64)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; what is unknown is `\ufffd`, and words are parted by blanks."""
        if self.units == "bytes":
            return bytes(ids).decode("utf-8", "replace")
        if self.units == "bpe":
            return self._pairs.decode([i + FIRST_TOKEN for i in ids])
        symbols = ["\ufffd" if i == UNKNOWN else self.known[i - 1] for i in ids]
        if self.units == "characters":
            return "".join(symbols)
        return " ".join(symbols).replace(" \n ", "\n").replace(" \n", "\n")

    def pieces(self, text: str) -> list[tuple[str, int]]:
        """The text in pieces for a reader's eye, each with how many ids it has; together they are the text."""
        if self.units == "characters":
            return [(sign, 1) for sign in text]
        if self.units == "bytes":
            return [(sign, len(sign.encode("utf-8"))) for sign in text]
        if self.units == "bpe":
            return self._pair_pieces(text)
        ends = [match.end() for match in _WORD.finditer(text)]
        starts = [0, *ends[:-1]]
        found = [(text[start:end], 1) for start, end in zip(starts, ends, strict=False)]
        rest = text[ends[-1] :] if ends else text
        return [*found, (rest, 0)] if rest else found

    def _pair_pieces(self, text: str) -> list[tuple[str, int]]:
        """One piece a token; tokens that share a character, which has several bytes, are one piece."""
        found: list[tuple[int, int, int]] = []  # start, end, tokens
        for start, end in self._pairs.cut(text)[1]:
            if found and start < found[-1][1]:
                first, last, count = found.pop()
                found.append((first, max(last, end), count + 1))
            else:
                found.append((start, end, 1))
        return [(text[start:end], count) for start, end, count in found]

    def unknown_nats(self, text: str) -> np.ndarray:
        """(T,) float64: what it costs to say which symbol an unknown one is, so that probabilities of all texts sum to
        1 whatever the vocabulary: ln of the other code points for a character, ln 256 a byte and an end for a word."""
        ids = self.encode(text)
        nats = np.zeros(len(ids))
        if self.units == "characters":
            nats[ids == UNKNOWN] = math.log(CODE_POINTS - len(self.known))
        elif self.units == "words":
            words = _WORD.findall(text)
            for i in np.flatnonzero(ids == UNKNOWN):
                nats[i] = (len(words[i].encode("utf-8")) + 1) * math.log(256)
        return nats
