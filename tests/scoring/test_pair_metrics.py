"""Metrics of pairs equal scikit-learn and scipy formulas, with weights too, and refuse what has no answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve

from deepdojo.errors import ScoreError
from deepdojo.scoring.metrics import METRICS

NAMES = ("eer", "pair_auc", "tar_at_far_1", "tar_at_far_01")


def table(seed: int, n: int = 400, digits: int = 1) -> tuple[np.ndarray, list[str], list[float]]:
    rng = np.random.default_rng(seed)
    same = rng.random(n) < 0.3
    same[:2] = True, False
    values = np.round(rng.normal(size=n) + same, digits)
    return same, ["same" if yes else "different" for yes in same], values.tolist()


def reference(name: str, same: np.ndarray, values: list[float], weights: np.ndarray) -> float:
    if name == "pair_auc":
        return float(roc_auc_score(same, values, sample_weight=weights))
    false, true, _ = roc_curve(same, values, sample_weight=weights, drop_intermediate=False)
    if name == "eer":
        return float(brentq(lambda x: 1 - x - np.interp(x, false, true), 0, 1, xtol=1e-15))
    return float(true[false <= (0.01 if name == "tar_at_far_1" else 0.001)].max())


@pytest.mark.parametrize("digits", [0, 1, 6])
@pytest.mark.parametrize("name", NAMES)
def test_equal_to_scikit_learn_on_random_tables_with_ties(name, digits):
    for seed in range(5):
        same, truth, values = table(seed, digits=digits)
        ones = np.ones(len(same))
        assert METRICS[name](truth, values).value() == pytest.approx(reference(name, same, values, ones), abs=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_row_weights_are_those_of_scikit_learn(name):
    same, truth, values = table(9)
    weights = np.random.default_rng(1).integers(1, 5, (3, len(same))).astype(float)
    found = METRICS[name](truth, values).value_at(weights)
    wanted = [reference(name, same, values, row) for row in weights]
    np.testing.assert_allclose(found, wanted, atol=1e-10)


@pytest.mark.parametrize(
    ("values", "eer", "auc", "tar"),
    [
        ([3.0, 2.0, 1.0, 0.0], 0.0, 1.0, 1.0),  # parted
        ([0.0, 1.0, 2.0, 3.0], 1.0, 0.0, 0.0),  # the wrong way round
        ([1.0, 1.0, 1.0, 1.0], 0.5, 0.5, 0.0),  # all alike
    ],
)
def test_degenerate_likenesses(values, eer, auc, tar):
    truth = ["same", "same", "different", "different"]
    assert METRICS["eer"](truth, values).value() == pytest.approx(eer)
    assert METRICS["pair_auc"](truth, values).value() == pytest.approx(auc)
    assert METRICS["tar_at_far_1"](truth, values).value() == pytest.approx(tar)
    assert METRICS["tar_at_far_01"](truth, values).value() == pytest.approx(tar)


@pytest.mark.parametrize("name", NAMES)
def test_one_class_and_numbers_that_are_none_are_refused(name):
    with pytest.raises(ScoreError, match="every pair is same"):
        METRICS[name](["same", "same"], [0.1, 0.2])
    with pytest.raises(ScoreError, match="every pair is different"):
        METRICS[name](["different", "different"], [0.1, 0.2])
    with pytest.raises(ScoreError, match="not a finite number"):
        METRICS[name](["same", "different"], [0.1, float("nan")])
    with pytest.raises(ScoreError, match="'maybe'"):
        METRICS[name](["same", "maybe"], [0.1, 0.2])


def test_a_weighting_without_one_kind_has_no_value():
    _, truth, values = table(3, n=20)
    weights = np.array([[1.0 if label == "same" else 0.0 for label in truth]])
    for name in NAMES:
        assert np.isnan(METRICS[name](truth, values).value_at(weights)).all()


def test_the_worst_pairs_stand_on_the_wrong_side_of_most_others():
    truth, values = ["same", "same", "different", "different"], [0.0, 9.0, 5.0, 1.0]
    np.testing.assert_allclose(METRICS["eer"](truth, values).losses, [1.0, 0.0, 0.5, 0.5])
