"""Text -> the n-grams that occur in it: of words, and of characters inside words, as ids without their spelling.

An n-gram is known by a 32-bit hash of its signs, so a vocabulary of hundreds of thousands is a list of numbers.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepdojo.data.codecs.tokenizer import split_words, word_spans

__all__ = ["NOTHING", "SIGNS_SHARE", "Ngrams", "cjk_share", "windows"]

PAD, NOTHING = 0, 1
HASH_BITS = np.uint64(32)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
SIGNS_SHARE = 0.3  # of Chinese, Japanese and Korean signs, from which on characters are what words are elsewhere


@dataclass(frozen=True)
class Ngrams:
    """The n-grams of training texts. Id 0 is padding, id 1 stands for nothing; then n-grams of words, then of
    characters. Equal n-grams of one text are one.

    Attributes:
        words, characters: hashes of the n-grams that are known, sorted.
        lower: whether text is lower-cased.
        signs: whether the texts are Chinese, Japanese or Korean: characters 1 to 4 long are taken, else 2 to 6.
    """

    words: tuple[int, ...] = ()
    characters: tuple[int, ...] = ()
    lower: bool = True
    signs: bool = False

    @classmethod
    def fit(cls, texts: Iterable[str], *, lower: bool, min_count: int, most: int = 400_000) -> Ngrams:
        """The n-grams that occur in at least `min_count` texts; of words and of characters at most `most` each."""
        texts = texts if isinstance(texts, Sequence) else list(texts)  # walked through twice
        bare = cls(lower=lower, signs=cjk_share(texts) > SIGNS_SHARE)
        of_words, of_characters = _Counts(), _Counts()
        for text in texts:
            words, _, characters, _ = bare.hashes(text)
            of_words.add(words)
            of_characters.add(characters)
        return cls(of_words.frequent(min_count, most), of_characters.frequent(min_count, most), lower, bare.signs)

    def __len__(self) -> int:
        return 2 + len(self.words) + len(self.characters)

    @property
    def first_character(self) -> int:
        """The id from which on n-grams are of characters."""
        return 2 + len(self.words)

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array(self.words, dtype=np.uint64), np.array(self.characters, dtype=np.uint64)

    def pieces(self, text: str) -> list[str]:
        """The words of a text, to which `encode` refers."""
        return split_words(self._normal(text))

    def encode(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """(ids, owners), both (n,) int64: each known n-gram once, and the index of the word in which it first ends."""
        words, word_ends, characters, character_ends = self.hashes(text)
        parts = [
            _looked_up(words, word_ends, self._known[0], 2),
            _looked_up(characters, character_ends, self._known[1], self.first_character),
        ]
        ids, owners = (np.concatenate(both) for both in zip(*parts, strict=True))
        if not len(ids):
            return np.array([NOTHING]), np.array([0])
        return ids, owners

    def hashes(self, text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Hashes of all n-grams of words, the words in which they end; the same of characters."""
        text = self._normal(text)
        spans = word_spans(text)
        codes = [zlib.crc32(text[a:b].encode("utf-8", "surrogatepass")) + 1 for a, b in spans]
        row = np.zeros(len(spans), dtype=np.int64)
        of_words = list(windows(np.array(codes, dtype=np.uint64), row, 1, 2, None))
        signs = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
        low, high = (1, 4) if self.signs else (2, 6)
        of_signs = list(windows(signs, np.zeros(len(signs), dtype=np.int64), low, high, signs == ord(" ")))
        word_of = np.zeros(len(signs), dtype=np.int64)  # a blank belongs to the word before it
        for i, (start, _) in enumerate(spans[1:], 1):
            word_of[start:] = i
        none, no_end = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
        return (
            np.concatenate([none, *(_short(keys) for _, _, keys in of_words)]),
            np.concatenate([no_end, *(starts + n - 1 for n, starts, _ in of_words)]),
            np.concatenate([none, *(_short(keys) for _, _, keys in of_signs)]),
            np.concatenate([no_end, *(word_of[starts + n - 1] for n, starts, _ in of_signs)]),
        )

    def _normal(self, text: str) -> str:
        """One blank between words and at either end, where an n-gram of characters can see that a word begins."""
        words = (text.lower() if self.lower else text).split()
        return f" {' '.join(words)} " if words else ""


def cjk_share(texts: Sequence[str]) -> float:
    """The share of Chinese, Japanese and Korean signs among all signs that are no blanks (of at most 1,000 texts)."""
    sample = "".join(texts[:: max(1, len(texts) // 1000)])
    signs = len(sample) - sum(sample.count(blank) for blank in " \t\r\n")
    return len(_CJK.findall(sample)) / max(1, signs)


def windows(
    codes: np.ndarray, row: np.ndarray, low: int, high: int, blank: np.ndarray | None
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(n, starts, hashes uint64) of every window of n codes, low <= n <= high, that lies inside one row.

    With `blank` (True where a code is a blank) also inside one word: a blank may stand at either end, not between, and
    not alone.
    """
    blanks = None if blank is None else np.concatenate([[0], np.cumsum(blank)])
    rolled = np.zeros(len(codes), dtype=np.uint64)
    for n in range(1, high + 1):
        starts = len(codes) - n + 1
        if starts <= 0:
            return
        rolled = rolled[:starts] * np.uint64(0x9E3779B97F4A7C15) + codes[n - 1 :]
        if n < low:
            continue
        inside = row[:starts] == row[n - 1 :]
        if blanks is not None:
            # No blank between the first and the last sign, and not a blank alone.
            inside &= (blanks[n - 1 : n - 1 + starts] <= blanks[1 : starts + 1]) if n > 1 else ~blank[:starts]  # type: ignore[index]
        at = np.flatnonzero(inside)
        yield n, at, _mixed(rolled[at] + np.uint64(n))


def _mixed(x: np.ndarray) -> np.ndarray:
    """splitmix64's finisher: without it, near keys would fall into near columns."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _short(keys: np.ndarray) -> np.ndarray:
    return keys >> HASH_BITS


class _Counts:
    """In how many texts each hash occurs; memory grows with the hashes, not with the texts."""

    def __init__(self) -> None:
        self.keys, self.counts = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
        self.waiting: list[np.ndarray] = []
        self.size = 0

    def add(self, keys: np.ndarray) -> None:
        self.waiting.append(np.unique(keys))
        self.size += len(self.waiting[-1])
        if self.size > 4_000_000:
            self.merge()

    def merge(self) -> None:
        keys = np.concatenate([self.keys, *self.waiting])
        ones = np.ones(self.size, dtype=np.int64)
        self.keys, place = np.unique(keys, return_inverse=True)
        self.counts = np.bincount(place, np.concatenate([self.counts, ones]), len(self.keys)).astype(np.int64)
        self.waiting, self.size = [], 0

    def frequent(self, least: int, most: int) -> tuple[int, ...]:
        """Hashes that at least `least` texts have; of more than `most` those that most texts have. Sorted."""
        self.merge()
        keys, counts = self.keys[self.counts >= least], self.counts[self.counts >= least]
        return tuple(np.sort(keys[np.argsort(-counts, kind="stable")[:most]]).tolist())


def _looked_up(keys: np.ndarray, owners: np.ndarray, known: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and owners of the keys that are known, each once."""
    keys, at = np.unique(keys, return_index=True)
    place = np.searchsorted(known, keys)
    there = place < len(known)
    there[there] = known[place[there]] == keys[there]
    return place[there].astype(np.int64) + first, owners[at][there]
