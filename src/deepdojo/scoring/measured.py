"""A metric's value as a function of row weights: interval, paired difference, influence are each a choice of weights.

Legend: n rows, R weightings (bootstrap draws), G groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.flips import group_sums, pair_p, pseudo_values
from deepdojo.scoring.formulas import expanded_tail, normal_cdf, normal_quantile, paired_proportions, wilson

__all__ = [
    "Difference",
    "Interval",
    "IntervalName",
    "Measured",
    "bootstrap_weights",
    "from_mean",
    "from_rate",
    "from_sums",
    "group_index",
    "influence_interval",
    "paired",
    "paired_influence",
]

IntervalName = Literal["wilson", "bootstrap", "cluster bootstrap", "normal", "none"]
Array = np.ndarray

_CHUNK_CELLS = 1 << 20  # 8 MB of weights at a time; 1,000 draws × 100,000 rows at once would be 763 MiB
_NORMAL_ABOVE_UNITS = 5_000  # from here on the bootstrap only repeats the normal interval, at 0.1 to 3 s a score
_RARE = 100  # unless so few rows stand behind the value (a rare class): the normal interval needs many


class Interval(NamedTuple):
    """Bounds and how they were found; "none" where the rows cannot tell (one row of an unbounded metric)."""

    low: float
    high: float
    name: IntervalName


class Difference(NamedTuple):
    """First minus second on the same n rows; `p` decides whether it is real, and the interval never contradicts it."""

    value: float
    low: float
    high: float
    p: float
    n: int


@dataclass(frozen=True)
class Measured:
    """One metric on one table of predictions.

    Attributes:
        value_at: (R, n) non-negative weights of the rows -> (R,) values; NaN where the metric is undefined.
        n: rows.
        proportion: the value is the mean of 0/1 (Wilson's interval, McNemar's test).
        losses: (n,) how bad each row is, larger = worse, for error lists; None: taken from the influence.
        influence_of: gives the (n,) influence; None: by finite differences, n + 1 weightings.
        bounds: the least and the greatest possible value; infinite where there is none.
        effective_n: how many rows stand behind a value at a bound, where that is fewer than n (a rare class).
        interval_of: (level, draws, seed, (n,) group numbers or None) -> bounds, where a metric has a way of its own.
        max_draws: fewer draws than asked for, where one is expensive.
        normal: a draw is dear and the rows many, so the interval is value ± z·sd(influence)/√n (DeLong's for AUC).
    """

    value_at: Callable[[Array], Array]
    n: int
    proportion: bool = False
    losses: Array | None = None
    influence_of: Callable[[], Array] | None = field(default=None, repr=False)
    bounds: tuple[float, float] = (-math.inf, math.inf)
    effective_n: int | None = None
    interval_of: Callable[[float, int, int, Array | None], tuple[float, float]] | None = field(default=None, repr=False)
    max_draws: int | None = None
    normal: bool = False

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ScoreError("there is no row to score", todo="the held-out part must have at least one row")

    def value(self) -> float:
        """The value with every row counted once."""
        return float(self.value_at(np.ones((1, self.n)))[0])

    def influence(self) -> Array:
        """n · ∂value/∂weight_i at equal weights, shape (n,), mean 0: how each row pulls the value.

        For a mean it is xᵢ - mean; value + influence are the pseudo-values that paired tests compare.
        """
        return self._influence.copy()

    @cached_property
    def _influence(self) -> Array:
        if self.influence_of is not None:
            return np.asarray(self.influence_of(), dtype=np.float64)
        return _numeric_influence(self.value_at, self.n)

    def draw(self, draws: int = 1000, seed: int = 0, groups: Array | None = None) -> Array:
        """(draws,) values of bootstrap resamples of rows, or of whole groups. The same seed gives the same weights."""
        draws = min(draws, self.max_draws or draws)
        weights = bootstrap_weights(self.n, draws, np.random.default_rng(seed), group_index(groups, self.n))
        return np.concatenate([self.value_at(w) for w in weights])

    def interval(
        self, level: float = 0.95, draws: int = 1000, seed: int = 0, groups: Array | None = None
    ) -> tuple[float, float]:
        """The interval's bounds; `estimate` says how they were found."""
        found = self.estimate(level, draws, seed, groups)
        return found.low, found.high

    def estimate(self, level: float = 0.95, draws: int = 1000, seed: int = 0, groups: Array | None = None) -> Interval:
        """The interval of the value over test rows, for this trained model.

        Wilson for proportions; else the bootstrap, cut where few units need it (`expanded_tail`) and corrected for bias
        and skewness (BCa, acceleration from the influence); groups are drawn whole. Above 5,000 units: value ±
        z·sd(influence)/√n, unless a class is rarer than 100 rows. A metric may have a way of its own (`interval_of`).

        Args:
            groups: (n,) the group of each row, or None; rows of one group are not independent.

        Source: Efron 1987, "Better Bootstrap Confidence Intervals"; Field and Welsh 2007 for clusters.
        """
        index = group_index(groups, self.n)
        value = self.value()
        if self.proportion and index is None:
            return Interval(*wilson(round(value * self.n), self.n, level), "wilson")
        units = self.n if index is None else int(index.max()) + 1
        if units < 2:
            return self._without_spread(value, units, level)
        name: IntervalName = "bootstrap" if index is None else "cluster bootstrap"
        if self.interval_of is not None and value > 0:
            return self._clip(*self.interval_of(level, draws, seed, index), value, name)
        many = units > _NORMAL_ABOVE_UNITS and (self.effective_n is None or self.effective_n >= _RARE)
        if many or self.normal:
            return self._normal(value, index, level)
        drawn = self.draw(draws, seed, groups)
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn) < 40 or np.ptp(drawn) <= 1e-12 * np.abs(drawn).max():
            return self._without_spread(value, units, level)
        low, high = self._cut(drawn, value, expanded_tail(level, units), index)
        return self._clip(low, high, value, name)

    def interval_name(self, groups: Array | None = None) -> IntervalName:
        """How `estimate` finds the bounds for rows that vary."""
        if group_index(groups, self.n) is not None:
            return "cluster bootstrap"
        return "wilson" if self.proportion else "bootstrap"

    def _cut(self, drawn: Array, value: float, z: float, index: Array | None) -> tuple[float, float]:
        pull = group_sums(self._influence[None], index)[0]
        spread = _length(pull)
        bend = float(((pull / spread) ** 3).sum()) / 6 if spread > 0 else 0.0
        below = (np.count_nonzero(drawn < value) + 0.5 * np.count_nonzero(drawn == value)) / len(drawn)
        shift = normal_quantile(min(max(below, 0.3), 0.7))  # beyond, the draws tell of ties and holes, not of bias
        ends = [shift + (shift + side) / max(0.2, 1 - bend * (shift + side)) for side in (-z, z)]
        low, high = np.quantile(drawn, [normal_cdf(end) for end in ends])
        return float(low), float(high)

    def _normal(self, value: float, index: Array | None, level: float) -> Interval:
        pull = group_sums(self._influence[None], index)[0]
        half = normal_quantile(0.5 + level / 2) * _length(pull) / self.n
        return (
            self._clip(value - half, value + half, value, "normal")
            if half > 0
            else self._without_spread(value, len(pull), level)
        )

    def _without_spread(self, value: float, units: int, level: float) -> Interval:
        """Every resample gives the same value. Between bounds: the range of as many 0/1 rows, all on one side."""
        least, greatest = self.bounds
        if math.isinf(least) or math.isinf(greatest):
            return Interval(value, value, "none")
        n = min(units, self.effective_n or units)
        share = (value - least) / (greatest - least)
        low, high = wilson(share * n, n, level)
        width = greatest - least
        return self._clip(least + width * low, least + width * high, value, "wilson")

    def _clip(self, low: float, high: float, value: float, name: IntervalName) -> Interval:
        """Inside the bounds, and never without the value itself."""
        least, greatest = self.bounds
        return Interval(min(max(low, least), value), max(min(high, greatest), value), name)


def from_mean(
    terms: Array, *, losses: Array | None = None, proportion: bool = False, bounds: tuple[float, float] | None = None
) -> Measured:
    """The weighted mean of the rows' own terms, shape (n,).

    Args:
        losses: default: the terms themselves.
    """
    terms = np.asarray(terms, dtype=np.float64)
    return Measured(
        lambda weights: weights @ terms / weights.sum(axis=1),
        len(terms),
        proportion=proportion,
        losses=terms if losses is None else losses,
        influence_of=lambda: terms - terms.mean(),
        bounds=bounds or (-math.inf, math.inf),
    )


def from_rate(amounts: Array, sizes: Array, *, losses: Array | None = None, upper: float = math.inf) -> Measured:
    """Σ wᵢ amountᵢ / Σ wᵢ sizeᵢ: what a unit of size costs, or how much of it is right; NaN where no size is weighed.

    Args:
        amounts, sizes: (n,), not negative; some size must be above 0.
        losses: default: each row's own amount for its size.
        upper: the highest that the rate can be.
    """
    amounts, sizes = np.asarray(amounts, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    rate = float(amounts.sum() / sizes.sum())

    def value_at(weights: Array) -> Array:
        whole = weights @ sizes
        return np.divide(weights @ amounts, whole, out=np.full(len(weights), np.nan), where=whole > 0)

    own = np.divide(amounts, sizes, out=amounts.copy(), where=sizes > 0)
    return Measured(
        value_at,
        len(amounts),
        losses=own if losses is None else losses,
        influence_of=lambda: (amounts - rate * sizes) / sizes.mean(),
        bounds=(0.0, upper),
    )


def from_sums(
    stats: Array, value: Callable[[Array], Array], *, losses: Array | None = None, **options: object
) -> Measured:
    """A metric that depends on sums over rows only: value_at(w) = value(w @ stats).

    Args:
        stats: (n, k) per-row statistics.
        value: (R, k) sums -> (R,) values, smooth: the influence takes central differences in the k sums.
        options: other attributes of `Measured`.
    """
    stats = np.asarray(stats, dtype=np.float64)

    def influence() -> Array:
        total = stats.sum(axis=0)
        steps = 1e-5 * np.maximum(np.abs(total), np.abs(stats).sum(axis=0)) + 1e-300
        slopes = (value(total + np.diag(steps)) - value(total - np.diag(steps))) / (2 * steps)
        pull = len(stats) * (stats @ np.where(np.isfinite(slopes), slopes, 0.0))
        return pull - pull.mean()

    return Measured(lambda w: value(w @ stats), len(stats), losses=losses, influence_of=influence, **options)  # type: ignore[arg-type]


def paired(
    a: Measured,
    b: Measured,
    *,
    groups: Array | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Difference:
    """a - b on the same rows, with its interval and two-sided p.

    p: the sign-flip test of `deepdojo.scoring.flips` on the rows' pseudo-values (groups flip whole); for proportions
    the exact McNemar test. Interval: Bonett and Price for proportions, else the bootstrap with the same draws for both.
    """
    if a.n != b.n:
        raise ScoreError(
            f"{a.n} and {b.n} rows cannot be paired", todo="compare entries that were scored on the same rows"
        )
    terms = pseudo_values(np.array([a.value(), b.value()]), np.stack([a.influence(), b.influence()]))
    both = Measured(
        lambda w: a.value_at(w) - b.value_at(w),
        a.n,
        influence_of=lambda: (terms[0] - terms[0].mean()) - (terms[1] - terms[1].mean()),
        max_draws=a.max_draws or b.max_draws,
    )
    return _difference(terms, both, groups, level, draws, seed)


def paired_influence(
    a: Array,
    b: Array,
    value_a: float,
    value_b: float,
    *,
    groups: Array | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Difference:
    """`paired` where only the values and the (n,) influences are at hand (rows.parquet).

    The same p; the interval of the linearised difference, which is the difference itself where the metric is a mean.
    """
    if np.shape(a) != np.shape(b):
        raise ScoreError(f"{np.size(a)} and {np.size(b)} rows cannot be paired")
    terms = pseudo_values(np.array([value_a, value_b]), np.stack([np.asarray(a), np.asarray(b)]))
    return _difference(terms, from_mean(terms[0] - terms[1]), groups, level, draws, seed)


def _difference(terms: Array, both: Measured, groups: Array | None, level: float, draws: int, seed: int) -> Difference:
    index = group_index(groups, both.n)
    p = pair_p(*group_sums(terms, index), seed=seed)
    value = both.value()
    if index is None and np.all(np.minimum(np.abs(terms), np.abs(terms - 1)) < 1e-9):
        wins = int(np.count_nonzero(terms[0] - terms[1] > 0.5))
        losses = int(np.count_nonzero(terms[1] - terms[0] > 0.5))
        low, high = paired_proportions(wins, losses, both.n, level)
    else:
        low, high, _ = both.estimate(level, draws, seed, groups)
    if p > 1 - level:  # the test is exact, the interval a little less so: they must not tell two stories
        low, high = min(low, 0.0), max(high, 0.0)
    elif value > 0:
        low = max(low, 0.0)
    else:
        high = min(high, 0.0)
    return Difference(value, min(low, value), max(high, value), p, both.n)


def influence_interval(value: float, influence: Array, *, index: Array | None = None, level: float = 0.95) -> Interval:
    """The interval where only the value and the (n,) influence are at hand: Wilson for 0/1 rows, else the normal one.

    Args:
        index: (n,) group numbers from 0; then the groups' sums vary, not the rows.
    """
    influence = np.asarray(influence, dtype=np.float64)
    terms = influence + value
    if index is None and np.all(np.minimum(np.abs(terms), np.abs(terms - 1)) < 1e-9):
        return Interval(*wilson(round(float(terms.sum())), len(terms), level), "wilson")
    half = normal_quantile(0.5 + level / 2) * _length(group_sums(influence[None], index)[0]) / len(influence)
    return Interval(value - half, value + half, "normal" if half > 0 else "none")


def group_index(groups: Array | None, n: int) -> Array | None:
    """(n,) group numbers from 0, or None when no two rows share a group (then rows are independent after all)."""
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != (n,):
        raise ScoreError(f"there are {groups.size} groups for {n} rows")
    names, index = np.unique(groups, return_inverse=True)
    return None if len(names) == n else index


def bootstrap_weights(n: int, draws: int, rng: np.random.Generator, index: Array | None = None) -> Iterator[Array]:
    """Bootstrap counts in chunks (≤ R, n): how often each row, or its whole group, was drawn with replacement."""
    units = n if index is None else int(index.max()) + 1
    chunk = max(1, _CHUNK_CELLS // n)
    for start in range(0, draws, chunk):
        r = min(chunk, draws - start)
        picks = rng.integers(units, size=(r, units), dtype=np.int64)
        picks += np.arange(r)[:, None] * units
        counts = np.bincount(picks.ravel(), minlength=r * units).reshape(r, units).astype(np.float64)
        yield counts if index is None else counts[:, index]


def _length(pull: Array) -> float:
    """√Σ pull², also where the squares alone would overflow."""
    size = float(np.abs(pull).max())
    return size * float(np.linalg.norm(pull / size)) if 0 < size < math.inf else size


def _numeric_influence(value_at: Callable[[Array], Array], n: int) -> Array:
    """Central differences in every weight, in chunks."""
    step, pull = 1e-4, np.empty(n)
    chunk = max(1, _CHUNK_CELLS // n)
    for start in range(0, n, chunk):
        rows = np.arange(start, min(n, start + chunk))
        moved = np.ones((len(rows), n))
        moved[np.arange(len(rows)), rows] += step
        up = value_at(moved)
        moved[np.arange(len(rows)), rows] -= 2 * step
        pull[rows] = n * (up - value_at(moved)) / (2 * step)
    return pull - pull.mean()
