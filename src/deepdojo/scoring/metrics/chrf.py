"""chrF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from deepdojo.scoring.measured import Measured, from_sums
from deepdojo.scoring.metrics.registry import metric
from deepdojo.scoring.ngram_counts import as_references, ngrams, overlap

__all__ = ["chrf"]

ORDER, BETA = 6, 2


@metric(
    truth="texts",
    predicted="text",
    higher_is_better=True,
    unit="points",
    title="chrF",
    goal="counts a word with another ending as partly right; needs no cut between words",
    signature="sacreBLEU 2.6: chrF2, case:mixed|eff:yes|nc:6|nw:0|space:no",
)
def chrf(truth: Sequence[str | Sequence[str]], predicted: Sequence[str]) -> Measured:
    """F-score of n-grams of characters, 1 to 6 of them without blanks, where recall counts twice; 0 to 100.

    100 · (1 + β²) P R / (β² P + R), β = 2; P and R the means over n of m_n / h_n and m_n / r_n: n-grams of the answer
    (h), of the reference (r) and of both (m), summed over the whole table; an n that answers or references have none of
    is left out. Of several references that with the best score of the row. Equal to sacreBLEU's corpus score.

    Source: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation".
    """
    references = as_references(truth, str)
    rows = [_row(several, said) for several, said in zip(references, predicted, strict=True)]
    return from_sums(np.array(rows, dtype=np.float64), _value, bounds=(0.0, 100.0))


def _row(references: Sequence[str], said: str) -> list[int]:
    """[h_1, r_1, m_1, ..., h_6, r_6, m_6] of the reference with the best score."""
    found = _characters(said)
    rows = []
    for text in references:
        counts = []
        for a, b in zip(found, _characters(text), strict=True):
            counts += [a.total() if b else 0, b.total(), overlap(a, b)]
        rows.append(counts)
    if len(rows) == 1:
        return rows[0]
    return rows[int(_value(np.array(rows, dtype=np.float64)).argmax())]


def _characters(text: str) -> list[Counter[tuple[str, ...]]]:
    return ngrams("".join(text.split()), ORDER)


def _value(sums: np.ndarray) -> np.ndarray:
    """(R, 18) sums of `_row` -> (R,) chrF."""
    h, r, m = (sums[:, i::3] for i in range(3))
    there = (h > 0) & (r > 0)
    count = np.maximum(there.sum(axis=1), 1)
    precision = np.divide(m, h, out=np.zeros_like(m), where=there).sum(axis=1) / count
    recall = np.divide(m, r, out=np.zeros_like(m), where=there).sum(axis=1) / count
    below = BETA**2 * precision + recall
    both = (1 + BETA**2) * precision * recall
    return 100.0 * np.divide(both, below, out=np.zeros_like(both), where=below > 0)
