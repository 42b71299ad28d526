"""Tests with a known probability of a false alarm: does a guess hit more than chance, are two samples alike?"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["hits_by_chance", "holm", "proportions", "two_samples"]


def hits_by_chance(guess: np.ndarray, label: np.ndarray) -> tuple[int, float, float]:
    """(hits, hits expected, p) of guesses that were made without these labels.

    Under the null hypothesis any order of the labels is as likely as the given one. Mean and variance of the hits are
    exact (Hoeffding 1951), their distribution is taken as normal.

    Args:
        guess, label: (n,) int64 class codes, n >= 2.
    """
    n, classes = len(guess), int(max(guess.max(), label.max())) + 1
    guessed, there = np.bincount(guess, minlength=classes) / n, np.bincount(label, minlength=classes) / n
    hits = int((guess == label).sum())
    expected = float(guessed @ there)
    # sum over all (guess, label) of (1[equal] - there[guess] - guessed[label] + expected)^2, weighted by their counts
    own = (1 - there - guessed + expected) ** 2
    cross = (-there[:, None] - guessed[None, :] + expected) ** 2
    np.fill_diagonal(cross, own)
    variance = n * n / (n - 1) * float(guessed @ cross @ there)
    if variance <= 0:
        return hits, n * expected, 1.0
    return hits, n * expected, 0.5 * math.erfc((hits - 0.5 - n * expected) / math.sqrt(2 * variance))


def two_samples(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """(D, p): the largest distance of two empirical distributions, and the probability of a larger one by chance.

    p is the limit of Kolmogorov and Smirnov with Stephens' correction (1970); ties make it larger than it need be.
    """
    both = np.sort(np.concatenate([a, b]))
    distance = float(
        np.abs(
            np.searchsorted(np.sort(a), both, side="right") / len(a)
            - np.searchsorted(np.sort(b), both, side="right") / len(b)
        ).max()
    )
    root = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.3:
        return distance, 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return distance, min(1.0, max(0.0, sum(terms)))


def proportions(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """(total variation, p) of two tables of counts (c,) of the same categories.

    Each category that has at least ten rows is compared by its share (normal approximation, pooled variance); p is the
    smallest of these times their number (Bonferroni).
    """
    n, m = float(a.sum()), float(b.sum())
    distance = 0.5 * float(np.abs(a / n - b / m).sum())
    many = (a + b) >= 10
    share = (a + b)[many] / (n + m)
    spread = np.sqrt(share * (1 - share) * (1 / n + 1 / m))
    z = np.abs(a / n - b / m)[many][spread > 0] / spread[spread > 0]
    if not len(z):
        return distance, 1.0
    # the continuity correction keeps the test on its level where counts are small
    z = np.maximum(0.0, z - 0.5 * (1 / n + 1 / m) / spread[spread > 0])
    return distance, min(1.0, len(z) * math.erfc(float(z.max()) / math.sqrt(2)))


def holm(p: list[float], alpha: float) -> list[bool]:
    """Which hypotheses are rejected, so that one true one among all is with probability at most alpha (Holm 1979)."""
    order = sorted(range(len(p)), key=p.__getitem__)
    rejected = [False] * len(p)
    for step, k in enumerate(order):
        if p[k] > alpha / (len(p) - step):
            break
        rejected[k] = True
    return rejected
