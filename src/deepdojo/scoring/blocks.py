"""Rows as a board's test sees them: at most 1,024 blocks of rows an entry, rounded so that their sums are exact.

Legend: k entries, n rows, m units (rows, or groups of rows), b blocks ≤ 1,024.

What flips its sign need not be a row. Under the null hypothesis each row's difference of two entries is symmetric and
independent of the others', and so is the difference of any fixed block of rows, so blocks flip as validly as rows do.
Dealt at random into 1,024 blocks, the statistic loses what Student's t of 1,023 degrees of freedom loses against the
normal distribution (its 5 % point over 500,000 independent pairs moves from 5.33 to 5.37), and a board costs the same
for 10,000 rows as for 1,000,000: 4 KB an entry. Up to 1,024 units every unit is its own block and nothing is lost.

Exactness: an entry's blocks are rounded to 21 bits of its own largest one. Products of two such numbers, summed over
1,024 blocks, fit the 53 bits of a float64, so every sum is exact in whatever order it is taken: a board that was kept
entry by entry equals one computed from nothing, bit for bit, on every machine. Differences below a two-millionth of an
entry's largest block are rounding, not skill.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

__all__ = ["BLOCKS", "Blocks", "on_grid", "seed_bytes", "sums"]

BLOCKS = 1024
_BITS = 21  # 2 · 21 bits of a product + 10 of 1,024 terms = 52


@dataclass(frozen=True)
class Blocks:
    """Which rows flip together; the same for every entry of a board.

    Attributes:
        n: rows.
        index: (n,) the group of each row from 0, or None when every row stands for itself.
        seed: decides which units share a block, where there are more than 1,024.
    """

    n: int
    index: np.ndarray | None = None
    seed: int | bytes = 0
    _deal: np.ndarray | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_deal", _dealt(self.units, self.seed) if self.units > BLOCKS else None)

    @property
    def units(self) -> int:
        """Rows, or groups where there are groups."""
        return self.n if self.index is None else int(self.index.max()) + 1

    @property
    def count(self) -> int:
        """How many blocks flip."""
        return min(self.units, BLOCKS)

    def of(self, terms: np.ndarray) -> np.ndarray:
        """(k, n) pseudo-values -> (k, b) sums over the rows of each block; not yet rounded."""
        return sums(sums(terms, self.index), self._deal)


def sums(rows: np.ndarray, index: np.ndarray | None) -> np.ndarray:
    """(k, n) -> (k, G) sums over the rows of each group; the rows themselves where `index` is None."""
    if index is None:
        return rows
    return np.stack([np.bincount(index, weights=row) for row in rows])


def on_grid(blocks: np.ndarray) -> np.ndarray:
    """(k, b) -> the same, each entry rounded to multiples of 2⁻²¹ of the power of two above its largest block."""
    _, exponents = np.frexp(np.abs(blocks).max(axis=1, initial=0.0))
    scale = np.ldexp(1.0, _BITS - exponents)[:, None]
    return np.rint(blocks * scale) / scale


def seed_bytes(seed: int | bytes, what: str) -> bytes:
    """The beginning of everything that is drawn from a seed: SHAKE-256 of it is the same in every numpy."""
    told = seed if isinstance(seed, bytes) else str(int(seed)).encode()
    return b"deepdojo/" + what.encode() + b"/" + len(told).to_bytes(4, "big") + told


def _dealt(units: int, seed: int | bytes) -> np.ndarray:
    """(units,) block numbers: a random order dealt round, so that block sizes differ by one at most."""
    keys = np.frombuffer(hashlib.shake_256(seed_bytes(seed, "blocks")).digest(8 * units), dtype="<u8")
    found = np.empty(units, dtype=np.int64)
    found[np.argsort(keys, kind="stable")] = np.arange(units) % BLOCKS
    return found
