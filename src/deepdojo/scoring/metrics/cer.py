"""Character error rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, from_rate
from deepdojo.scoring.metrics.registry import metric
from deepdojo.scoring.metrics.wer import edits

__all__ = ["cer"]


@metric(
    truth="text",
    predicted="text",
    higher_is_better=False,
    title="character error rate",
    percent=True,
    goal="for writing without blanks between words, and where a nearly right word is better than a wrong one",
)
def cer(truth: Sequence[str], predicted: Sequence[str]) -> Measured:
    """Signs to put in, take out or exchange until the answer is the reference, beside the reference's signs.

    Σ wᵢ editsᵢ / Σ wᵢ signsᵢ, blanks inside a text are signs, those at its ends are not; edits the smallest number
    (Levenshtein 1966). It may exceed 1. Equal to jiwer's `cer`.
    """
    pairs = [(a.strip(), b.strip()) for a, b in zip(truth, predicted, strict=True)]
    wrong = np.array([edits(a, b) for a, b in pairs], dtype=np.float64)
    signs = np.array([len(a) for a, _ in pairs], dtype=np.float64)
    if not signs.any():
        raise ScoreError("the references hold no sign, so no share of them is wrong", todo="choose another metric")
    return from_rate(wrong, signs)
