"""Metrics of masked language models: what a hidden word costs, and how many are guessed.

A row is a block of text; which of its words are hidden follows from the text (`data/codecs/hidden_words.py`), so all
models are asked for the same words. The cell says what they cost together: {"nats": x, "right": words guessed}.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepdojo.data.codecs.hidden_words import hidden_spans
from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, from_rate
from deepdojo.scoring.metrics.registry import metric, numbers

__all__ = ["masked_word_accuracy", "masked_word_nats"]


@metric(
    truth="text",
    predicted="record",
    higher_is_better=False,
    unit="nats",
    goal="how well hidden words are known",
    title="nats/hidden word",
)
def masked_word_nats(truth: Sequence[str], predicted: Sequence[Mapping[str, Any]]) -> Measured:
    """Nats that a hidden word costs, -ln p of all its pieces.

    Σ wᵢ natsᵢ / Σ wᵢ wordsᵢ. The words are the same for every tokenizer; what differs is that a model sees in how
    many pieces a hidden word was cut, which tells the more about it the smaller the pieces are. A model that writes
    in small letters is not asked for capitals. So runs with one tokenizer compare exactly, others nearly.
    """
    return _rate(truth, predicted, "nats", math.inf)


@metric(
    truth="text",
    predicted="record",
    higher_is_better=True,
    goal="as a share that everyone understands",
    title="hidden words guessed",
    percent=True,
)
def masked_word_accuracy(truth: Sequence[str], predicted: Sequence[Mapping[str, Any]]) -> Measured:
    """Share of the hidden words all of whose pieces were the likeliest ones.

    Σ wᵢ rightᵢ / Σ wᵢ wordsᵢ.
    """
    return _rate(truth, predicted, "right", 1.0)


def _rate(truth: Sequence[str], predicted: Sequence[Mapping[str, Any]], key: str, top: float) -> Measured:
    """Σ wᵢ cellᵢ[key] / Σ wᵢ wordsᵢ. Raises ScoreError for a cell that no model can have given."""
    lacking = next((i for i, cell in enumerate(predicted) if not isinstance(cell, Mapping) or key not in cell), None)
    if lacking is not None:
        raise ScoreError(f"{predicted[lacking]!r} has no {key!r}", where=f"row {lacking + 1}")
    value = numbers([cell[key] for cell in predicted])
    words = np.array([len(hidden_spans(text)) for text in truth], dtype=np.float64)
    most = np.inf if math.isinf(top) else words
    wrong = np.flatnonzero((value < 0) | (value > most))
    if len(wrong):
        row = int(wrong[0])
        raise ScoreError(f"{predicted[row][key]!r} of {words[row]:g} hidden words cannot be", where=f"row {row + 1}")
    if not words.any():
        raise ScoreError("the rows hold no words, so none was hidden", todo="give a text with words")
    if key == "nats":
        return from_rate(value, words)
    missed = 1.0 - np.divide(value, words, out=np.zeros_like(value), where=words > 0)
    return from_rate(value, words, losses=missed, upper=top)
