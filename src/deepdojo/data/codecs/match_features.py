"""How the words of a passage relate to those of a question, as numbers: what makes a small reader of answers learn.

Legend: T tokens of a passage, N sentences, F features.
Source: Chen et al. 2017, "Reading Wikipedia to answer open-domain questions" (exact match, term frequency), with
    distances to matched words and the overlap of sentences.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np

from deepdojo.data.codecs.passages import SHAPES, Passage, names, passage_of

__all__ = ["FEATURES", "MatchFeatures", "Matches"]

FEATURES = (
    "same spelling", "same in lower case", "same stem", "same stem, no stop word", "rarity", "match x rarity",
    "pair with the left one", "pair with the right one", "matches within 4", "matches within 10",
    "overlap of the sentence", "overlap / best", "best sentence", "second sentence", "left match near",
    "right match near", "rarest match near", "capital", "all capitals", "digits", "year", "number word",
    "month or day", "stop word", "sign", "first of the sentence", "place in the sentence", "how often here",
    "comma follows", "comma before", "bracket or quote beside",
)  # fmt: skip

NEIGHBOUR = 0.15
"""What a sentence gets of the overlap of those beside it: an answer often stands next to the words of its question."""

_MONTHS = names(
    "january february march april may june july august september october november december monday tuesday wednesday"
    " thursday friday saturday sunday"
)
_NUMBERS = names(
    "zero one two three four five six seven eight nine ten eleven twelve dozen twenty thirty forty fifty sixty seventy"
    " eighty ninety hundred thousand million billion trillion half third quarter first second fourth fifth sixth"
    " seventh eighth ninth tenth percent %"
)
_BRACKETS = frozenset('()[]{}"“”‘«»')


@dataclass(frozen=True)
class Matches:
    """What a question and a passage have in common.

    Attributes:
        question: the question's tokens.
        numbers: stem -> its number, from 1, of the question's stems that are no stop words.
        rarest: the number of the rarest stem that the passage holds, 0 where it holds none.
        common: (T,) int32 the number of the stem that each token of the passage shares with the question, else 0.
        overlap: (N,) the rarity of the question's stems that each sentence holds, summed.
    """

    question: Passage
    numbers: Mapping[str, int]
    rarest: int
    common: np.ndarray
    overlap: np.ndarray

    def ranked(self) -> np.ndarray:
        """Sentence numbers from the best, by their own overlap and a share of their neighbours'."""
        beside = np.zeros_like(self.overlap)
        beside[1:] += self.overlap[:-1]
        beside[:-1] += self.overlap[1:]
        return np.argsort(-(self.overlap + NEIGHBOUR * beside), kind="stable")


@dataclass(frozen=True)
class MatchFeatures:
    """How rare each stem is, from training passages.

    Attributes:
        passages: how many there were.
        counts: stem -> in how many of them, where that is two or more.
    """

    passages: int
    counts: dict[str, int]

    @classmethod
    def fit(cls, texts: Iterable[str]) -> MatchFeatures:
        """From the different texts among these."""
        counts: Counter[str] = Counter()
        different = dict.fromkeys(texts)
        for text in different:
            counts.update(set(passage_of(text).stems))
        return cls(len(different), {stem: n for stem, n in counts.items() if n > 1})

    def rarity(self, stem: str) -> float:
        """log((1 + passages) / (1 + count)), as a share of that of a stem that occurs in none: 0 to 1."""
        most = math.log(2 + self.passages)
        return math.log((2 + self.passages) / (1 + self.counts.get(stem, 0))) / most

    @cached_property
    def _kept(self) -> WeakKeyDictionary[Passage, tuple[np.ndarray, np.ndarray]]:
        return WeakKeyDictionary()

    def matches(self, question: Passage, passage: Passage) -> Matches:
        """What they have in common."""
        stems = [s for s, stop in zip(question.stems, question.stops, strict=True) if not stop] or question.stems
        numbers = {stem: i for i, stem in enumerate(dict.fromkeys(stems), 1)}
        common = np.fromiter((numbers.get(stem, 0) for stem in passage.stems), np.int32, len(passage))
        weights = np.array([0.0, *map(self.rarity, numbers)])
        pairs = np.unique(passage.sentence.astype(np.int64) * len(weights) + common)
        sentence, number = np.divmod(pairs, len(weights))
        overlap = np.bincount(sentence, weights=weights[number], minlength=passage.sentences)
        there = weights * np.isin(np.arange(len(weights)), common)
        return Matches(question, numbers, int(there.argmax()), common, overlap / max(weights.sum(), 1e-9))

    def features(self, passage: Passage, matches: Matches, chosen: np.ndarray) -> np.ndarray:
        """(len(chosen), F) float32, all about 0 to 1.

        Args:
            chosen: places of the tokens that are read, in order; near and far are counted among these.
        """
        own, rarity = self._of(passage)
        question, common = matches.question, matches.common[chosen]
        words = [passage.words[i] for i in chosen]
        stems = [passage.stems[i] for i in chosen]
        spelled, lowered, stemmed = set(question.words), {w.lower() for w in question.words}, set(question.stems)
        n = len(chosen)
        hit, rare = common > 0, rarity[chosen]
        worth = hit * rare
        pairs = set(pairwise(question.stems))
        paired = np.fromiter((pair in pairs for pair in pairwise(stems)), bool, max(n - 1, 0))
        sentence, overlap = passage.sentence[chosen], matches.overlap
        first, end = np.searchsorted(sentence, sentence), np.searchsorted(sentence, sentence, side="right")
        rarest = common == matches.rarest if matches.rarest else hit
        best = matches.ranked()
        counts = Counter(stems)
        columns = [
            np.fromiter((w in spelled for w in words), bool, n),
            np.fromiter((w.lower() in lowered for w in words), bool, n),
            np.fromiter((s in stemmed for s in stems), bool, n),
            hit,
            rare,
            worth,
            np.concatenate([[False], paired])[:n],
            np.concatenate([paired, [False]])[:n],
            _around(worth, 4, first, end),
            _around(worth, 10, np.zeros_like(first), np.full_like(end, n)),
            overlap[sentence],
            overlap[sentence] / max(float(overlap.max(initial=0.0)), 1e-9),
            sentence == best[0],
            sentence == best[min(1, len(best) - 1)] if len(best) > 1 else np.zeros(n, dtype=bool),
            _nearness(hit, first),
            _nearness(hit[::-1], n - end[::-1])[::-1],
            np.maximum(_nearness(rarest, first), _nearness(rarest[::-1], n - end[::-1])[::-1]),
        ]
        counted = np.log1p(np.fromiter((counts[s] for s in stems), np.float64, n)) / 3
        return np.column_stack([*columns, own[chosen], counted]).astype(np.float32)[:, _ORDER]

    def _of(self, passage: Passage) -> tuple[np.ndarray, np.ndarray]:
        """What of a passage does not depend on the question: its own columns and the rarity of its stems."""
        kept = self._kept.get(passage)
        if kept is None:
            kept = _own_columns(passage), np.array([self.rarity(stem) for stem in passage.stems])
            self._kept[passage] = kept
        return kept


_COUNT = FEATURES.index("how often here")
_FIRST_OWN = FEATURES.index("capital")
_OWN = FEATURES[_FIRST_OWN:_COUNT] + FEATURES[_COUNT + 1 :]
_ORDER = [(*FEATURES[:_FIRST_OWN], *_OWN, FEATURES[_COUNT]).index(name) for name in FEATURES]


def _own_columns(passage: Passage) -> np.ndarray:
    """(T, len(_OWN))."""
    low = [word.lower() for word in passage.words]
    n, shapes = len(low), passage.shapes

    def among(some: frozenset[str]) -> np.ndarray:
        return np.fromiter((word in some for word in low), bool, n)

    def shaped(*kinds: str) -> np.ndarray:
        return np.isin(shapes, [SHAPES.index(kind) for kind in kinds])

    first = np.concatenate([[True], passage.sentence[1:] != passage.sentence[:-1]])[:n]
    starts = np.maximum.accumulate(np.where(first, np.arange(n), 0))
    commas, brackets = among(frozenset(",;:、，")), among(_BRACKETS)
    return np.column_stack([
        shaped("Capital", "MixEd"), shaped("UPPER"), shaped("digits", "year", "number"), shaped("year"),
        among(_NUMBERS), among(_MONTHS), passage.stops, shaped("sign", "sentence end"), first,
        np.minimum((np.arange(n) - starts) / 40, 1.0), _shifted(commas, -1), _shifted(commas, 1),
        _shifted(brackets, -1) | _shifted(brackets, 1),
    ])  # fmt: skip


def _shifted(values: np.ndarray, by: int) -> np.ndarray:
    """Each place gets what stands `by` places to its left."""
    moved = np.zeros_like(values)
    if by > 0:
        moved[by:] = values[:-by]
    else:
        moved[:by] = values[-by:]
    return moved


def _around(values: np.ndarray, width: int, first: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(T,) the sum of the values up to `width` places to either side, from `first` to before `end`."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    return sums[np.minimum(at + width + 1, end)] - sums[np.maximum(at - width, first)]


def _nearness(hit: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(T,) 1 / (1 + log distance) to the nearest hit before each place, none of which lies before `first`; else 0."""
    at = np.arange(len(hit))
    last = np.maximum.accumulate(np.where(hit, at, -1))
    before = np.concatenate([[-1], last[:-1]])[: len(hit)]
    return np.where(before >= first, 1 / (1 + np.log(np.maximum(at - before, 1))), 0.0)
