"""Every metric against scikit-learn, with and without weights, on random and on degenerate tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdojo.contracts import CONTRACTS
from deepdojo.errors import ScoreError, UnknownNameError
from deepdojo.report.metric_facts import metric_facts
from deepdojo.scoring.measured import from_mean
from deepdojo.scoring.metrics import METRICS, columns_of, metric, metric_of, metrics_for

from .made import classified


def both(measured, weights):
    """The value at equal weights and at the given ones."""
    return [measured.value(), float(measured.value_at(weights[None])[0])]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("n", "classes", "said"), [(2, 2, None), (40, 2, None), (97, 3, None), (61, 5, 3), (300, 11, None)]
)
@pytest.mark.parametrize("ties", [False, True])
def test_classification_equals_scikit_learn(seed, n, classes, said, ties):
    rng = np.random.default_rng(seed)
    truth, labels, cells, p, names = classified(rng, n, classes, said=said, ties=ties)
    weights = rng.exponential(size=n) + 1e-3
    for given_weights in (np.ones(n), weights):

        def at(name, predicted, w=given_weights):
            return float(METRICS[name](truth, predicted).value_at(w[None])[0])

        w = given_weights
        assert at("accuracy", labels) == pytest.approx(theirs.accuracy_score(truth, labels, sample_weight=w), abs=1e-12)
        f1 = theirs.f1_score(truth, labels, average="macro", sample_weight=w, zero_division=0.0)
        assert at("macro_f1", labels) == pytest.approx(f1, abs=1e-12)
        expected = theirs.log_loss(truth, p, labels=names, sample_weight=w)
        assert at("log_loss", cells) == pytest.approx(expected, abs=1e-10)
        if len(set(truth)) == classes:
            more = {"multi_class": "ovr", "average": "macro", "labels": names} if classes > 2 else {}
            scores = p if classes > 2 else p[:, 1]
            expected = theirs.roc_auc_score(truth, scores, sample_weight=w, **more)
            assert at("roc_auc", cells) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("n", "grades"), [(2, 2), (50, 3), (400, 10)])
def test_quadratic_kappa_equals_scikit_learn(seed, n, grades):
    rng = np.random.default_rng(seed)
    y = rng.integers(grades, size=n)
    y[: min(n, grades)] = np.arange(min(n, grades))
    said = np.clip(y + rng.integers(-1, 2, size=n), 0, grades - 1)
    weights = rng.exponential(size=n) + 1e-3
    measured = METRICS["quadratic_kappa"]([str(k + 1) for k in y], [str(k + 1) for k in said])
    for found, w in zip(both(measured, weights), (None, weights), strict=True):
        assert found == pytest.approx(
            theirs.cohen_kappa_score(y, said, weights="quadratic", sample_weight=w), abs=1e-12
        )


def test_quadratic_kappa_of_a_single_grade_and_of_words():
    kappa = METRICS["quadratic_kappa"]
    assert kappa(["3", "3"], ["3", "3"]).value() == 1
    assert kappa(["1", "2", "3"], ["2", "2", "2"]).value() == pytest.approx(0, abs=1e-12)
    assert kappa(["a", "b", "c"], ["a", "c", "c"]).value() == kappa(["1", "2", "3"], ["1", "3", "3"]).value()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [2, 3, 50, 400])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_regression_equals_scikit_learn(seed, n, offset):
    rng = np.random.default_rng(seed)
    y = offset + rng.normal(size=n)
    said = y + rng.normal(size=n) * rng.exponential()
    weights = rng.exponential(size=n) + 1e-3
    for w in (np.ones(n), weights):

        def at(name, w=w):
            return float(METRICS[name](list(y), list(said)).value_at(w[None])[0])

        assert at("rmse") == pytest.approx(theirs.root_mean_squared_error(y, said, sample_weight=w), rel=1e-10)
        assert at("mae") == pytest.approx(theirs.mean_absolute_error(y, said, sample_weight=w), rel=1e-10)
        assert at("r2") == pytest.approx(theirs.r2_score(y, said, sample_weight=w), rel=1e-6, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd"), st.integers(0, 3)), min_size=1, max_size=12))
def test_macro_f1_with_zero_weights(rows):
    """A class that the weights leave out is left out of the mean: scikit-learn's zero_division=nan."""
    truth, said, w = zip(*rows, strict=True)
    if sum(w) == 0:
        return
    ours = float(METRICS["macro_f1"](truth, said).value_at(np.array([w], dtype=float))[0])
    expected = theirs.f1_score(truth, said, average="macro", sample_weight=w, zero_division=np.nan)
    assert ours == pytest.approx(expected, abs=1e-12)


def test_macro_f1_of_many_classes_takes_the_sparse_path():
    rng = np.random.default_rng(0)
    truth, said = ([str(i) for i in rng.integers(3000, size=4000)] for _ in range(2))
    said[:2000] = truth[:2000]
    measured = METRICS["macro_f1"](truth, said)
    w = rng.exponential(size=4000) + 0.1
    expected = theirs.f1_score(truth, said, average="macro", sample_weight=w, zero_division=0.0)
    assert both(measured, w)[1] == pytest.approx(expected, abs=1e-12)


def test_one_class_in_the_truth():
    cells = [{"a": 0.9, "b": 0.1}, {"a": 0.4, "b": 0.6}]
    assert METRICS["accuracy"](["a", "a"], ["a", "b"]).value() == 0.5
    assert METRICS["macro_f1"](["a", "a"], ["a", "b"]).value() == pytest.approx(
        theirs.f1_score(["a", "a"], ["a", "b"], average="macro")
    )
    assert METRICS["log_loss"](["a", "a"], cells).value() == pytest.approx(
        theirs.log_loss(["a", "a"], [[0.9, 0.1], [0.4, 0.6]], labels=["a", "b"])
    )
    with pytest.raises(ScoreError, match="every row's true label is 'a'"):
        METRICS["roc_auc"](["a", "a"], cells)


def test_constant_predictions():
    truth = ["a", "b", "a", "c"]
    cells = [{"a": 0.5, "b": 0.25, "c": 0.25}] * 4
    assert METRICS["roc_auc"](truth, cells).value() == 0.5
    assert METRICS["accuracy"](truth, ["a"] * 4).value() == 0.5
    assert METRICS["macro_f1"](truth, ["a"] * 4).value() == pytest.approx(
        theirs.f1_score(truth, ["a"] * 4, average="macro", zero_division=0.0)
    )
    assert METRICS["ece"](truth, cells).value() == pytest.approx(0.0)
    assert METRICS["r2"]([1.0, 2.0, 3.0], [2.0] * 3).value() == pytest.approx(0.0)


@pytest.mark.parametrize("said", [[5.0, 5.0, 5.0], [5.0, 5.0, 6.0]])
def test_r2_of_a_constant_target(said):
    assert METRICS["r2"]([5.0] * 3, said).value() == theirs.r2_score([5.0] * 3, said)


def test_a_label_that_was_never_seen_in_training():
    """It costs as much as scikit-learn's clip of 0 and counts as a class of its own."""
    loss = METRICS["log_loss"](["new", "a"], [{"a": 1.0}, {"a": 1.0}])
    assert loss.losses[0] == pytest.approx(-math.log(np.finfo(float).eps))
    assert METRICS["macro_f1"](["new", "a"], ["a", "a"]).value() == pytest.approx(1 / 3)
    # The truth's third class is in no cell: one against the rest still runs over the classes of the truth.
    assert 0 <= METRICS["roc_auc"](["new", "a", "b"], [{"a": 0.6, "b": 0.4}] * 3).value() <= 1


def test_auc_of_two_true_classes_with_a_third_one_named():
    truth, cells = ["a", "b", "a", "b"], [
        {"a": 0.6, "b": 0.1, "c": 0.3}, {"a": 0.5, "b": 0.4, "c": 0.1},
        {"a": 0.4, "b": 0.3, "c": 0.3}, {"a": 0.1, "b": 0.2, "c": 0.7},
    ]  # fmt: skip
    expected = np.mean([theirs.roc_auc_score([t == c for t in truth], [p[c] for p in cells]) for c in "ab"])
    assert METRICS["roc_auc"](truth, cells).value() == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_calibration_error_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    truth, _, cells, p, names = classified(rng, 200, 3, ties=seed % 2 == 1)
    w = rng.exponential(size=200)
    sure = p.max(axis=1)
    right = np.array([names[i] for i in p.argmax(axis=1)]) == np.array(truth)
    for weights in (np.ones(200), w):
        total = 0.0
        for b in range(15):
            inside = (sure > b / 15) & (sure <= (b + 1) / 15)
            total += abs((weights * (right - sure))[inside].sum())
        measured = float(METRICS["ece"](truth, cells).value_at(weights[None])[0])
        assert measured == pytest.approx(total / weights.sum(), abs=1e-12)


def test_the_tables_tolerance_is_worth_nothing():
    """Probabilities that sum to 1.001 are allowed, and brought to 1: no 0.001 nats for free."""
    fair = METRICS["log_loss"](["a"], [{"a": 0.8, "b": 0.2}]).value()
    greedy = METRICS["log_loss"](["a"], [{"a": 0.8 * 1.001, "b": 0.2 * 1.001}]).value()
    assert greedy == pytest.approx(fair, abs=1e-12)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_no_rows_and_unequal_lists_are_sentences(name):
    with pytest.raises(ScoreError, match="no row"):
        METRICS[name]([], [])
    with pytest.raises(ScoreError, match="1 answers and 2 predictions"):
        METRICS[name](["a"], ["a", "b"])


def test_numbers_that_are_not_finite():
    with pytest.raises(ScoreError, match="row 2: nan is not a finite number"):
        METRICS["rmse"]([1.0, 2.0], [1.0, math.nan])
    with pytest.raises(ScoreError, match="not defined for one row"):
        METRICS["r2"]([1.0], [1.0])


def test_columns_come_from_the_contract():
    classification = metrics_for(CONTRACTS["image-classification"])
    assert next(iter(classification)) == "accuracy"
    assert set(classification) >= {"accuracy", "macro_f1", "log_loss", "roc_auc", "ece"}
    assert not {"rmse", "mae", "r2"} & set(classification)
    assert classification["log_loss"] == ("label", "probabilities")
    assert set(metrics_for(CONTRACTS["tabular-regression"])) >= {"rmse", "mae", "r2"}
    assert columns_of(CONTRACTS["tabular-regression"], "mae") == ("value", "value")
    with pytest.raises(ScoreError, match=r"compares number with number.*take one of: accuracy"):
        columns_of(CONTRACTS["text-classification"], "rmse")
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        metric_of("acuracy")


def test_every_metric_says_what_it_is():
    for entry in METRICS.values():
        assert entry.summary.endswith((".", "?", "worse."))
        assert entry.goal
        assert entry.unit in ("fraction", "nats", "bits", "words", "points", "target")
        facts = metric_facts()[entry.name]
        assert (facts.get("title", ""), facts.get("percent", False)) == (entry.title, entry.percent)
        assert facts["higher_is_better"] is entry.higher_is_better


def test_a_new_metric_is_one_function():
    @metric(truth="number", predicted="number", higher_is_better=False, unit="target", goal="a test")
    def twice_mae(truth, predicted):
        """Twice the mean absolute error."""
        return from_mean(2 * np.abs(np.subtract(truth, predicted)))

    try:
        assert metrics_for(CONTRACTS["tabular-regression"])["twice_mae"] == ("value", "value")
        assert METRICS["twice_mae"]([1.0, 2.0], [2.0, 2.0]).value() == 1.0
    finally:
        del METRICS["twice_mae"]
