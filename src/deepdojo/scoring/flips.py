"""The paired test behind every "better": flip the signs of the rows' differences, keep the largest statistic.

Legend: k entries, m units (rows, groups of rows, or blocks of them), R flips. Numpy only; knows no metric.

For a pair (a, b) with row differences dᵢ the statistic is T = Σ dᵢ / √Σ dᵢ². If neither is better, each dᵢ could as
well have had the other sign, so T is compared with its values under random signs. For 0/1 rows of two entries that is
the exact McNemar test. Over a board the same signs serve all pairs and the largest |T| over pairs is kept (max-T): the
chance of a single false "better" on the whole board is then at most the level, however the entries are correlated.

Exact where the joint differences are symmetric (two entries that swap), asymptotic else. T grows with Student's t of
the pair; its denominator does not change under flips, so it is computed once. Any number R of flips gives a valid
level, since the observed signs count as one more; R only decides how steady the answer is over seeds: with 399, the 5 %
point of a board of 1,000 entries has a standard error of 0.04 beside a value of about 5.

Boards of at most 12 units take another step: `deepdojo.scoring.few_rows`. The same functions keep a big board entry by
entry: `deepdojo.scoring.standings`.

Source: Romano and Wolf 2005, "Exact and Approximate Stepdown Methods for Multiple Hypothesis Testing"; Westfall and
Young 1993, "Resampling-Based Multiple Testing"; Phipson and Smyth 2010, "Permutation P-values Should Never Be Zero".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.blocks import on_grid, seed_bytes
from deepdojo.scoring.blocks import sums as group_sums
from deepdojo.scoring.formulas import binomial_half_p

__all__ = [
    "ALL_SIGNS_UP_TO",
    "DRAWS",
    "TIE",
    "all_signs",
    "allowed_peaks",
    "drawn_signs",
    "group_sums",
    "inverse_scales",
    "largest",
    "pair_p",
    "pairwise_p",
    "pseudo_values",
    "raise_peaks",
    "statistics",
    "threshold",
]

DRAWS = 399
ALL_SIGNS_UP_TO = 12  # 2,048 sign patterns and their mirror images: exact, and cheaper than drawing
TIE = 1 - 1e-6  # a pair's T is kept as a float32: two equal ones may differ by rounding
_CHUNK_CELLS = 1 << 20
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


def pair_p(first: np.ndarray, second: np.ndarray, *, seed: int | bytes = 0) -> float:
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
    # Σ dᵢ² is the same under all signs, so T is compared by its numerator alone.
    observed = abs(left.sum()) * TIE
    if len(left) <= ALL_SIGNS_UP_TO:
        return float(np.mean(np.abs(all_signs(len(left)) @ left) >= observed))
    draws = int(np.clip(4e7 // len(left), 1000, 9999))
    reached = sum(int(np.sum(np.abs(signs @ left) >= observed)) for signs in drawn_signs(len(left), draws, seed))
    return (reached + 1) / (draws + 1)


def pairwise_p(
    terms: np.ndarray, *, draws: int | None = None, seed: int | bytes = 0, level: float = 0.05
) -> np.ndarray:
    """(k, m) terms -> (k, k) symmetric p-values of all pairs, adjusted over the whole board; 1 for equal rows.

    Args:
        terms: pseudo-values of rows, of groups or of blocks (`deepdojo.scoring.blocks`).
        draws: sign flips; default: as many as some 4e7 operations allow, from 399 to 9,999.
        level: where the steps of small boards (`few_rows`) stop.

    Cost: O(R·m·k + R·k²): 1,000 entries on 1,024 blocks take half a second.
    """
    terms = np.asarray(terms, dtype=np.float64)
    k, m = terms.shape
    if k == 2:
        p = pair_p(terms[0], terms[1], seed=seed)
        return np.array([[1.0, p], [p, 1.0]])
    size = np.abs(terms).max(initial=0.0)
    if k < 2 or size == 0:
        return np.ones((k, k))
    # A power of two changes no bit but the exponent: squares neither overflow nor vanish.
    terms = on_grid(np.ldexp(terms, -int(np.frexp(size)[1])))
    inverse = inverse_scales(terms)
    if m <= ALL_SIGNS_UP_TO:
        from deepdojo.scoring.few_rows import stepped_p

        return stepped_p(terms, inverse, level, seed)
    draws = draws or int(np.clip(4e7 // (m + k * k / 2), DRAWS, 9999))
    flipped = np.concatenate([terms @ signs.T for signs in drawn_signs(m, draws, seed)], axis=1)
    peaks = np.sort(largest(flipped, inverse)[0])
    total = terms.sum(axis=1)
    observed = np.abs(statistics(total[:, None] - total, inverse)).astype(np.float64)
    reached = draws - np.searchsorted(peaks, observed * TIE, "left")
    # The observed signs are one of the patterns: they count once more, so that no p is ever 0.
    return np.where(inverse > 0, (reached + 1) / (draws + 1), 1.0)


def statistics(apart: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Differences of sums and 1 / √Σ dᵢ² of the same shape -> T with its sign, float32: 4 MB for 1,000 entries."""
    return (apart * inverse).astype(np.float32)


def allowed_peaks(draws: int, level: float) -> int:
    """⌊level · (R + 1)⌋: a pair is significant when fewer flips than this reach its T. 0: R is too small for any."""
    return int(level * (draws + 1) + 1e-9)


def threshold(peaks: np.ndarray, level: float) -> float:
    """The T above which a pair's adjusted p is at most the level, given the (R,) largest T of each flip."""
    allowed = allowed_peaks(len(peaks), level)
    return float(np.partition(peaks, -allowed)[-allowed]) / TIE if allowed else float("inf")


def inverse_scales(terms: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """(k, m), (j, m) -> (k, j) 1 / √Σ dᵢ² of each pair, 0 where two entries are the same but for rounding (no 0/0).

    Rounded to float32, 4 MB for 1,000 entries: exact sums, one formula and one rounding give the same bits whether
    a board is computed at once or entry by entry.
    """
    others = terms if others is None else others
    own, theirs = np.einsum("km,km->k", terms, terms), np.einsum("km,km->k", others, others)
    found = np.empty((len(terms), len(others)), dtype=np.float32)
    for start in range(0, len(terms), 128):  # 128 rows of float64 at a time
        rows = slice(start, start + 128)
        squares = own[rows, None] + theirs[None] - 2 * (terms[rows] @ others.T)
        floor = np.maximum(2.0**-40 * np.maximum(own[rows, None], theirs[None]), 1e-60)
        found[rows] = np.where(squares > floor, 1 / np.sqrt(np.maximum(squares, floor)), 0.0)
    return found


def largest(flipped: np.ndarray, inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k, R) flipped sums -> (R,) the largest |T| over all pairs at each flip, and (R, 2) who has it (or -1)."""
    peaks, pairs = np.zeros(flipped.shape[1]), np.full((flipped.shape[1], 2), -1)
    buffer = np.empty_like(flipped)
    for a in range(len(flipped) - 1):
        raise_peaks(peaks, pairs, flipped[a + 1 :], flipped[a], inverse[a, a + 1 :], a, a + 1, buffer)
    return peaks, pairs


def raise_peaks(
    peaks: np.ndarray,
    pairs: np.ndarray,
    others: np.ndarray,
    flipped: np.ndarray,
    inverse: np.ndarray,
    number: int,
    first: int,
    buffer: np.ndarray,
) -> None:
    """Enter one entry's pairs with (j, R) `others`, numbered from `first`, into the peaks and who has them."""
    found = buffer[: len(others)]
    np.subtract(others, flipped, out=found)
    np.abs(found, out=found)
    np.multiply(found, inverse.astype(found.dtype)[:, None], out=found)
    best = found.max(axis=0, initial=0.0)
    higher = np.flatnonzero(best > peaks)
    if len(higher):
        peaks[higher] = best[higher]
        pairs[higher, 0], pairs[higher, 1] = number, first + found[:, higher].argmax(axis=0)


def all_signs(m: int) -> np.ndarray:
    """(2^(m-1), m) all patterns of ±1 but for mirror images, which give the same |T|; the first leaves all as it is."""
    return 1.0 - 2.0 * ((np.arange(1 << (m - 1))[:, None] >> np.arange(m)) & 1)


def drawn_signs(m: int, draws: int, seed: int | bytes) -> Iterator[np.ndarray]:
    """Chunks (≤ R, m) of random ±1 from SHAKE-256: those of one seed stay the same in every version of numpy."""
    head, size = seed_bytes(seed, "flips"), (m + 7) // 8
    chunk = max(1, _CHUNK_CELLS // m)
    for start in range(0, draws, chunk):
        rows = range(start, min(draws, start + chunk))
        drawn = b"".join(hashlib.shake_256(head + row.to_bytes(4, "big")).digest(size) for row in rows)
        bits = np.unpackbits(np.frombuffer(drawn, dtype=np.uint8).reshape(len(rows), size), axis=1, count=m)
        yield bits * 2.0 - 1.0
