"""The threshold that is best on validation rows, and the metrics of two classes against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as theirs

from deepdojo.columns import Distributions
from deepdojo.contracts import CONTRACTS
from deepdojo.errors import ScoreError, UnknownNameError
from deepdojo.scoring.metrics import METRICS, columns_of, metrics_for
from deepdojo.scoring.thresholds import Threshold, best_threshold, choose, decided, require_metric
from deepdojo.tables import Table

PLAIN = CONTRACTS["text-classification"]


def two_classes(seed: int, n: int, *, ties: bool = False):
    """(truth, probability of `ill`): the sicker, the higher."""
    rng = np.random.default_rng(seed)
    ill = rng.random(n) < 0.3
    ill[:2] = True, False
    p = 1 / (1 + np.exp(-(2 * ill - 1.5 + rng.normal(size=n))))
    return np.where(ill, "ill", "well"), np.round(p, 1) if ties else p


def positive_contract():
    from dataclasses import replace

    return replace(PLAIN, positive="ill")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("weighted", [False, True])
def test_rates_of_two_classes_equal_scikit_learn(seed, weighted):
    rng = np.random.default_rng(seed)
    truth, p = two_classes(seed, 57)
    said = np.where(p > 0.5, "ill", "well")
    w = rng.exponential(size=57) if weighted else np.ones(57)
    pairs = [(label, "ill") for label in truth]
    found = {name: METRICS[name](pairs, said.tolist()).value_at(w[None])[0] for name in ("sensitivity", "specificity")}
    assert found["sensitivity"] == pytest.approx(
        theirs.recall_score(truth, said, pos_label="ill", sample_weight=w), abs=1e-12
    )
    assert found["specificity"] == pytest.approx(
        theirs.recall_score(truth, said, pos_label="well", sample_weight=w), abs=1e-12
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("classes", [1, 2, 5])
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_balanced_accuracy_equals_scikit_learn(seed, classes):
    rng = np.random.default_rng(seed)
    truth, said = (rng.integers(classes, size=40).astype(str).tolist() for _ in range(2))
    said[0] = "a class that no row has"
    w = rng.exponential(size=40)
    measured = METRICS["balanced_accuracy"](truth, said)
    assert measured.value() == pytest.approx(theirs.balanced_accuracy_score(truth, said), abs=1e-12)
    expected = theirs.balanced_accuracy_score(truth, said, sample_weight=w)
    assert measured.value_at(w[None])[0] == pytest.approx(expected, abs=1e-12)


def test_a_side_without_rows_is_refused():
    with pytest.raises(ScoreError, match="no row is positive"):
        METRICS["sensitivity"]([("well", "ill")], ["well"])


def test_metrics_of_a_positive_label_are_offered_where_the_project_names_one():
    assert "sensitivity" not in metrics_for(PLAIN)
    assert {"sensitivity", "specificity"} <= set(metrics_for(positive_contract()))
    with pytest.raises(ScoreError, match="does not say which"):
        columns_of(PLAIN, "sensitivity")


@pytest.mark.parametrize("name", ["balanced_accuracy", "accuracy", "macro_f1", "sensitivity"])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_no_threshold_is_better_than_the_chosen_one(name, ties, seed):
    """Beside every other one that could be taken, each judged as a table of its own."""
    truth, p = two_classes(seed, 60, ties=ties)
    metric = METRICS[name]

    def value(threshold: float) -> float:
        given = [(label, "ill") for label in truth] if metric.positive else truth.tolist()
        return metric(given, np.where(p >= threshold, "ill", "well").tolist()).value()

    chosen = best_threshold(metric, truth.tolist(), p, ("ill", "well"))
    assert value(chosen) == pytest.approx(max(value(t) for t in [0.5, *(p + 1e-9), *(p - 1e-9)]), abs=1e-12)
    assert 0 <= chosen <= 1


def test_of_equally_good_ones_the_nearest_to_a_half_and_a_half_where_one_class_is_missing():
    p = np.array([0.1, 0.2, 0.8, 0.9])
    assert best_threshold(METRICS["accuracy"], ["well", "well", "ill", "ill"], p, ("ill", "well")) == 0.5
    assert best_threshold(METRICS["accuracy"], ["ill"] * 4, p, ("ill", "well")) == 0.5


def test_a_table_is_decided_by_its_probabilities():
    truth, p = two_classes(0, 30)
    cells = Distributions(("ill", "well"), np.stack([p, 1 - p], axis=1))
    table = Table({"id": [str(k) for k in range(30)], "label": ["well"] * 30, "probabilities": cells})
    chosen = choose("balanced_accuracy", positive_contract(), ["ill", "well"], truth.tolist(), table)
    assert chosen.n == 30
    assert chosen.by == "balanced_accuracy"
    found = decided(table, positive_contract(), chosen)
    assert list(found.columns["label"]) == np.where(p >= chosen.value, "ill", "well").tolist()
    given = choose(0.25, positive_contract(), ["ill", "well"], [], table)
    assert given == Threshold("ill", "well", 0.25)
    assert given.said() == "ill from a probability of 0.25 on"


def test_what_cannot_choose_is_refused_in_a_sentence():
    with pytest.raises(ScoreError, match="does not judge labels"):
        require_metric("log_loss")
    with pytest.raises(UnknownNameError, match="balanced_accuracy"):
        require_metric("balanced_acuracy")
    table = Table({"id": ["1"], "label": ["a"], "probabilities": [{"a": 1.0}]})
    with pytest.raises(ScoreError, match="two classes, of which 'ill' is one"):
        choose("accuracy", positive_contract(), ["ill", "well", "dead"], ["ill"], table)
