"""Numbers as they are written, ticks, intervals and the axis that bars share."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdojo.report import figures, intervals
from deepdojo.report.charts import wilson
from deepdojo.report.svg import cut, ticks


@pytest.mark.parametrize(
    ("value", "low", "high", "written"),
    [
        (0.9916, 0.981, 0.998, "99.2\u00a0% [98.1, 99.8]"),
        (2 / 3, 0.208, 0.939, "67\u00a0% [21, 94]"),
        (0.99123, 0.9909, 0.9915, "99.12\u00a0% [99.09, 99.15]"),
    ],
)
def test_a_fraction_gets_the_digits_that_its_interval_supports(value, low, high, written):
    unit = figures.unit_of("accuracy")
    assert f"{unit.score(value, low, high)} {unit.interval(value, low, high)}" == written


@pytest.mark.parametrize(
    ("value", "low", "high", "written"),
    [
        (54.31, 51.2, 57.4, "54.3 [51.2, 57.4]"),
        (0.2134, 0.17, 0.26, "0.213 [0.170, 0.260]"),
        (54321.0, 53000, 55700, "54,321 [53,000, 55,700]"),
    ],
)
def test_other_metrics_likewise(value, low, high, written):
    unit = figures.unit_of("rmse")
    assert f"{unit.score(value, low, high)} {unit.interval(value, low, high)}" == written


def test_differences_carry_a_sign_and_a_true_minus():
    unit = figures.unit_of("accuracy")
    assert unit.difference(0.031, 0.008, 0.054) == "+3.1"
    assert unit.difference(-0.041, -0.067, -0.015) == "\u22124.1"


@pytest.mark.parametrize(
    ("p", "written"),
    [(0.0004, "p\u00a0<\u00a00.001"), (0.0042, "p\u00a0=\u00a00.004"), (0.47, "p\u00a0=\u00a00.47"), (None, "")],
)
def test_p_values(p, written):
    assert figures.p_value(p) == written


def test_amounts_and_times():
    assert figures.amount(28_938) == "28.9\u00a0k"
    assert figures.amount(412e9, "FLOP") == "412\u00a0GFLOP"
    assert figures.amount(999_950) == "1.00\u00a0M"
    assert figures.duration(5.46) == "5.5\u00a0s"
    assert figures.duration(200) == "3\u00a0min 20\u00a0s"
    assert figures.duration(7500) == "2\u00a0h 5\u00a0min"
    assert figures.duration(None) == "–"
    assert figures.plain(float("nan")) == "not finite"


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 6))
def test_ticks_lie_inside_and_are_never_many(low, span, about):
    found = ticks(low, low + span, about)
    room = 1e-6 * max(abs(low), span, 1)
    assert all(low - room <= t <= low + span + room for t in found)
    assert found == sorted(found)
    assert 1 <= len(found) <= 3 * about


def test_ticks_of_an_axis_share_their_digits():
    assert figures.evenly([0.0, 0.5, 1.0]) == ["0.0", "0.5", "1.0"]
    assert figures.evenly([0.94, 0.96, 0.98], 100) == ["94", "96", "98"]
    assert figures.evenly([-2000.0, 0.0, 2000.0]) == ["\u22122,000", "0", "2,000"]


@pytest.mark.parametrize(("right", "n"), [(0, 3), (3, 3), (437, 477), (1, 2)])
def test_wilson_solves_its_own_equation(right, n):
    """The ends are where |p - q| = z sqrt(q (1 - q) / n)."""
    p = right / n
    for q in wilson(right, n):
        if 0 < q < 1:
            assert abs(p - q) == pytest.approx(1.959964 * math.sqrt(q * (1 - q) / n), abs=1e-9)


def test_one_hopeless_floor_does_not_squeeze_the_axis():
    axis = intervals.common_axis([0.99, 0.98, 0.998, 0.969], [0.101, 0.95])
    assert axis.holds(0.95)
    assert not axis.holds(0.101)
    assert "◂" in intervals.bar(axis, 0.101, 0.07, 0.13, "majority")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.lists(st.floats(-1e6, 1e6), max_size=8))
def test_the_axis_always_holds_what_is_important(important, others):
    axis = intervals.common_axis(important, others)
    assert all(axis.holds(v) for v in important)
    assert axis.high > axis.low


def test_cut_keeps_short_words_whole():
    assert cut("short", 5) == "short"
    assert cut("longer words", 7) == "longer…"


def test_quantiles_of_residuals_are_those_of_numpy():
    from deepdojo.report.sections import _quantile

    for n in (1, 2, 3, 124):
        values = sorted(float(v) for v in np.random.default_rng(n).normal(size=n))
        for share in (0.05, 0.5, 0.95):
            assert _quantile(values, share) == pytest.approx(np.quantile(values, share))


def test_an_interval_of_rounding_alone_asks_for_no_digits():
    assert figures.unit_of("rmse").score(-2e-16, -2e-16, 2e-16) == "0.000"


def test_rows_that_cannot_tell_are_given_no_interval_of_width_zero():
    unit = figures.unit_of("wer")
    assert unit.interval(0.92, 0.92, 0.92) == "[–]"
    assert unit.interval(0.92, 0.9, 0.95) != "[–]"
