"""The closed formulas against scipy and against their own definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepdojo.scoring.formulas import binomial_half_p, expanded_tail, paired_proportions, t_quantile, wilson


@pytest.mark.parametrize("n", [1, 2, 7, 50, 10_000])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_equals_scipy(n, level):
    for k in {0, 1, n // 3, n // 2, n - 1, n}:
        expected = stats.binomtest(k, n).proportion_ci(level, method="wilson")
        assert wilson(k, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_is_sensible_at_the_ends():
    assert wilson(0, 1)[0] == 0.0
    assert wilson(1, 1)[1] == 1.0
    assert 0.2 < wilson(1, 1)[0] < 0.21
    low, high = wilson(477, 477)
    assert high == 1.0
    assert 0.99 < low < 0.995


def test_wilson_coverage_is_exact():
    """No simulation: the coverage is a sum of binomial terms. Mean over p in 93 to 97 %, never below 83 % at any p.

    The dips at p near 0 and 1 with small n are those of the literature (Brown, Cai and DasGupta 2001).
    """
    p = np.linspace(0.02, 0.98, 193)
    for n in (20, 50, 100, 500, 2000):
        ends = np.array([wilson(k, n) for k in range(n + 1)])
        mass = stats.binom.pmf(np.arange(n + 1)[:, None], n, p)
        inside = (ends[:, :1] <= p) & (p <= ends[:, 1:])
        coverage = (mass * inside).sum(axis=0)
        assert 0.945 < coverage.mean() < 0.96
        assert coverage.min() > 0.83
        middle = coverage[(p * n >= 5) & ((1 - p) * n >= 5)]
        assert middle.min() > 0.92


@pytest.mark.parametrize("df", [1, 2, 3, 5, 10, 30, 1000])
@pytest.mark.parametrize("p", [0.5, 0.9, 0.975, 0.995])
def test_student_quantile(df, p):
    tolerance = 1e-9 if df <= 2 else {3: 0.012, 5: 2e-3}.get(df, 2e-5 if df >= 30 else 2e-4)
    assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=tolerance, abs=1e-12)


def test_few_units_cut_further_out():
    assert expanded_tail(0.95, 100_000) == pytest.approx(1.96, abs=1e-3)
    assert expanded_tail(0.95, 10) == pytest.approx(2.262 * np.sqrt(10 / 9), abs=1e-3)


@pytest.mark.parametrize(
    ("wins", "losses"), [(0, 0), (1, 0), (6, 0), (5, 5), (12, 10), (15, 5), (3000, 3200), (9000, 1)]
)
def test_mcnemar_equals_the_exact_binomial_test(wins, losses):
    m = wins + losses
    expected = stats.binomtest(wins, m, 0.5).pvalue if m else 1.0
    assert binomial_half_p(wins, losses) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert binomial_half_p(losses, wins) == binomial_half_p(wins, losses)


def test_figures_of_a_published_comparison():
    """15 : 5, 14 : 4 and 12 : 10 rows, worked out by hand before this was written."""
    assert binomial_half_p(15, 5) == pytest.approx(0.041, abs=5e-4)
    assert binomial_half_p(14, 4) == pytest.approx(0.031, abs=5e-4)
    assert binomial_half_p(12, 10) == pytest.approx(0.83, abs=5e-3)


def test_paired_proportions_stay_inside_and_cover_zero_for_equals():
    assert paired_proportions(0, 0, 50) == pytest.approx((-0.0533, 0.0533), abs=1e-3)
    low, high = paired_proportions(50, 0, 50)
    assert low > 0.8
    assert high <= 1.0
