"""Values as functions of row weights: influence, draws, intervals at the edges, memory and time."""

from __future__ import annotations

import math
import time
import tracemalloc

import numpy as np
import pytest

from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, bootstrap_weights, from_mean, from_sums, group_index
from deepdojo.scoring.metrics import METRICS

from .made import classified, made_cells


def made(name, n=60, seed=0, classes=3):
    """A metric on n random rows."""
    return METRICS[name](*made_cells(name, np.random.default_rng(seed), n, classes))


@pytest.mark.parametrize("name", sorted(METRICS))
@pytest.mark.parametrize("classes", [2, 4])
def test_influence_is_the_derivative(name, classes):
    measured = made(name, classes=classes)
    bare = Measured(measured.value_at, measured.n)  # without the closed form: finite differences
    assert measured.influence() == pytest.approx(bare.influence(), abs=1e-5)
    assert measured.influence().mean() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_value_depends_on_the_ratio_of_weights_only(name):
    measured = made(name)
    w = np.random.default_rng(1).exponential(size=(3, measured.n))
    assert measured.value_at(7 * w) == pytest.approx(measured.value_at(w), abs=1e-10)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_weight_two_is_the_row_twice(name):
    rng = np.random.default_rng(3)
    truth, said = made_cells(name, rng, 20)
    counts = rng.integers(1, 4, size=20)
    picks = np.repeat(np.arange(20), counts)
    repeated = METRICS[name]([truth[i] for i in picks], [said[i] for i in picks])
    assert METRICS[name](truth, said).value_at(counts[None].astype(float))[0] == pytest.approx(
        repeated.value(), abs=1e-12
    )


def test_from_sums_finds_its_influence():
    rng = np.random.default_rng(0)
    squares = rng.random(50)
    stats = np.stack([np.ones(50), squares], axis=1)
    measured = from_sums(stats, lambda sums: np.sqrt(sums[:, 1] / sums[:, 0]))
    root = math.sqrt(squares.mean())
    assert measured.value() == pytest.approx(root)
    assert measured.influence() == pytest.approx((squares - squares.mean()) / (2 * root), abs=1e-8)


def test_spread_of_draws_is_that_of_the_influence():
    """Bootstrap sd = sd(influence)/√n to first order; 4,000 draws know it to 1.1 %, so 8 % is a 7-sigma bound."""
    for name in ("log_loss", "roc_auc", "macro_f1", "rmse", "mae", "r2"):
        measured = made(name, n=2000)
        expected = measured.influence().std() / math.sqrt(measured.n)
        assert measured.draw(4000).std() == pytest.approx(expected, rel=0.08)


def test_seed_decides_the_draws():
    measured = made("log_loss")
    assert measured.interval(seed=1) == measured.interval(seed=1)
    assert measured.interval(seed=1) != measured.interval(seed=2)


@pytest.mark.parametrize("index", [None, np.array([0, 0, 1, 2, 2, 2])])
def test_bootstrap_weights_are_counts(index):
    weights = np.concatenate(list(bootstrap_weights(6, 5000, np.random.default_rng(0), index)))
    assert weights.shape == (5000, 6)
    if index is None:
        assert (weights.sum(axis=1) == 6).all()
    else:
        assert (weights[:, 0] == weights[:, 1]).all()
        assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert weights.mean() == pytest.approx(1.0, abs=0.02)


def test_groups_of_one_are_no_groups():
    assert group_index(np.array(["c", "a", "b"]), 3) is None
    assert group_index(None, 3) is None
    assert list(group_index(np.array(["b", "a", "b"]), 3)) == [1, 0, 1]
    with pytest.raises(ScoreError, match="2 groups for 3 rows"):
        group_index(np.array([1, 2]), 3)


def test_groups_widen_the_interval():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(25), 8)
    right = (rng.random(25) < 0.7)[groups].astype(float)  # a group is right or wrong as one
    measured = from_mean(right, proportion=True, bounds=(0.0, 1.0))
    alone, together = measured.estimate(), measured.estimate(groups=groups)
    assert (alone.name, together.name) == ("wilson", "cluster bootstrap")
    assert together.high - together.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "roc_auc"])
@pytest.mark.parametrize("grouped", [False, True])
def test_all_right_is_not_certain(name, grouped):
    truth = ["a", "b"] * 40
    cells = [{"a": 0.9, "b": 0.1}, {"a": 0.1, "b": 0.9}] * 40
    measured = METRICS[name](truth, truth if METRICS[name].predicted == "label" else cells)
    low, high, how = measured.estimate(groups=np.arange(80) // 2 if grouped else None)
    assert measured.value() == high == 1.0
    assert 0.9 < low < 0.97
    assert how == "wilson"


def test_rare_class_makes_a_perfect_macro_f1_less_sure():
    """2 rows of b among 100: accuracy is sure to 3.7 %, macro-F1 by far not."""
    truth = ["a"] * 98 + ["b"] * 2
    assert METRICS["accuracy"](truth, truth).interval()[0] > 0.96
    assert METRICS["macro_f1"](truth, truth).interval()[0] < 0.6


def test_all_wrong_is_not_certain_either():
    low, high = METRICS["macro_f1"](["a", "b"] * 20, ["b", "a"] * 20).interval()
    assert low == 0.0
    assert 0.05 < high < 0.15


@pytest.mark.parametrize("name", sorted(METRICS))
def test_one_row(name):
    if name == "r2":
        return
    if METRICS[name].truth == "number":
        measured = METRICS[name]([1.0], [1.5])
    elif METRICS[name].predicted == "record":
        measured = METRICS[name](["a word"], [{"nats": 1.5, "right": 1}])
    elif METRICS[name].predicted == "text":
        measured = METRICS[name](["a word of two halves"], ["a word of two ends"])
    elif METRICS[name].truth == "text":
        measured = METRICS[name](["a word"], [1.5])
    elif METRICS[name].truth == "vector":
        measured = METRICS[name](*made_cells(name, np.random.default_rng(0), 1))
    elif METRICS[name].truth == "tokens":
        measured = METRICS[name]([["B-a"]], [["B-a"]])
    elif METRICS[name].truth == "texts":
        measured = METRICS[name]([["a cat"]], ["cat"])
    elif METRICS[name].predicted == "number":  # pairs
        with pytest.raises(ScoreError, match="rates need both"):
            METRICS[name](["same"], [1.0])
        return
    elif name == "roc_auc":
        with pytest.raises(ScoreError, match="not defined"):
            METRICS[name](["a"], [{"a": 1.0}])
        return
    else:
        measured = METRICS[name](["a"], ["a"] if METRICS[name].predicted == "label" else [{"a": 0.7, "b": 0.3}])
    low, high, how = measured.estimate()
    assert low <= measured.value() <= high
    if measured.bounds[1] == 1.0:
        assert measured.bounds[0] <= low
        assert high <= 1
        assert high - low > 0.5
    else:
        assert how == ("wilson" if math.isfinite(measured.bounds[0] + measured.bounds[1]) else "none")
    assert measured.influence() == pytest.approx([0.0])


@pytest.mark.parametrize("name", sorted(METRICS))
@pytest.mark.parametrize("n", [2, 3, 5, 11])
def test_few_rows_give_finite_bounds_around_the_value(name, n):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        truth, said = made_cells(name, rng, n, 2)
        if METRICS[name].truth == "label" and len(set(truth)) < 2:
            continue
        measured = METRICS[name](truth, said)
        low, high = measured.interval()
        assert measured.bounds[0] <= low <= measured.value() <= high <= measured.bounds[1]
        assert math.isfinite(low)
        assert math.isfinite(high)


@pytest.mark.parametrize("unit", [1e-200, 1e-15, 1e15, 1e150])
@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_the_targets_unit_does_not_matter(name, unit):
    """Femtometres or parsecs: the same interval in units of the target, without a warning of overflow."""
    rng = np.random.default_rng(0)
    y, said = rng.normal(size=50), rng.normal(size=50)
    if name != "mae" and not 1e-100 < unit < 1e100:
        unit = math.sqrt(unit)
    plain, scaled = (METRICS[name](list(y * u), list(said * u)).estimate() for u in (1.0, unit))
    scale = 1.0 if name == "r2" else unit
    assert scaled.name == plain.name == "bootstrap"
    assert (scaled.low / scale, scaled.high / scale) == pytest.approx((plain.low, plain.high), rel=1e-6)


def test_one_group_knows_nothing():
    same = np.zeros(30, dtype=int)
    accuracy = METRICS["accuracy"](["a"] * 30, ["a"] * 29 + ["b"])
    low, high, _ = accuracy.estimate(groups=same)
    assert high - low > 0.7
    assert METRICS["mae"]([1.0] * 30, list(range(30))).estimate(groups=same).name == "none"


def test_perfect_regression():
    measured = METRICS["rmse"]([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert measured.estimate() == (0.0, 0.0, "none")
    assert measured.influence() == pytest.approx([0, 0, 0])


def test_calibration_interval_holds_the_value():
    """The plain percentile interval of a well calibrated model lies above the value itself."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, size=1000)
    truth = ["a" if right else "b" for right in rng.random(1000) < p]
    measured = METRICS["ece"](truth, [{"a": v, "b": 1 - v} for v in p])
    low, high = measured.interval()
    assert low <= measured.value() <= high
    assert np.median(measured.draw()) > measured.value()


def test_many_rows_take_the_normal_interval():
    rng = np.random.default_rng(0)
    terms = rng.exponential(size=60_000)
    low, high, how = from_mean(terms).estimate()
    assert how == "normal"
    assert high - low == pytest.approx(2 * 1.95996 * terms.std() / math.sqrt(60_000), rel=1e-4)


def test_delong_agrees_with_the_draws():
    """Many classes on many rows take DeLong's interval: 6 % off the width of 2,000 draws at most (their error: 2 %)."""
    measured = made("roc_auc", n=3000, classes=6)
    drawn = measured.estimate(draws=2000)
    closed = Measured(
        measured.value_at, measured.n, influence_of=measured.influence, bounds=measured.bounds, normal=True
    ).estimate()
    assert closed.name == "normal"
    assert closed.high - closed.low == pytest.approx(drawn.high - drawn.low, rel=0.06)


@pytest.mark.parametrize(
    ("name", "classes", "limit_s"),
    [
        ("accuracy", 10, 0.5), ("macro_f1", 10, 0.5), ("log_loss", 10, 0.5),
        ("roc_auc", 2, 3), ("roc_auc", 10, 3), ("roc_auc", 60, 3),
    ],
)  # fmt: skip
def test_ten_thousand_rows_in_time_and_memory(name, classes, limit_s):
    """CPU seconds of this process; measured 0.001, 0.1, 0.07, 0.2, 0.7, 0.3: four times under the limit."""
    truth, labels, cells, _, _ = classified(np.random.default_rng(0), 10_000, classes)
    labels = [t if i % 3 else s for i, (t, s) in enumerate(zip(truth, labels, strict=True))]
    started = time.process_time()
    METRICS[name](truth, labels if METRICS[name].predicted == "label" else cells).estimate()
    assert time.process_time() - started < limit_s


def test_draws_come_in_chunks():
    """1,000 draws × 40,000 rows at once would be 320 MB of weights."""
    measured = from_mean(np.random.default_rng(0).random(40_000))
    tracemalloc.start()
    measured.interval()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6


def test_no_rows():
    with pytest.raises(ScoreError, match="no row"):
        from_mean(np.empty(0))
