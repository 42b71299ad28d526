"""Metrics of language models: how many bits or nats the text cost, by bytes, characters or words.

A row is a block of text and the nats that the model paid for it, -ln p(text | what stood before). The interval draws
blocks, so it says how the value would move on other text of this kind; words of one block are never parted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, from_rate
from deepdojo.scoring.metrics.registry import metric, numbers

__all__ = ["bits_per_byte", "nats_per_character", "word_perplexity"]


@metric(
    truth="text",
    predicted="number",
    higher_is_better=False,
    unit="bits",
    goal="compares models whatever their tokens are",
    title="bits/byte",
)
def bits_per_byte(truth: Sequence[str], predicted: Sequence[float]) -> Measured:
    """Bits that a byte of the text (UTF-8) costs; 8 is a model that knows nothing.

    Σ wᵢ nllᵢ / (ln 2 · Σ wᵢ bytesᵢ).
    """
    return _rate(predicted, [len(text.encode("utf-8")) for text in truth], 1 / math.log(2))


@metric(
    truth="text",
    predicted="number",
    higher_is_better=False,
    unit="nats",
    goal="as character models are reported",
    title="nats/char",
)
def nats_per_character(truth: Sequence[str], predicted: Sequence[float]) -> Measured:
    """Nats that a character of the text costs: the loss of a character model.

    Σ wᵢ nllᵢ / Σ wᵢ charactersᵢ.
    """
    return _rate(predicted, [len(text) for text in truth])


@metric(
    truth="text",
    predicted="number",
    higher_is_better=False,
    unit="words",
    goal="as word models are reported",
    title="perplexity",
)
def word_perplexity(truth: Sequence[str], predicted: Sequence[float]) -> Measured:
    """Among how many equally likely words the model chooses in the mean; the end of a line counts as a word.

    exp(Σ wᵢ nllᵢ / Σ wᵢ wordsᵢ), words parted by blanks, as for WikiText (Merity et al. 2016).
    """
    rate = _rate(predicted, [len(text.split()) + text.count("\n") for text in truth])
    influence = rate.influence_of
    assert influence is not None
    return Measured(
        lambda weights: np.exp(rate.value_at(weights)),
        rate.n,
        losses=rate.losses,
        influence_of=lambda: math.exp(rate.value()) * influence(),
        bounds=(1.0, math.inf),
    )


def _rate(predicted: Sequence[float], sizes: Sequence[int], factor: float = 1.0) -> Measured:
    """factor · Σ wᵢ nllᵢ / Σ wᵢ sizeᵢ. Raises ScoreError for a text that is less than certain to exist."""
    nll, size = numbers(predicted) * factor, np.array(sizes, dtype=np.float64)
    if (nll < 0).any():
        row = int(np.flatnonzero(nll < 0)[0])
        raise ScoreError(f"{predicted[row]!r} nats are below 0: no text is more than certain", where=f"row {row + 1}")
    if not size.any():
        raise ScoreError("the rows hold nothing that could be counted", todo="choose bits_per_byte")
    return from_rate(nll, size)
