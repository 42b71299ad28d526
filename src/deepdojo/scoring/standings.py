"""Ranks and intervals of a big board, kept entry by entry: the rule of `ranking.ranks`, 1,000 entries × any rows.

Legend: k entries, n rows, b ≤ 1,024 blocks of them (`blocks`), R sign flips.

What is kept: each entry's blocks (k, b), their sums under the R flips (k, R), 1 / √Σ dᵢ² of all pairs (k, k) and, for
each flip, the largest |T| over all pairs with a pair that has it: 16 MB for 1,000 entries, whatever n. A new entry adds
k pairs: O(k·b + k·R). A removed one takes its pairs along: where it held the largest |T| of a flip, that flip's value
is an upper bound until somebody needs it. The ranks need only the ⌊level·(R + 1)⌋th largest of the R values, so the
flips are looked at from the top and computed anew, O(k²) each, only where a bound stands among those few. A board from
nothing takes the same way: bounds of all R in float32 first, then the few that count.

All sums are exact (`blocks`), hence a board kept through any additions, replacements and removals equals the one
computed from its entries alone, bit for bit; `audit` says so of a given one.

Boards of at most 12 units (`few_rows`) and of two entries are small enough to be computed anew each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.blocks import Blocks, on_grid
from deepdojo.scoring.flips import (
    ALL_SIGNS_UP_TO,
    DRAWS,
    allowed_peaks,
    drawn_signs,
    inverse_scales,
    largest,
    pairwise_p,
    pseudo_values,
    raise_peaks,
    statistics,
    threshold,
)
from deepdojo.scoring.measured import group_index, influence_interval

__all__ = ["Standing", "Standings"]

_LARGEST = 1e30  # beyond, squares leave the float32 range
_AT_ONCE = 4  # a board of which more than a quarter is new is computed anew


class Standing(NamedTuple):
    """One row of a board: rank, value, 95 % interval."""

    rank: int
    value: float
    low: float
    high: float


class Standings:
    """A board that entries join, replace and leave. Not for several threads at once.

    Args:
        n: rows of the hidden part that is ranked.
        groups: (n,) the group of each row; whole groups flip.
        seed: of flips and blocks, kept with the competition: the same entries with the same seed have the same ranks.
        level: familywise chance of any false "better" on the board.
        draws: sign flips, R.

    Example:
        board = Standings(10_000, higher_is_better=True, seed=key)
        board.put("ada", score.value, score.influence, (score.low, score.high))
        board.ranks()   # {"ada": 1}
    """

    def __init__(
        self,
        n: int,
        *,
        higher_is_better: bool,
        groups: np.ndarray | None = None,
        seed: int | bytes = 0,
        level: float = 0.05,
        draws: int = DRAWS,
    ) -> None:
        if n < 1 or draws < 1 or not 0 < level < 1:
            raise ScoreError(f"a board needs rows, flips and a level between 0 and 1, not {n}, {draws} and {level}")
        self.n, self.higher_is_better, self.seed, self.level, self.draws = n, higher_is_better, seed, level, draws
        self.index = group_index(groups, n)
        self.blocks = Blocks(n, self.index, seed)
        self._signs = np.concatenate(list(drawn_signs(self.blocks.count, draws, seed))).T.copy()  # (b, R)
        self._slots: dict[str, int] = {}  # name -> row of the arrays
        self._pending: set[int] = set()  # rows whose pairs are not in the peaks yet
        self._spread(0)
        self._peaks, self._pairs = np.zeros(draws), np.full((draws, 2), -1)
        self._stale = np.zeros(draws, dtype=bool)  # the peak is an upper bound only

    # ---- entries ----

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, name: object) -> bool:
        return name in self._slots

    @property
    def names(self) -> list[str]:
        """In no order that means anything."""
        return list(self._slots)

    def put(self, name: str, value: float, influence: np.ndarray, interval: tuple[float, float] | None = None) -> None:
        """Add an entry, or replace the one of that name.

        Args:
            influence: (n,) per-row influence on the value, in the order of the board's rows.
            interval: its bounds, as the score has them; default: `measured.influence_interval`.

        Raises:
            ScoreError: another number of rows; a value or an influence that is not finite or beyond 1e30.
        """
        self.put_packed(name, value, self.pack(value, influence), interval or self._interval(value, influence))

    def pack(self, value: float, influence: np.ndarray) -> np.ndarray:
        """(b,) float32: all that the board needs of an entry, at most 4 KB; keep it with the submission."""
        influence = np.asarray(influence, dtype=np.float64)
        if influence.shape != (self.n,):
            raise ScoreError(f"an entry with {influence.size} rows cannot join a board of {self.n}")
        blocks = self.blocks.of(pseudo_values(np.array([value]), influence[None]))
        if np.abs(blocks).max() > _LARGEST:
            raise ScoreError(f"an entry's rows reach {np.abs(blocks).max():.3g}", todo="look for extreme predictions")
        return on_grid(np.where(np.abs(blocks) < 1 / _LARGEST, 0.0, blocks))[0].astype(np.float32)

    def put_packed(self, name: str, value: float, packed: np.ndarray, interval: tuple[float, float]) -> None:
        """`put` from what `pack` gave."""
        packed = np.asarray(packed, dtype=np.float64)
        if packed.shape != (self.blocks.count,) or not np.isfinite([value, *interval, packed.sum()]).all():
            raise ScoreError(f"entry {name!r} is not {self.blocks.count} finite blocks with a finite value")
        if name in self._slots:
            self._release(name)
        slot = self._free.pop() if self._free else self._grow()
        self._slots[name] = slot
        self._pending.add(slot)
        self._terms[slot] = packed
        self._totals[slot] = packed.sum()
        self._values[slot] = (value, *interval)

    def remove(self, name: str) -> None:
        """Take an entry off the board.

        Raises:
            ScoreError: there is none of that name.
        """
        if name not in self._slots:
            raise ScoreError(f"there is no entry {name!r} on the board")
        self._release(name)

    # ---- what the board says ----

    def ranks(self) -> dict[str, int]:
        """Rank = 1 + the number of entries that are significantly better, of every entry."""
        names, slots = list(self._slots), self._alive()
        self._settle()
        values = self._values[slots, 0] * (1 if self.higher_is_better else -1)
        if len(slots) == 2 or self._few:
            beats = (pairwise_p(self._terms[slots], seed=self.seed, level=self.level) <= self.level) & (
                values[:, None] > values[None]
            )
            return dict(zip(names, (1 + beats.sum(axis=0)).tolist(), strict=True))
        beats = self._statistics > _at_most_float32(self._threshold())
        return dict(zip(names, (1 + np.count_nonzero(beats, axis=0)[slots]).tolist(), strict=True))

    def table(self) -> dict[str, Standing]:
        """Rank, value and interval of every entry, best value first."""
        ranks = self.ranks()
        sign = -1 if self.higher_is_better else 1
        order = sorted(self._slots, key=lambda name: (ranks[name], sign * self._values[self._slots[name], 0]))
        return {name: Standing(ranks[name], *self._values[self._slots[name]].tolist()) for name in order}

    def packed(self, name: str) -> np.ndarray:
        """(b,) float32, as `pack` gave it."""
        return self._terms[self._slots[name]].astype(np.float32)

    def audit(self) -> bool:
        """Whether everything that is kept equals what the entries alone give, bit for bit. Half a second for 1,000."""
        self._settle()
        if self._few or len(self._slots) < 2:
            return True
        slots = self._alive()
        inverse = inverse_scales(self._terms[slots])
        peaks, _ = largest(self._terms[slots] @ self._signs, inverse)
        same = np.array_equal(self._inverse[np.ix_(slots, slots)], inverse)
        exact = np.array_equal(np.where(self._stale, peaks, self._peaks), peaks)
        return same and exact and bool((self._peaks >= peaks).all())

    def state(self) -> dict[str, Any]:
        """What `standings_file` stores, entries numbered in the order of `names`."""
        self._settle()
        slots = self._alive()
        number = np.full(len(self._values) + 1, -1)
        number[slots] = np.arange(len(slots))
        return {
            "names": list(self._slots), "values": self._values[slots], "terms": self._terms[slots].astype(np.float32),
            "peaks": self._peaks, "pairs": np.where(self._pairs < 0, -1, number[self._pairs]), "stale": self._stale,
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> bool:
        """Fill an empty board from what `state` gave; False where the largest statistics are not those of its entries.

        Raises:
            ValueError: shapes that do not go together.
        """
        names, k, shapes = list(state["names"]), len(state["names"]), ((self.draws,), (self.draws, 2), (self.draws,))
        if len(set(names)) != k or tuple(np.shape(state[name]) for name in ("peaks", "pairs", "stale")) != shapes:
            raise ValueError("names or flips do not fit")
        for name, values, terms in zip(names, state["values"], state["terms"], strict=True):
            self.put_packed(str(name), float(values[0]), terms, (float(values[1]), float(values[2])))
        if self._few or not k:
            return True
        slots = self._alive()
        pairs = np.asarray(state["pairs"], dtype=np.int64)
        if pairs.min() < -1 or pairs.max() >= k:
            raise ValueError("a pair of entries that are not there")
        self._relate()
        self._pending.clear()
        self._peaks, self._stale = np.array(state["peaks"], dtype=np.float64), np.array(state["stale"], dtype=bool)
        self._pairs = np.where(pairs < 0, -1, slots[pairs])
        first, second = self._pairs.T
        flips = np.arange(self.draws)
        found = np.abs(self._flipped[second, flips] - self._flipped[first, flips]) * self._inverse[first, second]
        exact = ~self._stale & (self._pairs >= 0).all(axis=1)
        empty = ~self._stale & ~exact
        return np.array_equal(found[exact], self._peaks[exact]) and not self._peaks[empty].any()

    # ---- how it is kept ----

    @property
    def _few(self) -> bool:
        return self.blocks.count <= ALL_SIGNS_UP_TO

    def _alive(self) -> np.ndarray:
        return np.fromiter(self._slots.values(), dtype=np.int64, count=len(self._slots))

    def _interval(self, value: float, influence: np.ndarray) -> tuple[float, float]:
        return influence_interval(value, influence, index=self.index)[:2]

    def _spread(self, size: int) -> None:
        """Arrays of `size` rows; a row that no entry has is zero, and so are its pairs."""
        self._terms, self._flipped = np.zeros((size, self.blocks.count)), np.zeros((size, self.draws))
        self._inverse = np.zeros((size, size), dtype=np.float32)
        self._statistics = np.zeros((size, size), dtype=np.float32)  # T where the row's value is better, else -T or 0
        self._values, self._totals = np.zeros((size, 3)), np.zeros(size)
        self._free = list(range(size))[::-1]

    def _grow(self) -> int:
        old, size = len(self._values), max(16, len(self._values) * 5 // 4)
        terms, flipped, inverse, values = self._terms, self._flipped, self._inverse, self._values
        kept, totals = self._statistics, self._totals
        self._spread(size)
        self._terms[:old], self._flipped[:old], self._values[:old], self._totals[:old] = terms, flipped, values, totals
        self._inverse[:old, :old], self._statistics[:old, :old] = inverse, kept
        self._free = list(range(old, size))[::-1]
        return self._free.pop()

    def _release(self, name: str) -> None:
        slot = self._slots.pop(name)
        self._free.append(slot)
        self._pending.discard(slot)
        self._terms[slot], self._flipped[slot] = 0, 0
        self._inverse[slot], self._inverse[:, slot] = 0, 0
        self._statistics[slot], self._statistics[:, slot] = 0, 0
        self._stale |= (self._pairs == slot).any(axis=1)

    def _settle(self) -> None:
        """Bring the pairs of new entries in."""
        if self._few or not self._pending:
            return
        if len(self._pending) * _AT_ONCE > len(self._slots):
            self._anew()
        else:
            for slot in sorted(self._pending):
                self._enter(slot)
        self._pending.clear()

    def _anew(self) -> None:
        """All peaks as upper bounds, in float32 at half the cost; `_threshold` computes the few that count exactly."""
        slots, inverse = self._relate()
        flipped = self._flipped[slots].astype(np.float32)
        peaks, pairs = largest(flipped, inverse)
        # Rounding two sums, their difference and its product: at most 2⁻²³ of the largest of them, taken twice.
        reach = np.abs(flipped).max(axis=0, initial=0.0).astype(np.float64)
        slack = 2.0**-22 * (reach * float(inverse.max(initial=0.0)) + peaks)
        self._peaks, self._stale = peaks + slack, np.ones(self.draws, dtype=bool)
        self._pairs = np.where(pairs < 0, -1, slots[pairs])

    def _relate(self) -> tuple[np.ndarray, np.ndarray]:
        """Everything that is kept of the entries and their pairs, but for the peaks."""
        slots = self._alive()
        self._flipped[slots] = self._terms[slots] @ self._signs
        inverse = inverse_scales(self._terms[slots])
        self._inverse[np.ix_(slots, slots)] = inverse
        for slot, row in zip(slots, inverse, strict=True):
            self._statistics[slot, slots] = self._compared(slot, slots, row)
        return slots, inverse

    def _enter(self, slot: int) -> None:
        size = len(self._values)
        self._flipped[slot] = self._terms[slot] @ self._signs
        inverse = inverse_scales(self._terms[slot : slot + 1], self._terms)[0]
        taken = np.zeros(size, dtype=bool)
        taken[list(self._slots.values())] = True
        taken[list(self._pending)] = False  # those enter later, and pair with this one then
        self._pending.discard(slot)
        inverse[~taken] = 0
        self._inverse[slot], self._inverse[:, slot] = inverse, inverse
        compared = self._compared(slot, slice(None), inverse)
        self._statistics[slot], self._statistics[:, slot] = compared, -compared
        before = self._peaks.copy()
        buffer = np.empty_like(self._flipped)
        raise_peaks(self._peaks, self._pairs, self._flipped, self._flipped[slot], inverse, slot, 0, buffer)
        self._stale &= self._peaks == before  # above an upper bound of all others a new value is exact

    def _compared(self, slot: int, others: np.ndarray | slice, inverse: np.ndarray) -> np.ndarray:
        """T of one entry with others, positive where this one's value is better."""
        found = np.abs(statistics(self._totals[others] - self._totals[slot], inverse))
        ahead = np.sign(self._values[slot, 0] - self._values[others, 0]).astype(np.float32)
        return found * (ahead if self.higher_is_better else -ahead)

    def _threshold(self) -> float:
        """The critical T, exact: bounds among the flips that decide it are computed."""
        allowed = allowed_peaks(self.draws, self.level)
        while allowed and self._stale.any():
            top = np.argpartition(-self._peaks, allowed - 1)[:allowed]
            wrong = top[self._stale[top]]
            if not len(wrong):
                break
            for flip in wrong:
                self._peaks[flip], self._pairs[flip] = _largest_of_one(self._flipped[:, flip].copy(), self._inverse)
            self._stale[wrong] = False
        return threshold(self._peaks, self.level)


def _largest_of_one(flipped: np.ndarray, inverse: np.ndarray) -> tuple[float, tuple[int, int]]:
    """`flips.largest` of a single flip, (k,) sums: the same bits, but whole rows of pairs at a time."""
    peak, pair = 0.0, (-1, -1)
    for start in range(0, len(flipped), 64):
        found = np.abs(flipped[start:] - flipped[start : start + 64, None])
        found *= inverse[start : start + 64, start:]
        row, column = divmod(int(found.argmax()), found.shape[1])
        if found[row, column] > peak:
            peak, pair = float(found[row, column]), (start + row, start + column)
    return peak, pair


def _at_most_float32(value: float) -> np.float32:
    """The largest float32 that is not above the value: a float32 exceeds one exactly when it exceeds the other."""
    near = np.float32(value)
    return near if near <= value else np.nextafter(near, np.float32(-np.inf))
