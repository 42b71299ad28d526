"""Floors of captioning: one sentence for every picture, and the sentence that most neighbours' captions agree with.

Legend: N captions, G n-grams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from deepdojo.baselines.picture_features import colours_and_edges
from deepdojo.baselines.problem import Problem, Row, Unfit
from deepdojo.columns import Texts
from deepdojo.scoring.caption_words import caption_words
from deepdojo.scoring.metrics.caption_bleu import caption_bleu

__all__ = ["constant_caption", "neighbours_caption"]

ORDER = 4
NEIGHBOURS, TRIED = 60, (5, 20, 60, 180)
"""Devlin et al. 2015 take 90 of 80,000 images."""

Unit = tuple[tuple[str, ...], int]
"""An n-gram, and which of its kind in the caption."""
Answered = tuple[dict[str, Sequence[str]], str]


def constant_caption(problem: Problem) -> Answered:
    """The training caption that has the highest corpus BLEU-4 when it is said of every training picture."""
    texts = _captions(problem)
    rows = [[caption_words(text) for text in row[problem.contract.target]] for row in problem.train]
    held: list[Counter[Unit]] = [
        Counter() for _ in range(ORDER)
    ]  # (n-gram, k) -> rows of which some reference has it k times or more
    for row in rows:
        for counts, own in zip(held, zip(*map(_units, row), strict=True), strict=True):
            counts.update(set().union(*own))
    sizes = [sorted({len(words) for words in row}) for row in rows]
    nearest = {
        size: sum(min(own, key=lambda n: (abs(n - size), n)) for own in sizes)
        for size in {n for own in sizes for n in own}
    }

    def value(words: list[str]) -> float:
        right = [sum(counts[unit] for unit in units) for counts, units in zip(held, _units(words), strict=True)]
        if len(words) < ORDER or not all(right):
            return -np.inf
        of = [len(rows) * (len(words) - n) for n in range(ORDER)]
        brevity = min(0.0, 1.0 - nearest[len(words)] / of[0])
        return brevity + float(np.log(np.divide(right, of)).mean())

    best = max(dict.fromkeys(texts), key=lambda text: value(caption_words(text)))
    return _answers(problem, [best] * len(problem.test)), f"“{best}”, the best training caption for all training rows"


def neighbours_caption(problem: Problem) -> Answered:
    """Of the captions of the pictures that are nearest in colours and edges the one that is most like all of them.

    Likeness is BLEU-4 with one added to matches and totals of n > 1; how many neighbours, validation rows choose by
    BLEU-4.

    Source: Devlin et al. 2015, "Exploring nearest neighbor approaches for image captioning".
    """
    target = problem.contract.target
    consensus = _Consensus([list(row[target]) for row in problem.train])
    known = colours_and_edges(problem.cells(problem.train))
    middle, spread = known.mean(axis=0), np.maximum(known.std(axis=0).mean(), 1e-6)
    known = (known - middle) / spread

    def order(rows: Sequence[Row]) -> np.ndarray:
        new = (colours_and_edges(problem.cells(rows)) - middle) / spread
        apart = (new**2).sum(axis=1)[:, None] - 2 * new @ known.T + (known**2).sum(axis=1)
        return np.argsort(apart, axis=1, kind="stable")

    most, chosen = NEIGHBOURS, ""
    tried = sorted({min(k, len(known)) for k in TRIED})
    if problem.can_choose and len(tried) > 1:
        near = order(problem.validation)
        truth = [row[target] for row in problem.validation]
        most = max(tried, key=lambda k: caption_bleu(truth, [consensus.of(row[:k]) for row in near]).value())
        chosen = ", chosen on validation rows"
    said = [consensus.of(row[:most]) for row in order(problem.test)] if len(problem.test) else []
    return _answers(problem, said), f"consensus of the captions of the {min(most, len(known))} nearest pictures{chosen}"


class _Consensus:
    """Captions of the training rows, and how much each has in common with others."""

    def __init__(self, rows: Sequence[Sequence[str]]) -> None:
        from scipy.sparse import csr_matrix

        self.texts = [text for row in rows for text in row]
        ends = np.cumsum([len(row) for row in rows])
        self.of_row = [np.arange(end - len(row), end) for end, row in zip(ends, rows, strict=True)]
        units = [_units(caption_words(text)) for text in self.texts]
        self.sizes = np.array([len(each[0]) for each in units], dtype=np.float64)
        if not self.sizes.any():
            raise Unfit("the training captions hold no words")
        self.held = []  # of each order (N, G), 1 for what a caption holds
        for n in range(ORDER):
            place: dict[object, int] = {}
            columns = [place.setdefault(unit, len(place)) for each in units for unit in each[n]]
            ends = np.cumsum([0, *(len(each[n]) for each in units)])
            shape = (len(units), max(1, len(place)))
            self.held.append(csr_matrix((np.ones(len(columns)), columns, ends), shape=shape))

    def of(self, rows: np.ndarray) -> str:
        """Of the captions of these rows the one with the highest mean likeness to all of them; of equals the first."""
        some = np.concatenate([self.of_row[i] for i in rows])
        sizes = self.sizes[some]
        total = np.zeros((len(some), len(some)))
        with np.errstate(divide="ignore"):
            for n, held in enumerate(self.held):
                more = 1.0 if n else 0.0
                right = (held[some] @ held[some].T).toarray()
                total += np.log((right + more) / np.maximum(1.0, sizes - n + more)[:, None]) / ORDER
            total += np.minimum(0.0, 1.0 - sizes[None, :] / np.maximum(sizes, 1e-9)[:, None])
        return self.texts[some[int(np.exp(total).mean(axis=1).argmax())]]


def _units(words: Sequence[str]) -> list[list[Unit]]:
    """Of each order the n-grams, the k-th of the same kind told from the first: sets of them share as many n-grams as
    clipped counts do."""
    found = []
    for n in range(1, ORDER + 1):
        counts: Counter[tuple[str, ...]] = Counter()
        own = []
        for gram in zip(*(words[i:] for i in range(n)), strict=False):
            counts[gram] += 1
            own.append((gram, counts[gram]))
        found.append(own)
    return found


def _captions(problem: Problem) -> list[str]:
    texts = [text for row in problem.train for text in row[problem.contract.target]]
    if not any(caption_words(text) for text in texts):
        raise Unfit("the training captions hold no words")
    return texts


def _answers(problem: Problem, said: Sequence[str]) -> dict[str, Sequence[str]]:
    return {problem.contract.answer: Texts(said)}
