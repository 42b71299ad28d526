"""What one figure of a row tells of its target: learned on half of the rows, tried on the other half.

For what is no input of a model and goes along with the rows all the same: their order, their files' sizes and times,
their ids. A finding needs both a size and a test, so that few rows of noise say nothing.

Legend: n rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["LEVEL", "Told", "binned", "coded", "told"]

LEVEL = 1e-4
"""Of the test, one-sided: the largest share of data without the fault in which a figure is reported."""
BINS = 32
LEAST_ROWS = 40


@dataclass(frozen=True)
class Told:
    """What a figure tells.

    Attributes:
        gain: the share of the majority's errors that it removes, or of the target's variance that it explains.
        p: how often noise would tell so much. rows: that were not used to fit it.
    """

    gain: float
    p: float
    rows: int
    regression: bool

    @property
    def said(self) -> str:
        what = "explains {:.0%} of the target" if self.regression else "removes {:.0%} of the majority's errors"
        return f"{what.format(self.gain)} on {self.rows:,} rows not used to fit it"

    def beyond(self, least: float) -> bool:
        """Whether it is worth a word: so much, and not by chance."""
        return self.gain >= least and self.p <= LEVEL


def binned(values: np.ndarray, half: np.ndarray) -> np.ndarray:
    """(n,) numbers -> (n,) small codes: 32 quantiles of the half that is learned from, or its single values."""
    known = np.unique(values[half])
    if len(known) > BINS:
        edges = np.unique(np.quantile(values[half], np.linspace(0, 1, BINS + 1)[1:-1]))
    else:
        edges = (known[1:] + known[:-1]) / 2
    return np.searchsorted(edges, values)


def coded(words: list[str]) -> np.ndarray:
    """(n,) codes of words, equal for equal ones."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(word, len(known)) for word in words], dtype=np.int64)


def told(codes: np.ndarray, target: np.ndarray, half: np.ndarray) -> Told | None:
    """What a code tells of a target.

    Args:
        codes: (n,) small whole numbers from 0. target: (n,) int64 classes from 0, or float64 values.
        half: (n,) bool, the rows to learn from.

    Returns:
        None where there are too few rows, or nothing to tell.

    Classes: each code answers with its commonest class, an unknown one with the majority. p is that of a sign test on
    the other half's rows where the two answers differ and one is right: of noise the majority is right at least as
    often. Values: each code answers with its mean, on ranks; p is that of the correlation, by Fisher's z.
    """
    if len(codes) < LEAST_ROWS or not 0.2 < half.mean() < 0.8:
        return None
    return _values(codes, target, half) if target.dtype.kind == "f" else _classes(codes, target, half)


def _classes(codes: np.ndarray, target: np.ndarray, half: np.ndarray) -> Told | None:
    counts = np.zeros((codes.max() + 1, target.max() + 1))
    np.add.at(counts, (codes[half], target[half]), 1)
    majority = int(counts.sum(axis=0).argmax())
    answer = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), majority)
    truth, said = target[~half], answer[codes[~half]]
    right, usual = said == truth, truth == majority
    errors = int((~usual).sum())
    if not errors:
        return None
    won, lost = int((right & ~usual).sum()), int((usual & ~right).sum())
    return Told((won - lost) / errors, _sign_test(won, lost), len(truth), False)


def _sign_test(won: int, lost: int) -> float:
    """P(at least `won` of won + lost) with a fair coin, by the normal law with a correction where there are many."""
    n = won + lost
    if n == 0:
        return 1.0
    if n > 1000:
        return 0.5 * math.erfc((won - 0.5 - n / 2) / math.sqrt(n / 2))
    return sum(math.comb(n, k) for k in range(won, n + 1)) / 2**n


def _values(codes: np.ndarray, target: np.ndarray, half: np.ndarray) -> Told | None:
    ranks = np.argsort(np.argsort(target)) / max(1, len(target) - 1)
    sums = np.bincount(codes[half], ranks[half], int(codes.max()) + 1)
    counts = np.bincount(codes[half], minlength=int(codes.max()) + 1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), ranks[half].mean())
    truth, said = ranks[~half], means[codes[~half]]
    if truth.std() == 0:
        return None
    spread = float(((truth - ranks[half].mean()) ** 2).sum())
    gain = 1 - float(((truth - said) ** 2).sum()) / spread
    if said.std() == 0:
        return Told(gain, 1.0, len(truth), True)
    r = float(np.clip(np.corrcoef(truth, said)[0, 1], -0.999999, 0.999999))
    z = math.atanh(r) * math.sqrt(max(1, len(truth) - 3))
    return Told(gain, 0.5 * math.erfc(z / math.sqrt(2)), len(truth), True)
