"""Boards of at most 12 rows or groups: two tests share the level, step by step, so that the power is what they allow.

Legend: k entries, m ≤ 12 units, P sign patterns.

With few units each pair's Σ dᵢ² is a poor estimate of its noise, and among many pairs some are small by chance: under
flips they reach a T as high as that of two entries that everyone can tell apart, and max-T says "tie". p-values instead
of T (min-p) don't cure it: every pair attains the smallest p at a pattern of its own, so with more pairs than 5 % of
the patterns nothing is ever significant. Hence two statistics for each pair:

    U = |Σ dᵢ|, the plain difference (Tukey's range over the board under flips): finds clear differences, gets 2/3
    T = |Σ dᵢ| / √Σ dᵢ²: finds small but steady differences, gets 1/3 of the level

A pair differs when p_U ≤ 2/3 · level or p_T ≤ 1/3 · level, each p being the share of sign patterns whose largest
statistic over all pairs still undecided reaches the pair's own. Pairs found different leave, and the rest is looked at
again. Each statistic depends on its own pair alone, so fewer pairs never have a higher largest one, and the familywise
level holds whichever pairs truly differ. The shares are such that with 6 units, where one pattern of 32 is 3.1 %, U
can still decide; with 5 nothing can, here or in any test by signs.

Two entries alone need none of this: `flips.pair_p` is exact for them.

Source: Romano and Wolf 2005, "Exact and Approximate Stepdown Methods for Multiple Hypothesis Testing" (steps, theorem
1); Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure" (unequal shares of the level).
"""

from __future__ import annotations

import numpy as np

from deepdojo.scoring.flips import DRAWS, TIE, all_signs, drawn_signs, largest

__all__ = ["stepped_p"]

_SHARES = (2 / 3, 1 / 3)  # of the level: differences, steady differences
_MOST_CELLS = 2e8  # patterns × entries²: 2,048 patterns up to 312 entries; beyond, drawn ones, also valid
_MOST_STEPS = 10  # fewer steps only find less


def stepped_p(terms: np.ndarray, inverse: np.ndarray, level: float, seed: int | bytes = 0) -> np.ndarray:
    """(k, m) terms -> (k, k) p-values, those of undecided pairs as of the last step; 1 for equal entries.

    Args:
        inverse: (k, k) 1 / √Σ dᵢ², 0 for equal entries (`flips.inverse_scales`).
    """
    k, m = terms.shape
    signs = all_signs(m)
    if len(signs) * k * k > _MOST_CELLS:
        signs = np.concatenate([np.ones((1, m)), *drawn_signs(m, DRAWS, seed)])
    flipped, total = terms @ signs.T, terms.sum(axis=1)
    apart = np.abs(total[:, None] - total[None])
    undecided = inverse > 0
    p = np.ones((k, k))
    for _ in range(_MOST_STEPS):
        found = np.ones((k, k))
        for scale, share in zip((np.ones_like(inverse), inverse), _SHARES, strict=True):
            peaks = np.sort(largest(flipped, np.where(undecided, scale, 0.0).astype(np.float32))[0])
            reached = len(peaks) - np.searchsorted(peaks, apart * scale * TIE, "left")
            found = np.minimum(found, reached / len(peaks) / share)
        p[undecided] = found[undecided]
        decided = undecided & (p <= level)
        undecided &= ~decided
        if not decided.any() or not undecided.any():
            break
    return p
