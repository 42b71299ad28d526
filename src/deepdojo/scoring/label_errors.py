"""Which labels are likely wrong, from probabilities of models that did not learn from the rows that they judge.

Source: Northcutt, Jiang & Chuang 2021, "Confident learning: estimating uncertainty in dataset labels" (JAIR 70)

Legend: n rows, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["WrongShare", "confident_joint", "normalised_margin", "wrong_share"]


@dataclass(frozen=True)
class WrongShare:
    """The estimated share of wrong labels, with a 95 % interval over rows."""

    value: float
    low: float
    high: float


def normalised_margin(p: np.ndarray, given: np.ndarray) -> np.ndarray:
    """p_given - max over the other classes, (n,) from -1 (surely wrong) to 1, of (n, K) probabilities."""
    rows = np.arange(len(p))
    others = p.copy()
    others[rows, given] = -np.inf
    return p[rows, given] - (others.max(axis=1) if p.shape[1] > 1 else 0.0)


def confident_joint(p: np.ndarray, given: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """(K, K) shares of given class i and likely true class j, which sum to 1.

    A row counts for the class j of highest probability among those with p_j >= t_j, t_j the mean of p_j over the rows
    given class j; a row that reaches no threshold counts for none. Each given class then gets its share of all rows.

    Args:
        weights: (n,) how often each row counts.

    Source: Northcutt et al. 2021, equations 1 to 3.
    """
    classes = p.shape[1]
    weights = np.ones(len(p)) if weights is None else weights
    count = np.bincount(given, weights=weights, minlength=classes)
    own = np.bincount(given, weights=weights * p[np.arange(len(p)), given], minlength=classes)
    threshold = np.divide(own, count, out=np.full(classes, np.inf), where=count > 0)
    sure = np.where(p >= threshold, p, -1.0)
    likely, counted = sure.argmax(axis=1), sure.max(axis=1) >= 0
    cells = np.bincount(
        given[counted] * classes + likely[counted], weights=weights[counted], minlength=classes**2
    ).reshape(classes, classes)  # fmt: skip
    total = cells.sum(axis=1, keepdims=True)
    alone = np.diag(count)  # of a class without a sure row nothing is known: it counts as right
    joint = np.where(total > 0, cells / np.where(total > 0, total, 1) * count[:, None], alone)
    return joint / joint.sum()


def wrong_share(p: np.ndarray, given: np.ndarray, *, draws: int = 200, seed: int = 0) -> WrongShare:
    """1 - the trace of the confident joint, and its interval by resampled rows.

    It counts what the model is sure of: labels that are wrong in a way that can be learned from the rows themselves are
    not seen, so the true share may lie far above.
    """
    value = 1.0 - float(np.trace(confident_joint(p, given)))
    random = np.random.default_rng(seed)
    n = len(p)
    found = [
        1.0 - float(np.trace(confident_joint(p, given, random.multinomial(n, np.full(n, 1 / n)).astype(np.float64))))
        for _ in range(draws)
    ]
    low, high = np.quantile(found, [0.025, 0.975])
    return WrongShare(max(0.0, value), max(0.0, float(low)), min(1.0, float(high)))
