"""BLEU, with capitals or without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics.registry import metric
from deepdojo.scoring.ngram_counts import as_references, ngrams, overlap, words_13a

__all__ = ["bleu", "bleu_lower"]

ORDER = 4


@metric(
    truth="texts",
    predicted="text",
    higher_is_better=True,
    unit="points",
    title="BLEU",
    goal="how translations are reported; 100 is the reference word for word",
    signature="sacreBLEU 2.6: case:mixed|eff:no|tok:13a|smooth:exp",
)
def bleu(truth: Sequence[str | Sequence[str]], predicted: Sequence[str]) -> Measured:
    """Share of words, pairs, triples and fours of words that a reference has too, in the geometric mean; 0 to 100.

    100 · min(1, exp(1 - r / c)) · (∏_{n=1..4} m_n / t_n)^(1/4) over the whole table: m_n the n-grams that a reference
    has, at most as often as there, t_n all n-grams, c words, r words of the reference whose length is nearest (the
    shorter of two). The k-th n without a match counts 1 / (2^k t_n); 0 without any match, and where no row has four
    words. Words as mteval-v13a cuts them. Equal to sacreBLEU's corpus score.

    Source: Papineni et al. 2002; Post 2018, "A call for clarity in reporting BLEU scores".
    """
    return _bleu(as_references(truth, str), predicted)


@metric(
    truth="texts",
    predicted="text",
    higher_is_better=True,
    unit="points",
    title="BLEU without capitals",
    goal="as BLEU, where capitals are not asked for",
    signature="sacreBLEU 2.6: case:lc|eff:no|tok:13a|smooth:exp",
)
def bleu_lower(truth: Sequence[str | Sequence[str]], predicted: Sequence[str]) -> Measured:
    """BLEU of lower-cased texts; 0 to 100.

    As `bleu`, after `str.lower` of both sides. Equal to sacreBLEU's corpus score with `lowercase`.
    """
    return _bleu(as_references(truth, str.lower), [text.lower() for text in predicted])


def _bleu(references: Sequence[Sequence[str]], predicted: Sequence[str]) -> Measured:
    rows = [_row(several, said) for several, said in zip(references, predicted, strict=True)]
    stats = np.array(rows, dtype=np.float64)
    return Measured(
        lambda weights: _value(weights @ stats), len(stats), influence_of=lambda: _influence(stats), bounds=(0.0, 100.0)
    )


def _row(references: Sequence[str], said: str) -> list[int]:
    """[c, r, m_1 ... m_4, t_1 ... t_4]"""
    words, wanted = words_13a(said), [words_13a(text) for text in references]
    nearest = min((abs(len(words) - len(one)), len(one)) for one in wanted)[1]
    found, most = ngrams(words, ORDER), ngrams(wanted[0], ORDER)
    for other in wanted[1:]:
        most = [a | b for a, b in zip(most, ngrams(other, ORDER), strict=True)]
    matches = [overlap(a, b) for a, b in zip(found, most, strict=True)]
    return [len(words), nearest, *matches, *(max(0, len(words) - n) for n in range(ORDER))]


def _value(sums: np.ndarray) -> np.ndarray:
    """(R, 10) sums of `_row` -> (R,) BLEU."""
    c, r, m, t = sums[:, 0], sums[:, 1], sums[:, 2 : 2 + ORDER], sums[:, 2 + ORDER :]
    defined = np.logical_and((t > 0).all(axis=1), (m > 0).any(axis=1))
    c, t = np.where(defined, c, 1.0), np.where(defined[:, None], t, 1.0)
    share = np.where(m > 0, m, 0.5 ** np.cumsum(m <= 0, axis=1)) / t
    brevity = np.minimum(0.0, 1.0 - r / c)
    return np.where(defined, 100.0 * np.exp(brevity + np.log(share).mean(axis=1)), 0.0)


def _influence(stats: np.ndarray) -> np.ndarray:
    """(n, 10) rows -> (n,): BLEU · n · ∂ ln BLEU / ∂wᵢ, in closed form, for lengths of answers and references are often
    the same, where the brevity penalty has a bend that differences cannot see."""
    total = stats.sum(axis=0)
    value = float(_value(total[None])[0])
    if value == 0.0:
        return np.zeros(len(stats))
    shares = np.divide(stats[:, 2:], total[2:], out=np.zeros_like(stats[:, 2:]), where=total[2:] > 0)
    pull = (shares[:, :ORDER] - shares[:, ORDER:]).mean(axis=1)
    c, r = total[0], total[1]
    if c < r:
        pull = pull + stats[:, 0] * r / c**2 - stats[:, 1] / c
    pull = value * len(stats) * pull
    return pull - pull.mean()
