"""Of several texts for one thing, the one that the others agree with most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

__all__ = ["agreement", "most_in_common"]

ORDER = 4


def most_in_common(texts: Sequence[Sequence[int]], weights: Sequence[float] | np.ndarray) -> int:
    """argmax_i Σ_j w_j agreement(text_i, text_j): minimum Bayes risk where the weights are probabilities; of equals
    the first.

    Args:
        texts: token ids; at least one.
        weights: not negative; texts of weight 0 are neither asked nor chosen, unless all have weight 0.

    Source: Kumar & Byrne 2004, "Minimum Bayes-risk decoding for statistical machine translation"; for captions of
    images Devlin et al. 2015, "Exploring nearest neighbor approaches for image captioning", section 3.2
    """
    weights = np.asarray(weights, dtype=np.float64)
    counts = [_counts(text) for text in texts]
    asked = [i for i in range(len(texts)) if weights[i] > 0] or list(range(len(texts)))
    gains = [sum(weights[j] * _agreement(counts[i], counts[j]) for j in asked) for i in asked]
    return asked[int(np.argmax(gains))]


def agreement(one: Sequence[int], other: Sequence[int]) -> float:
    """BLEU of `one` where `other` is the reference, with one added to matches and totals of pairs and longer n-grams,
    0 without a common word; 0 to 1.

    Source: Lin & Och 2004, "ORANGE: a method for evaluating automatic evaluation metrics for machine translation"
    """
    return _agreement(_counts(one), _counts(other))


def _counts(text: Sequence[int]) -> list[Counter[tuple[int, ...]]]:
    return [Counter(zip(*(text[i:] for i in range(n)), strict=False)) for n in range(1, ORDER + 1)]


def _agreement(found: list[Counter[tuple[int, ...]]], wanted: list[Counter[tuple[int, ...]]]) -> float:
    sizes = [sum(counts.values()) for counts in found]
    hits = [sum(min(k, other[gram]) for gram, k in own.items()) for own, other in zip(found, wanted, strict=True)]
    if not hits[0]:
        return 0.0
    shares = [hits[0] / sizes[0], *((m + 1) / (t + 1) for m, t in zip(hits[1:], sizes[1:], strict=True))]
    brevity = min(0.0, 1.0 - sum(wanted[0].values()) / sizes[0])
    return float(np.exp(brevity + np.log(shares).mean()))
