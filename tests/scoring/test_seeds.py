"""Means over seeds, and the comparison over rows and seeds: against scipy, the plain paired test, and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from deepdojo.errors import ScoreError
from deepdojo.scoring.formulas import t_two_sided_p, t_two_sided_quantile
from deepdojo.scoring.measured import Measured, from_mean, paired
from deepdojo.scoring.metrics import METRICS
from deepdojo.scoring.seeds import mean_measured, paired_seeds, spread


@pytest.mark.parametrize(
    ("t", "df"), list(itertools.product((0.0, 0.01, -0.7, 2.0, 5.5, 40.0), (1, 1.37, 2, 5.5, 31, 1e4, 1e9)))
)
def test_students_tails(t: float, df: float) -> None:
    assert t_two_sided_p(t, df) == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-9, abs=1e-12 if df < 1e6 else 1e-7)


@pytest.mark.parametrize("df", [1, 1.5, 2, 7.3, 200])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_students_quantiles(level: float, df: float) -> None:
    assert t_two_sided_quantile(level, df) == pytest.approx(stats.t.ppf(0.5 + level / 2, df), rel=1e-9)


def test_the_mean_is_the_mean_at_any_weights() -> None:
    rng = np.random.default_rng(0)
    truth = [str(v) for v in rng.integers(3, size=97)]
    parts = [METRICS["macro_f1"](truth, [str(v) for v in rng.integers(3, size=97)]) for _ in range(4)]
    mean = mean_measured(parts)
    weights = rng.integers(0, 4, size=(5, 97)).astype(float)
    np.testing.assert_allclose(mean.value_at(weights), np.mean([p.value_at(weights) for p in parts], axis=0))
    np.testing.assert_allclose(mean.influence(), np.mean([p.influence() for p in parts], axis=0))
    low, high = mean.interval()
    assert low < mean.value() < high
    assert mean_measured(parts[:1]) is parts[0]
    with pytest.raises(ScoreError, match="no common mean"):
        mean_measured([parts[0], from_mean(np.ones(3))])


def test_spread() -> None:
    assert spread([0.5]) is None
    assert spread([0.5, 0.7, 0.9]) == pytest.approx(0.2)


def right(p: np.ndarray, rng: np.random.Generator) -> Measured:
    return from_mean((rng.random(len(p)) < p).astype(float), proportion=True, bounds=(0.0, 1.0))


def test_one_training_a_side_is_the_paired_test() -> None:
    rng = np.random.default_rng(1)
    a, b = right(np.full(83, 0.8), rng), right(np.full(83, 0.6), rng)
    groups = np.arange(83) // 4
    for g in (None, groups):
        assert paired_seeds([a], [b], groups=g)[:5] == paired(a, b, groups=g)
        assert paired_seeds([a], [b], groups=g).seeds_sd is None


def test_parts_of_the_variance_are_those_of_the_analysis_of_variance() -> None:
    """Means of losses: rows and seeds are a two-way table, whose components have closed forms."""
    rng, n, s = np.random.default_rng(2), 211, 5
    rows, seeds = rng.normal(0, 1, n), rng.normal(0, 0.3, (s, 1))
    y = rows + seeds + rng.normal(0, 0.5, (s, n))
    z = rng.normal(0, 1, n)
    found = paired_seeds([from_mean(v) for v in y], [from_mean(z)], draws=20_000)
    assert found.value == pytest.approx(y.mean() - z.mean())
    assert found.rows_sd == pytest.approx(np.std(y.mean(axis=0) - z, ddof=1) / math.sqrt(n), rel=0.03)
    residual = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
    noise = (residual**2).sum() / ((n - 1) * (s - 1)) / n
    assert found.seeds_sd == pytest.approx(math.sqrt((np.var(y.mean(axis=1), ddof=1) - noise) / s), rel=0.03)


def test_seeds_that_disagree_take_a_difference_away_that_rows_alone_would_call_real() -> None:
    rng, n = np.random.default_rng(3), 2000
    y = np.array([[0.3], [-0.25], [0.35]]) + rng.normal(0, 0.5, (3, n))
    a, b = [from_mean(v) for v in y], [from_mean(rng.normal(0, 0.5, n))]
    assert paired(mean_measured(a), b[0]).p < 0.001
    found = paired_seeds(a, b)
    assert found.p > 0.3
    assert found.low < 0 < found.high
    steady = paired_seeds([from_mean(v) for v in y - y.mean(axis=1, keepdims=True) + 0.14], b)
    assert steady.p < 0.001
    assert 0 < steady.low < steady.high


def test_equal_trainings_differ_by_nothing() -> None:
    same = [from_mean(np.arange(20.0)) for _ in range(3)]
    found = paired_seeds(same, same)
    assert (found.value, found.p) == (0.0, 1.0)
    assert found.low <= 0 <= found.high


# Two recipes that are equal in the mean: rows on which they differ, seeds that are better or worse than others, and
# both together at random. What the comparison calls real must be at most 5 %; the bound adds 3.3 standard errors of so
# many draws (false-alarm probability of a case about 1 in 2,000).
CASES = {
    "rows differ": (1.0, 0.0, 0.0), "rows and noise": (1.0, 0.0, 1.0), "only noise": (0.0, 0.0, 1.0),
    "seeds as large as rows": (1.0, 1.0, 0.3), "small seeds": (1.0, 0.5, 0.5), "large seeds": (0.3, 4.0, 0.3),
}  # fmt: skip


def false_alarms(case: str, seeds: int, repetitions: int, *, n: int = 120) -> tuple[float, float]:
    """Shares of p < 0.05: over rows and seeds, and over rows alone."""
    over_rows, over_seeds, noise = CASES[case]
    rng, both, rows_only = np.random.default_rng(seeds), 0, 0
    for _ in range(repetitions):
        hard = rng.normal(0, over_rows, n)
        scale = over_seeds * math.sqrt(seeds / n / 2)
        sides = [
            [from_mean(row) for row in base + rng.normal(0, scale, (seeds, 1)) + rng.normal(0, noise, (seeds, n))]
            for base in (hard, np.zeros(n))
        ]
        found = paired_seeds(*sides, draws=200)
        both += found.p < 0.05
        rows_only += paired(*(mean_measured(side) for side in sides), draws=50).p < 0.05
    return both / repetitions, rows_only / repetitions


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("case", CASES)
def test_false_alarms(case: str, seeds: int) -> None:
    repetitions = 1000
    both, _ = false_alarms(case, seeds, repetitions)
    assert both <= 0.05 + 3.3 * math.sqrt(0.05 * 0.95 / repetitions)


def test_seeds_of_the_size_of_rows_fool_a_test_of_rows_alone() -> None:
    both, rows_only = false_alarms("large seeds", 3, 60)
    assert rows_only > 0.3  # its true share is 0.8
    assert both <= 0.05 + 3.3 * math.sqrt(0.05 * 0.95 / 60)
