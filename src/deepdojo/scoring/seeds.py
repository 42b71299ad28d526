"""Several trainings of one recipe: their mean, and whether two recipes differ, over rows and over seeds.

Legend: n rows, S seeds, R resamples of rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.flips import group_sums
from deepdojo.scoring.formulas import t_two_sided_p, t_two_sided_quantile
from deepdojo.scoring.measured import Measured, bootstrap_weights, from_mean, group_index, paired

__all__ = ["SeedsDifference", "mean_measured", "paired_seeds", "spread"]

Array = np.ndarray
_LINEAR_ABOVE_UNITS = 50_000  # as for intervals: from here on resampling only repeats the linear answer


class SeedsDifference(NamedTuple):
    """First minus second, each the mean of its seeds, on the same n rows.

    Attributes:
        rows_sd: how much of the difference's standard error the choice of rows makes.
        seeds_sd: how much the choice of seeds makes; None where both sides have one training, which cannot tell.
    """

    value: float
    low: float
    high: float
    p: float
    n: int
    rows_sd: float
    seeds_sd: float | None


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation over seeds (n - 1 in the denominator); None for one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def mean_measured(parts: Sequence[Measured]) -> Measured:
    """The mean over trainings as a function of row weights: its losses and influence are the rows' means over seeds.

    One part is given back as it is, with its own interval.
    """
    if len(parts) == 1:
        return parts[0]
    if len({part.n for part in parts}) != 1:
        raise ScoreError(f"trainings with {sorted({part.n for part in parts})} rows have no common mean")
    losses = [part.losses for part in parts]
    draws = [part.max_draws for part in parts if part.max_draws]
    return Measured(
        lambda weights: np.mean([part.value_at(weights) for part in parts], axis=0),
        parts[0].n,
        losses=None if any(loss is None for loss in losses) else np.mean(np.stack(losses), axis=0),  # type: ignore[arg-type]
        influence_of=lambda: np.mean([part.influence() for part in parts], axis=0),
        bounds=parts[0].bounds,
        effective_n=parts[0].effective_n,
        max_draws=min(draws) if draws else None,
        normal=any(part.normal for part in parts),
    )


def paired_seeds(
    a: Sequence[Measured],
    b: Sequence[Measured],
    *,
    groups: Array | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> SeedsDifference:
    """mean(a) - mean(b) with the uncertainty of both choices that could have been others: the rows and the seeds.

    Rows (or whole groups) are resampled R times, the same ones for all trainings. The spread of the mean difference
    over them is the rows' part, V_r. Drawing S seeds anew varies a side's mean by s²/S, s² being the variance of its
    seeds' values; of that, e²/S is the noise of rows × seeds, which V_r holds already (e²: how much the seeds'
    distances from their mean vary over the resamples), so the seeds' part is V_s = max(0, s² - e²)/S a side.

        standard error² = V_r + V_s(a) + V_s(b);   t with Satterthwaite's degrees of freedom, s²/S uncorrected in them

    The p is the larger one of this and of the exact paired test over rows (`measured.paired`): a difference is real
    when neither another choice of rows nor one of seeds explains it. A side with one training stands for that training
    as it is; with one on both sides the result is `paired`.

    Source: Bouthillier et al. 2021, "Accounting for Variance in Machine Learning Benchmarks" (both sources count);
    Owen 2007, "The pigeonhole bootstrap" (crossed resampling counts the interaction more than once); Satterthwaite
    1946. `tests/scoring/test_seeds.py` holds its false alarms to at most 5 % plus what its draws allow.
    """
    first, second = mean_measured(a), mean_measured(b)
    rows = paired(first, second, groups=groups, level=level, draws=draws, seed=seed)
    index = group_index(groups, first.n)
    units = first.n if index is None else int(index.max()) + 1
    if len(a) == len(b) == 1:
        pull = group_sums((first.influence() - second.influence())[None], index)[0]
        return SeedsDifference(*rows, rows_sd=float(np.linalg.norm(pull)) / first.n, seeds_sd=None)
    many = [[_resampled(part, units) for part in side] for side in (a, b)]
    drawn: list[list[Array]] = [[], []]
    limits = [part.max_draws for side in many for part in side if part.max_draws]
    rng = np.random.default_rng(seed)
    for weights in bootstrap_weights(first.n, min([draws, *limits]), rng, index):
        for k, side in enumerate(many):
            drawn[k].append(np.stack([part.value_at(weights) for part in side]))
    over = [np.concatenate(parts, axis=1) for parts in drawn]  # (S, R) each
    difference = over[0].mean(axis=0) - over[1].mean(axis=0)
    row_variance = _variance(difference) * units / max(units - 1, 1)
    raw, pure = zip(*(_seed_variance(side, values) for side, values in zip((a, b), over, strict=True)), strict=True)
    variance = row_variance + sum(pure)
    freedom = _freedom(variance, [(row_variance, units - 1), (raw[0], len(a) - 1), (raw[1], len(b) - 1)])
    error = math.sqrt(variance)
    p = t_two_sided_p(rows.value / error, freedom) if error > 0 else 1.0
    p, half = max(p, rows.p), t_two_sided_quantile(level, freedom) * error
    low, high = min(rows.low, rows.value - half), max(rows.high, rows.value + half)
    if p <= 1 - level:  # the interval never contradicts the p
        low, high = (max(low, 0.0), high) if rows.value > 0 else (low, min(high, 0.0))
    elif not low <= 0 <= high:
        low, high = min(low, 0.0), max(high, 0.0)
    return SeedsDifference(
        rows.value, low, high, p, rows.n, rows_sd=math.sqrt(row_variance), seeds_sd=math.sqrt(sum(pure))
    )


def _resampled(part: Measured, units: int) -> Measured:
    """The metric itself, or its linear form where a draw is dear or the rows are many."""
    if part.normal or units > _LINEAR_ABOVE_UNITS:
        return from_mean(part.value() + part.influence())
    return part


def _seed_variance(side: Sequence[Measured], drawn: Array) -> tuple[float, float]:
    """(s²/S, max(0, s² - e²)/S) of one side; zeros for one training.

    Args:
        drawn: (S, R) the values of its seeds at each resample of the rows.
    """
    seeds = len(side)
    if seeds == 1:
        return 0.0, 0.0
    own = float(np.var([part.value() for part in side], ddof=1))
    apart = drawn - drawn.mean(axis=0)
    noise = float(np.mean([_variance(row) for row in apart])) * seeds / (seeds - 1)
    return own / seeds, max(0.0, own - noise) / seeds


def _variance(values: Array) -> float:
    """Over the resamples on which the metric is defined."""
    finite = values[np.isfinite(values)]
    return float(np.var(finite)) if len(finite) > 1 else 0.0


def _freedom(variance: float, parts: Sequence[tuple[float, int]]) -> float:
    """Satterthwaite: V² / Σ Vᵢ² / dfᵢ, at least 1."""
    below = sum(part * part / df for part, df in parts if df > 0)
    return max(1.0, variance * variance / below) if below > 0 else 1e9
