"""Floors of taggers: counts, and a linear model over a window of words.

Legend: F features, C tags, T words of all sentences end to end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from deepdojo.baselines.problem import Problem, Unfit
from deepdojo.data.codecs.spelling import FEATURES, normal_word, spelling_of
from deepdojo.data.codecs.tags import Tags

__all__ = ["perceptron", "tag_of_pos", "tag_of_word"]

PASSES = 8
SINGLE_SIGNS = 1.5
MOST_WORDS = 1_600_000
"""Words that the perceptron learns from in all passes: 20 microseconds each."""

Columns = Mapping[str, Sequence[Any]]


def tag_of_word(problem: Problem) -> tuple[Columns, str]:
    """The commonest tag of each word; of an unknown one the commonest of its part of speech, else of all words."""
    by_word = _commonest(zip(_all(problem, problem.input), _all(problem, "tags"), strict=True))
    usual = Counter(_all(problem, "tags")).most_common(1)[0][0]
    back_off, about = {}, "the commonest tag of all words"
    if "pos" in problem.train[0]:
        back_off = _commonest(zip(_all(problem, "pos"), _all(problem, "tags"), strict=True))
        about = "that of their part of speech"
    found = [
        [
            by_word.get(word) or back_off.get(pos, usual)
            for word, pos in zip(words, row.get("pos") or words, strict=True)
        ]
        for row in problem.test
        for words in [row[problem.input]]
    ]
    return {"tags": found}, f"the commonest tag of each of {len(by_word):,} words, for unknown ones {about}"


def tag_of_pos(problem: Problem) -> tuple[Columns, str]:
    """The commonest tag of each part of speech: the baseline of the CoNLL-2000 shared task.

    Raises: Unfit without parts of speech.
    """
    if "pos" not in problem.train[0]:
        raise Unfit("the rows have no part of speech")
    known = _commonest(zip(_all(problem, "pos"), _all(problem, "tags"), strict=True))
    usual = Counter(_all(problem, "tags")).most_common(1)[0][0]
    found = [[known.get(pos, usual) for pos in row["pos"]] for row in problem.test]
    return {"tags": found}, f"the commonest tag of each of {len(known):,} parts of speech"


def perceptron(problem: Problem) -> tuple[Columns, str]:
    """An averaged perceptron that reads a window of five words and the two tags before, from left to right.

    score(tag) = sum of the weights of the features that are there; a wrong tag's weights fall by one, the right one's
    rise; the mean of the weights over all steps decides. Tags are learned as IOBES.

    Source: Collins 2002, "Discriminative training methods for hidden Markov models", greedy as in the averaged
    perceptron of spaCy and NLTK; windows as in Kudoh & Matsumoto 2001.
    Raises: Unfit where every word has the same tag.
    """
    tags = Tags.fit([row["tags"] for row in problem.train])
    if len(tags) < 2:
        raise Unfit("every word has the same tag")
    words = sum(len(row[problem.input]) for row in problem.train)
    signs = sum(len(word) for row in problem.train for word in row[problem.input])
    reader = _Reader("neighbours" if signs < SINGLE_SIGNS * words else "affixes", "pos" in problem.train[0])
    known: dict[str, int] = {}
    sentences = []
    for row in problem.train:
        ids = [[known.setdefault(name, len(known)) for name in names] for names in reader.features(row, problem.input)]
        sentences.append((np.array(ids, dtype=np.int64), tags.encode(row["tags"]) or []))
    passes = max(1, min(PASSES, MOST_WORDS // max(1, words)))
    model = _Perceptron(len(known), len(tags))
    model.learn(sentences, passes, np.random.default_rng(problem.seed))
    found = []
    for row in problem.test:
        ids = [[known.get(name, -1) for name in names] for names in reader.features(row, problem.input)]
        found.append(tags.decode(model.tagged(np.array(ids, dtype=np.int64))))
    about = f"averaged perceptron over five words and two tags before, {len(known):,} features, {passes} passes"
    return {"tags": found}, about


def _all(problem: Problem, name: str) -> Iterable[str]:
    return chain.from_iterable(row[name] for row in problem.train)


def _commonest(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The commonest second of each first; of equally common ones the first by name."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one, two in pairs:
        counts[one][two] += 1
    return {one: min(of, key=lambda tag: (-of[tag], tag)) for one, of in counts.items()}


class _Reader:
    """The names of the features of each word: itself and two neighbours on each side, with what is read of each."""

    def __init__(self, spelling: str, pos: bool) -> None:
        self.spelling, self.pos = spelling, pos

    def features(self, row: Mapping[str, Any], name: str) -> list[list[str]]:
        words = row[name]
        columns: list[tuple[str, Sequence[str], tuple[int, ...]]] = [
            ("w", [normal_word(word) for word in words], (-2, -1, 0, 1, 2))
        ]
        spelt = spelling_of(words, self.spelling)
        places = (-1, 0, 1) if self.spelling == "neighbours" else (0,)
        columns += [(kind, cells, places) for kind, cells in zip(FEATURES[self.spelling], spelt, strict=True)]
        if self.pos:
            tags = row["pos"]
            pairs = [f"{a} {b}" for a, b in zip(tags, [*tags[1:], "/"], strict=True)]
            columns += [("p", tags, (-2, -1, 0, 1, 2)), ("pp", pairs, (-2, -1, 0, 1))]
        found: list[list[str]] = [["bias"] for _ in words]
        for kind, cells, offsets in columns:
            for offset in offsets:
                head = f"{kind}{offset:+d} "
                for i, names in enumerate(found):
                    j = i + offset
                    names.append(head + cells[j] if 0 <= j < len(cells) else head)
        return found


class _Perceptron:
    """Weights (F, C), and those of the tag before (C + 1, C) and of the two before (C + 1, C + 1, C)."""

    def __init__(self, features: int, tags: int) -> None:
        self.tags = tags
        sizes = (features + 1, tags + 1, (tags + 1) ** 2)  # the last row of features stays zero: what is not known
        self.first = np.cumsum([0, *sizes[:-1]])
        self.none = features
        self.weights = np.zeros((sum(sizes), tags), dtype=np.float32)

    def _rows(self, ids: np.ndarray, before: int, second: int) -> np.ndarray:
        tail = [self.first[1] + before, self.first[2] + before * (self.tags + 1) + second]
        return np.concatenate([ids, tail])

    def learn(self, sentences: list[tuple[np.ndarray, list[int]]], passes: int, rng: np.random.Generator) -> None:
        weights = self.weights
        late = np.zeros_like(weights)  # each change times the step of it: the mean is weights - late / steps
        step = 1
        for _ in range(passes):
            for at in rng.permutation(len(sentences)):
                ids, truth = sentences[at]
                before = second = self.tags
                for own, right in zip(ids, truth, strict=True):
                    rows = self._rows(own, before, second)
                    guess = int(weights[rows].sum(0).argmax())
                    if guess != right:
                        weights[rows, right] += 1
                        weights[rows, guess] -= 1
                        late[rows, right] += step
                        late[rows, guess] -= step
                    before, second = guess, before
                    step += 1
        self.weights = weights - late / np.float32(step)
        self.weights[self.none] = 0

    def tagged(self, ids: np.ndarray) -> list[int]:
        """The tags of a sentence, from left to right."""
        found: list[int] = []
        before = second = self.tags
        for own in np.where(ids < 0, self.none, ids):
            guess = int(self.weights[self._rows(own, before, second)].sum(0).argmax())
            found.append(guess)
            before, second = guess, before
        return found
