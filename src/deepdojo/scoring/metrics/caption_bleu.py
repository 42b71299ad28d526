"""BLEU of captions, as their papers report it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.scoring.caption_words import caption_words
from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics.registry import metric
from deepdojo.scoring.ngram_counts import ngrams, overlap

__all__ = ["caption_bleu", "caption_bleu_1"]


@metric(
    truth="texts",
    predicted="text",
    higher_is_better=True,
    unit="points",
    title="BLEU-4",
    goal="how captions of images are reported; 100 is a reference word for word",
    signature="coco-caption Bleu_4, without its smoothing of 1e-15",
    reads="image",
)
def caption_bleu(truth: Sequence[Sequence[str]], predicted: Sequence[str]) -> Measured:
    """Share of words, pairs, triples and fours of words that some reference has too, in the geometric mean; 0 to 100.

    100 · min(1, exp(1 - r / c)) · (∏_{n=1..4} m_n / t_n)^(1/4) over the whole table: m_n the n-grams that a reference
    of their row has, at most as often as one of them has it, t_n all n-grams, c words, r words of the reference whose
    length is nearest (the shorter of two). 0 where an m_n is 0. Words as `caption_words` has them: lower case, without
    punctuation. Equal to coco-caption's corpus BLEU wherever all m_n are above 0.

    Source: Papineni et al. 2002; Chen et al. 2015, "Microsoft COCO captions: data collection and evaluation server".
    """
    return _bleu(truth, predicted, 4)


@metric(
    truth="texts",
    predicted="text",
    higher_is_better=True,
    unit="points",
    title="BLEU-1",
    goal="right words in any order, short captions punished",
    signature="coco-caption Bleu_1, without its smoothing of 1e-15",
    reads="image",
)
def caption_bleu_1(truth: Sequence[Sequence[str]], predicted: Sequence[str]) -> Measured:
    """Share of the words that some reference has too, short captions punished; 0 to 100.

    As `caption_bleu`, with single words alone: 100 · min(1, exp(1 - r / c)) · m_1 / t_1.
    """
    return _bleu(truth, predicted, 1)


def _bleu(truth: Sequence[Sequence[str]], predicted: Sequence[str], order: int) -> Measured:
    rows = [_row(several, said, order) for several, said in zip(truth, predicted, strict=True)]
    stats = np.array(rows, dtype=np.float64)

    def value(sums: np.ndarray) -> np.ndarray:
        c, r, m, t = sums[:, 0], sums[:, 1], sums[:, 2 : 2 + order], sums[:, 2 + order :]
        some = np.asarray((m > 0).all(axis=1))
        c, m, t = np.where(some, c, 1.0), np.where(some[:, None], m, 1.0), np.where(some[:, None], t, 1.0)
        return np.where(some, 100.0 * np.exp(np.minimum(0.0, 1.0 - r / c) + np.log(m / t).mean(axis=1)), 0.0)

    def influence() -> np.ndarray:
        """BLEU · n · ∂ ln BLEU / ∂wᵢ; where c = r the brevity penalty has a bend, and the longer side counts."""
        total = stats.sum(axis=0)
        now = float(value(total[None])[0])
        if now == 0.0:
            return np.zeros(len(stats))
        shares = stats[:, 2:] / total[2:]
        pull = (shares[:, :order] - shares[:, order:]).mean(axis=1)
        c, r = total[0], total[1]
        if c < r:
            pull = pull + stats[:, 0] * r / c**2 - stats[:, 1] / c
        pull = now * len(stats) * pull
        return pull - pull.mean()

    return Measured(
        lambda weights: value(weights @ stats), len(stats), losses=_losses(stats, order), influence_of=influence,
        bounds=(0.0, 100.0),
    )  # fmt: skip


def _row(references: Sequence[str], said: str, order: int) -> list[int]:
    """[c, r, m_1 ... m_order, t_1 ... t_order]"""
    words, wanted = caption_words(said), [caption_words(text) for text in references]
    nearest = min((abs(len(words) - len(one)), len(one)) for one in wanted)[1]
    found, most = ngrams(words, order), ngrams(wanted[0], order)
    for other in wanted[1:]:
        most = [a | b for a, b in zip(most, ngrams(other, order), strict=True)]
    matches = [overlap(a, b) for a, b in zip(found, most, strict=True)]
    return [len(words), nearest, *matches, *(max(0, len(words) - n) for n in range(order))]


def _losses(stats: np.ndarray, order: int) -> np.ndarray:
    """How bad each caption is by itself: 1 - its BLEU with one added to matches and totals of n > 1, as BLEU of one
    caption is mostly 0. Source: Lin & Och 2004, "ORANGE"."""
    c, r, m, t = stats[:, 0], stats[:, 1], stats[:, 2 : 2 + order], stats[:, 2 + order :]
    more = np.arange(order) > 0
    shares = (m + more) / np.maximum(t + more, 1)
    brevity = np.minimum(0.0, 1.0 - r / np.maximum(c, 1e-9))
    with np.errstate(divide="ignore"):
        return 1.0 - np.exp(brevity + np.log(shares).mean(axis=1))
