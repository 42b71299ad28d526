"""CIDEr-D."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from deepdojo.scoring.caption_words import caption_words
from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics.registry import metric
from deepdojo.scoring.ngram_counts import ngrams

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["cider_d"]

ORDER, SIGMA = 4, 6.0
AT_ONCE = 4_000_000
Grams = list[Counter[tuple[str, ...]]]


@metric(
    truth="texts",
    predicted="text",
    higher_is_better=True,
    unit="points",
    title="CIDEr-D",
    goal="words that tell this image from others count, those of every caption hardly",
    signature="coco-caption CIDEr (CIDEr-D), times 100 as papers print it",
    reads="image",
)
def cider_d(truth: Sequence[Sequence[str]], predicted: Sequence[str]) -> Measured:
    """Likeness of a caption to those of people, n-grams weighted by how few images they are said of; 0 to 1,000.

    100 · mean over rows and their references s of 10 / 4 · Σ_{n=1..4} exp(-(l_c - l_s)² / 72) ·
    Σ_ω min(g_ω(c), g_ω(s)) g_ω(s) / (|g(c)| |g(s)|), g_ω = (how often n-gram ω is there) · ln(N / max(1, N_ω)), N_ω of
    the N rows have ω in a reference; l counts pairs of words. A row's weight counts in N and N_ω too. Words as
    `caption_words` has them, without stemming. Equal to coco-caption's scorer on the same words.

    Source: Vedantam et al. 2015, "CIDEr: consensus-based image description evaluation", equations 1 to 4, section 7.
    """
    pairs = _Pairs.of(
        [[ngrams(caption_words(text), ORDER) for text in several] for several in truth],
        [ngrams(caption_words(text), ORDER) for text in predicted],
    )

    def value_at(weights: np.ndarray) -> np.ndarray:
        step = max(1, AT_ONCE // max(1, pairs.known.shape[1]))
        parts = [
            (w * pairs.terms(w)).sum(axis=1) / w.sum(axis=1)
            for w in (weights[i : i + step] for i in range(0, len(weights), step))
        ]
        return np.concatenate(parts)

    own = pairs.terms(np.ones((1, len(predicted))))[0]
    return Measured(value_at, len(predicted), losses=1 - own / 1000, bounds=(0.0, 1000.0))


class _Pairs:
    """All pairs of a caption and a reference of its row, for each order; G different n-grams, P pairs.

    Attributes:
        known: (n, G) whether a reference of the row has the n-gram.
        dots, captions, references: (4 P, G) min(a, b) b, a² and b² of the counts a in the caption, b in the reference.
        share: (n, 4 P) what each pair counts in its row.
    """

    def __init__(self, known: csr_array, dots: csr_array, squares: tuple[csr_array, csr_array], share: csr_array):
        self.known, self.dots, self.share = known, dots, share
        self.captions, self.references = squares

    @classmethod
    def of(cls, truth: Sequence[Sequence[Grams]], predicted: Sequence[Grams]) -> _Pairs:
        place: dict[tuple[str, ...], int] = {}
        known, dots, captions, references, share = (_Cells() for _ in range(5))
        at = 0
        for row, (several, said) in enumerate(zip(truth, predicted, strict=True)):
            for gram in {gram for one in several for counts in one for gram in counts}:
                known.add(row, place.setdefault(gram, len(place)), 1.0)
            for one in several:
                apart = _size(said) - _size(one)
                part = 1000.0 / ORDER / len(several) * float(np.exp(-(apart**2) / (2 * SIGMA**2)))
                for a, b in zip(said, one, strict=True):
                    share.add(row, at, part)
                    for gram, count in a.items():
                        captions.add(at, place.setdefault(gram, len(place)), count**2)
                        if gram in b:
                            dots.add(at, place[gram], min(count, b[gram]) * b[gram])
                    for gram, count in b.items():
                        references.add(at, place[gram], count**2)
                    at += 1
        n, G = len(predicted), max(1, len(place))
        squares = captions.matrix(at, G), references.matrix(at, G)
        return cls(known.matrix(n, G), dots.matrix(at, G), squares, share.matrix(n, at))

    def terms(self, weights: np.ndarray) -> np.ndarray:
        """(R, n) weights -> (R, n) score of each row."""
        rare = np.log(weights.sum(axis=1))[None, :] - np.log(np.maximum(1.0, self.known.T @ weights.T))  # (G, R)
        rare = rare**2
        lengths = np.sqrt(self.captions @ rare) * np.sqrt(self.references @ rare)  # (4 P, R)
        dots = self.dots @ rare
        likeness = np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
        return (self.share @ likeness).T


class _Cells:
    """A sparse matrix, cell by cell."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.columns: list[int] = []
        self.values: list[float] = []

    def add(self, row: int, column: int, value: float) -> None:
        self.rows.append(row)
        self.columns.append(column)
        self.values.append(value)

    def matrix(self, height: int, width: int) -> csr_array:
        from scipy.sparse import csr_array

        return csr_array((np.array(self.values, dtype=np.float64), (self.rows, self.columns)), shape=(height, width))


def _size(grams: Grams) -> int:
    """Pairs of words, which the reference scorer takes for a caption's length."""
    return sum(grams[1].values())
