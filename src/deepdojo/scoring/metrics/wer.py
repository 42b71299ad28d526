"""Word error rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, from_rate
from deepdojo.scoring.metrics.registry import metric

__all__ = ["edits", "wer"]


@metric(
    truth="text",
    predicted="text",
    higher_is_better=False,
    title="word error rate",
    percent=True,
    goal="how speech recognition is reported",
)
def wer(truth: Sequence[str], predicted: Sequence[str]) -> Measured:
    """Words to put in, take out or exchange until the answer is the reference, beside the reference's words.

    Σ wᵢ editsᵢ / Σ wᵢ wordsᵢ, words parted by blanks as they stand, edits the smallest number (Levenshtein 1966). It
    may exceed 1. Equal to jiwer's `wer`.
    """
    pairs = [(a.split(), b.split()) for a, b in zip(truth, predicted, strict=True)]
    wrong = np.array([edits(a, b) for a, b in pairs], dtype=np.float64)
    words = np.array([len(a) for a, _ in pairs], dtype=np.float64)
    if not words.any():
        raise ScoreError("the references hold no word, so no share of them is wrong", todo="choose another metric")
    return from_rate(wrong, words)


def edits(a: Sequence[str], b: Sequence[str]) -> int:
    """The fewest insertions, deletions and exchanges that make b of a.

    Cost: one pass over the longer one for each unit of the shorter.
    """
    if len(a) > len(b):
        a, b = b, a
    ids = {unit: i for i, unit in enumerate(dict.fromkeys([*a, *b]))}
    longer, steps = np.array([ids[unit] for unit in b], dtype=np.int64), np.arange(len(b) + 1)
    cost = steps.copy()  # of making each beginning of b of the units of a so far
    for done, unit in enumerate(a, 1):
        exchanged = cost[:-1] + (longer != ids[unit])
        cost[1:] = np.minimum(cost[1:] + 1, exchanged)
        cost[0] = done
        cost = np.minimum.accumulate(cost - steps) + steps  # units of b put in
    return int(cost[-1])
