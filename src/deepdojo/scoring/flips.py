"""The paired test behind every "better": flip the signs of the rows' differences, keep the largest statistic.

Legend: k entries, m rows (or groups of rows, summed), R flips. Numpy only; knows no metric.

For a pair (a, b) with row differences dᵢ the statistic is T = Σ dᵢ / √Σ dᵢ². If neither is better, each dᵢ could as
well have had the other sign, so T is compared with its values under random signs. For 0/1 rows of two entries that is
the exact McNemar test. Over a board the same signs serve all pairs and the largest |T| over pairs is kept (max-T): the
chance of a single false "better" on the whole board is then at most the level, however the entries are correlated.

Exact where the joint differences are symmetric (two entries that swap), asymptotic else. T grows with Student's t of
the pair; its denominator does not change under flips, so it is computed once.

Source: Romano and Wolf 2005, "Exact and Approximate Stepdown Methods for Multiple Hypothesis Testing"; Westfall and
Young 1993, "Resampling-Based Multiple Testing".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.formulas import binomial_half_p

__all__ = ["group_sums", "pair_p", "pairwise_p", "pseudo_values"]

_CHUNK_CELLS = 1 << 20
_ALL_SIGNS_UP_TO = 12  # 4,096 sign patterns: exact, and cheaper than drawing
_SAME = 1e-9  # differences below this share of the rows' own size are rounding, not skill


def pseudo_values(values: np.ndarray, influence: np.ndarray) -> np.ndarray:
    """(k,) values and (k, n) influences -> (k, n) terms whose mean is the value: its own terms where it is a mean.

    Raises:
        ScoreError: when an influence is not finite.
    """
    terms = np.asarray(influence, dtype=np.float64) + np.asarray(values, dtype=np.float64)[:, None]
    if not np.isfinite(terms).all():
        entry = int(np.flatnonzero(~np.isfinite(terms).all(axis=1))[0])
        raise ScoreError(f"entry {entry + 1} has a value or an influence that is not finite", todo="score it again")
    return terms


def group_sums(rows: np.ndarray, index: np.ndarray | None) -> np.ndarray:
    """(k, n) -> (k, G) sums over the rows of each group; the rows themselves where `index` is None."""
    if index is None:
        return rows
    return np.stack([np.bincount(index, weights=row) for row in rows])


def pair_p(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> float:
    """Two-sided p of first - second, both (m,): exact (binomial) where all differences but zeros have one size."""
    differences = first - second
    size = max(np.abs(first).max(initial=0.0), np.abs(second).max(initial=0.0))
    left = differences[np.abs(differences) > _SAME * size]
    if not len(left):
        return 1.0
    left = left / size  # squares must neither overflow nor vanish, whatever the target's unit
    sizes = np.abs(left)
    if sizes.min() >= sizes.max() * (1 - 1e-6):
        wins = int(np.count_nonzero(left > 0))
        return binomial_half_p(wins, len(left) - wins)
    return float(_adjusted(np.stack([left, np.zeros_like(left)]), seed, None)[0, 1])


def pairwise_p(terms: np.ndarray, *, draws: int | None = None, seed: int = 0) -> np.ndarray:
    """(k, m) terms -> (k, k) symmetric p-values of all pairs, adjusted over the whole board (max-T); 1 for equal rows.

    Args:
        draws: sign flips; default: as many as some 4e7 operations allow, from 1,000 to 9,999. All patterns when m ≤ 12.

    Cost: O(R·m·k + R·k²): 200 entries on 10,000 rows take about a second.
    """
    terms = np.asarray(terms, dtype=np.float64)
    k = len(terms)
    size = np.abs(terms).max(initial=0.0)
    centred = terms - terms.mean(axis=0)
    # A row on which all agree says nothing about any pair; most rows of a good board are such.
    differing = np.abs(centred).max(axis=0, initial=0.0) > _SAME * size
    centred = centred[:, differing] / (size or 1.0)
    if k < 2 or centred.shape[1] == 0:
        return np.ones((k, k))
    if k == 2:
        p = pair_p(terms[0], terms[1], seed=seed)
        return np.array([[1.0, p], [p, 1.0]])
    return _adjusted(centred, seed, draws)


def _adjusted(terms: np.ndarray, seed: int, draws: int | None) -> np.ndarray:
    k, m = terms.shape
    inverse = _inverse_scales(terms)
    total = terms.sum(axis=1)
    observed = np.abs(total[:, None] - total[None]) * inverse
    exact = m <= _ALL_SIGNS_UP_TO
    if exact:
        signs = ((np.arange(1 << m)[:, None] >> np.arange(m)) & 1) * 2.0 - 1.0
        maxima = _maxima(signs @ terms.T, inverse)
    else:
        draws = draws or int(np.clip(4e7 // (m + k * k / 2), 1000, 9999))
        maxima = np.concatenate([_maxima(z, inverse) for z in _flipped(terms, draws, seed)])
    maxima.sort()
    reached = len(maxima) - np.searchsorted(maxima, observed * (1 - 1e-9), "left")
    # The observed signs are one of the patterns: drawn ones count them once more, so that no p is ever 0.
    p = reached / len(maxima) if exact else (reached + 1) / (len(maxima) + 1)
    return np.where(inverse > 0, np.minimum(p, 1.0), 1.0)


def _inverse_scales(terms: np.ndarray) -> np.ndarray:
    """(k, k) 1 / √Σ dᵢ² of each pair, 0 where two entries are the same on every row (they are never better: no 0/0)."""
    gram = terms @ terms.T
    own = np.diag(gram)
    squares = own[:, None] + own[None] - 2 * gram
    floor = 1e-12 * np.maximum(own[:, None], own[None])
    return np.where(squares > floor, 1 / np.sqrt(np.maximum(squares, floor + 1e-300)), 0.0)


def _flipped(terms: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Chunks (≤ R, k) of Σ ±termᵢ under random signs: Σ ±t = 2 Σ_{kept} t - Σ t needs bits only."""
    rng = np.random.default_rng(seed)
    k, m = terms.shape
    total, columns = terms.sum(axis=1), np.ascontiguousarray(terms.T)
    chunk = max(1, _CHUNK_CELLS // max(m, k))
    for start in range(0, draws, chunk):
        bits = rng.integers(0, 256, size=(min(chunk, draws - start), (m + 7) // 8), dtype=np.uint8)
        kept = np.unpackbits(bits, axis=1, count=m).astype(np.float64)
        yield 2 * (kept @ columns) - total


def _maxima(flipped: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """(R, k) flipped sums -> (R,) the largest |T| over all pairs."""
    largest = np.zeros(len(flipped))
    columns = np.ascontiguousarray(flipped.T)  # (k, R)
    for a in range(len(columns) - 1):
        others = np.abs(columns[a + 1 :] - columns[a]) * inverse[a, a + 1 :, None]
        np.maximum(largest, others.max(axis=0), out=largest)
    return largest
