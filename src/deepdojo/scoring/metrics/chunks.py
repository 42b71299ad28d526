"""Tags of words: F1, precision and recall of the chunks that they mark, and accuracy of single words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from deepdojo.chunks import chunks_of
from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, from_sums
from deepdojo.scoring.metrics.registry import metric

__all__ = ["chunk_f1", "chunk_precision", "chunk_recall", "token_accuracy"]

Tags = Sequence[Sequence[str]]


@metric(
    truth="tokens",
    predicted="tokens",
    higher_is_better=True,
    title="chunk F1",
    percent=True,
    goal="a chunk or an entity is right only if all of it is: both ends and the type",
)
def chunk_f1(truth: Tags, predicted: Tags) -> Measured:
    """F1 of chunks: a predicted chunk is right if a true one has the same words and the same type.

    2·Σ wᵢ tpᵢ / Σ wᵢ (trueᵢ + predictedᵢ) over all types together, 0 where there are no chunks. What a chunk is says
    `deepdojo.chunks`: conlleval's rules for IOB1, IOB2 and IOBES (BMES, BILOU) alike. Equal to seqeval's `f1_score` in
    its default mode for tags of B, I, E, S and O.

    Source: Tjong Kim Sang and Buchholz 2000, section 5.
    """
    return _counted(truth, predicted, lambda right, true, said: _ratio(2 * right, true + said))


@metric(
    truth="tokens",
    predicted="tokens",
    higher_is_better=True,
    title="chunk precision",
    percent=True,
    goal="a chunk that is none costs, one that is missed does not",
)
def chunk_precision(truth: Tags, predicted: Tags) -> Measured:
    """Share of the predicted chunks that are right: Σ wᵢ tpᵢ / Σ wᵢ predictedᵢ, 0 where none is predicted.

    Equal to seqeval's `precision_score` in its default mode.
    """
    return _counted(truth, predicted, lambda right, true, said: _ratio(right, said))


@metric(
    truth="tokens",
    predicted="tokens",
    higher_is_better=True,
    title="chunk recall",
    percent=True,
    goal="a chunk that is missed costs, one that is none does not",
)
def chunk_recall(truth: Tags, predicted: Tags) -> Measured:
    """Share of the true chunks that are found: Σ wᵢ tpᵢ / Σ wᵢ trueᵢ, 0 where there are none.

    Equal to seqeval's `recall_score` in its default mode.
    """
    return _counted(truth, predicted, lambda right, true, said: _ratio(right, true))


@metric(
    truth="tokens",
    predicted="tokens",
    higher_is_better=True,
    title="token accuracy",
    percent=True,
    goal="every word counts the same: for parts of speech, or where few words are outside",
)
def token_accuracy(truth: Tags, predicted: Tags) -> Measured:
    """Share of words whose tag is right, over the words of all rows.

    Σ wᵢ rightᵢ / Σ wᵢ wordsᵢ. Equal to seqeval's `accuracy_score`.
    """
    _require_aligned(truth, predicted)
    right = [sum(a == b for a, b in zip(t, p, strict=True)) for t, p in zip(truth, predicted, strict=True)]
    sums = np.array([right, [len(t) for t in truth]], dtype=np.float64).T
    losses = sums[:, 1] - sums[:, 0]
    return from_sums(sums, lambda s: _ratio(s[:, 0], s[:, 1]), losses=losses, bounds=(0.0, 1.0))


def _counted(
    truth: Tags, predicted: Tags, value: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
) -> Measured:
    """A function of three sums over rows: chunks that are right, true and predicted."""
    _require_aligned(truth, predicted)
    counts = np.empty((len(truth), 3))
    for i, (true, said) in enumerate(zip(truth, predicted, strict=True)):
        ours, theirs = set(chunks_of(true)), set(chunks_of(said))
        counts[i] = len(ours & theirs), len(ours), len(theirs)
    losses = counts[:, 1] + counts[:, 2] - 2 * counts[:, 0]
    return from_sums(counts, lambda sums: value(*sums.T), losses=losses, bounds=(0.0, 1.0))


def _require_aligned(truth: Tags, predicted: Tags) -> None:
    for i, (true, said) in enumerate(zip(truth, predicted, strict=True)):
        if len(true) != len(said):
            raise ScoreError(
                f"the sentence has {len(true):,} words, and {len(said):,} tags are predicted", where=f"row {i + 1}"
            )


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
