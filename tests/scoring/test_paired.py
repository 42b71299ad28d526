"""Paired differences: exact McNemar on proportions, sign flips else; groups; test and interval of one mind."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepdojo.errors import ScoreError
from deepdojo.scoring.flips import pair_p, pairwise_p
from deepdojo.scoring.measured import from_mean, paired, paired_influence
from deepdojo.scoring.metrics import METRICS

from .made import classified, made_cells


def right(values):
    return from_mean(np.array(values, dtype=float), proportion=True, bounds=(0.0, 1.0))


@pytest.mark.parametrize(("wins", "losses"), [(15, 5), (14, 4), (12, 10), (6, 0), (5, 0), (0, 0), (400, 320)])
def test_proportions_take_the_exact_mcnemar_test(wins, losses):
    agree = 178 - 20 if wins + losses <= 20 else 200
    a = right([1] * wins + [0] * losses + [1] * agree)
    b = right([0] * wins + [1] * losses + [1] * agree)
    found = paired(a, b)
    assert found.p == pytest.approx(stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0)
    assert found.value == pytest.approx((wins - losses) / found.n)
    assert (found.low > 0) == (found.p < 0.05 and wins > losses)
    mirrored = paired(b, a)
    assert (mirrored.low, mirrored.high, mirrored.p) == pytest.approx((-found.high, -found.low, found.p))


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "log_loss", "roc_auc", "rmse"])
def test_influence_alone_gives_the_same_p(name):
    """dojo compare from rows.parquet and from the tables: one answer. Intervals agree to first order."""
    rng = np.random.default_rng(2)
    if name == "rmse":
        y = rng.normal(size=400)
        a, b = (METRICS[name](list(y), list(y + s * rng.normal(size=400))) for s in (1.0, 1.1))
    else:
        truth, _, _, _, _ = classified(rng, 400, 3)
        made = []
        for _ in range(2):
            _, labels, cells, _, _ = classified(rng, 400, 3)
            made.append(METRICS[name](truth, labels if METRICS[name].predicted == "label" else cells))
        a, b = made
    full = paired(a, b)
    rows = paired_influence(a.influence(), b.influence(), a.value(), b.value())
    assert rows.p == full.p
    assert rows.value == pytest.approx(full.value)
    width = full.high - full.low
    assert rows.low == pytest.approx(full.low, abs=0.15 * width)
    assert rows.high == pytest.approx(full.high, abs=0.15 * width)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_identical_entries_do_not_differ(name):
    rng = np.random.default_rng(0)
    truth, said = made_cells(name, rng, 50, 2)
    a, b = (METRICS[name](truth, said) for _ in range(2))
    found = paired(a, b)
    assert (found.value, found.p) == (0.0, 1.0)
    assert found.low <= 0 <= found.high


def test_rounding_is_not_skill():
    """The same predictions through another file format: 1e-16 better on every row is not better."""
    losses = np.random.default_rng(0).random(200)
    found = paired(from_mean(losses), from_mean(losses * (1 + 1e-15)))
    assert found.p == 1.0
    assert pairwise_p(np.stack([losses, losses * (1 + 1e-15), losses + 0.1]))[0, 1] == 1.0


def test_one_row_decides_nothing():
    found = paired(right([1]), right([0]))
    assert found.p == 1.0
    assert found.low <= 0 < found.value <= found.high


def test_five_rows_cannot_be_significant_and_six_can():
    assert paired(right([1] * 5), right([0] * 5)).p == pytest.approx(2 / 2**5)
    assert paired(right([1] * 6), right([0] * 6)).p == pytest.approx(2 / 2**6)
    d = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    assert pair_p(d, np.zeros_like(d)) == pytest.approx(2 / 2**5)  # unequal sizes: all 32 patterns, exactly


@pytest.mark.parametrize("seed", range(5))
def test_flips_equal_scipys_permutation_test(seed):
    d = np.random.default_rng(seed).normal(0.5, size=11)
    expected = stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    assert pair_p(d, np.zeros_like(d)) == pytest.approx(expected)


@pytest.mark.parametrize("shift", [0.0, 0.15])
def test_flips_agree_with_students_t(shift):
    """n = 400: the two-sided p of the paired t test, within Monte Carlo error (9,999 flips: 3 se = 0.015)."""
    d = np.random.default_rng(5).normal(shift, 1, size=400)
    assert pair_p(d, np.zeros_like(d)) == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.015)


def test_groups_are_flipped_whole():
    """20 groups of 10 equal rows are 20 observations, not 200."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(20), 10)
    a = from_mean(rng.normal(0.3, 1, size=20)[groups])
    b = from_mean(np.zeros(200))
    grouped, alone = paired(a, b, groups=groups), paired(a, b)
    assert grouped.p == pytest.approx(stats.ttest_1samp(a.influence()[::10] + a.value(), 0).pvalue, abs=0.02)
    assert alone.p < grouped.p / 5
    assert grouped.high - grouped.low > 2.5 * (alone.high - alone.low)


@pytest.mark.slow
def test_false_alarms_of_one_comparison():
    """Equal entries of unequal noise, 600 times: p < 0.05 in 5 %; above 8 % happens by chance with probability 7e-4."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(600):
        groups = np.repeat(np.arange(30), rng.integers(1, 6, 30))
        shared = rng.normal(size=30)[groups]
        d = shared + rng.normal(size=len(groups))
        found += paired_influence(d - d.mean(), np.zeros(len(d)), d.mean(), 0.0, groups=groups, draws=60).p < 0.05
    assert 0.025 < found / 600 < 0.08


def test_test_and_interval_tell_one_story():
    rng = np.random.default_rng(0)
    for _ in range(60):
        n = int(rng.integers(8, 60))
        a, b = from_mean(rng.exponential(size=n)), from_mean(rng.exponential(size=n) * 1.5)
        found = paired(a, b, draws=200)
        assert found.low <= found.value <= found.high
        assert (found.p > 0.05) == (found.low <= 0 <= found.high and 0 not in (found.low, found.high)) or 0 in (
            found.low,
            found.high,
        )


def test_other_rows_cannot_be_paired():
    with pytest.raises(ScoreError, match="3 and 2 rows cannot be paired"):
        paired(right([1, 0, 1]), right([1, 0]))
    with pytest.raises(ScoreError, match="cannot be paired"):
        paired_influence(np.zeros(3), np.zeros(2), 0.0, 0.0)
    with pytest.raises(ScoreError, match="entry 2 has a value or an influence that is not finite"):
        paired_influence(np.zeros(3), np.array([0, np.nan, 0]), 0.0, 0.0)
