"""Metrics of several labels a row, beside scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn.metrics as theirs

from deepdojo.errors import ScoreError
from deepdojo.scoring.metrics import METRICS

from .made import labelled


def hot(cells: list[list[str]], names: list[str]) -> np.ndarray:
    return np.array([[name in cell for name in names] for cell in cells], dtype=int)


def at(name: str, truth, predicted, weights: np.ndarray) -> float:
    return float(METRICS[name](truth, predicted).value_at(weights[None])[0])


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n", "labels"), [(1, 1), (1, 4), (7, 2), (60, 5), (200, 23)])
def test_equal_to_scikit_learn_with_and_without_weights(n: int, labels: int, ties: bool) -> None:
    rng = np.random.default_rng(n * labels)
    made = labelled(rng, n, labels, ties=ties)
    truth, said = made["labels"]
    _, p = made["marginals"]
    names = list(p[0])
    y, z, q = hot(truth, names), hot(said, names), np.array([list(cell.values()) for cell in p])
    there = (y.sum(axis=0) + z.sum(axis=0)) > 0
    for w in (np.ones(n), rng.integers(1, 4, n).astype(float), rng.random(n) + 0.1):
        more = {"sample_weight": w}
        assert at("micro_f1", truth, said, w) == pytest.approx(
            theirs.f1_score(y, z, average="micro", zero_division=1.0, **more), abs=1e-12
        )
        macro = theirs.f1_score(y[:, there], z[:, there], average="macro", zero_division=0.0, **more)
        assert at("macro_f1_of_labels", truth, said, w) == pytest.approx(macro, abs=1e-12)
        assert at("subset_accuracy", truth, said, w) == pytest.approx(theirs.accuracy_score(y, z, **more), abs=1e-12)
        mean = np.mean([theirs.average_precision_score(y[:, k], q[:, k], **more) for k in range(labels)])
        assert at("macro_average_precision", truth, p, w) == pytest.approx(mean, abs=1e-12)


def test_no_label_anywhere_is_all_right_and_ranks_nothing() -> None:
    empty: list[list[str]] = [[], []]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("micro_f1", "macro_f1_of_labels", "subset_accuracy"):
            assert METRICS[name](empty, empty).value() == 1.0
    with pytest.raises(ScoreError, match="no row has a label"):
        METRICS["macro_average_precision"](empty, [{"a": 0.5}, {}])


def test_nothing_said_and_labels_that_nobody_asked_for_score_zero() -> None:
    truth = [["a"], ["a", "b"]]
    for said in ([[], []], [["x"], ["y"]]):
        for name in ("micro_f1", "macro_f1_of_labels", "subset_accuracy"):
            assert METRICS[name](truth, said).value() == 0.0


def test_the_order_of_labels_and_a_label_without_a_probability_do_not_matter() -> None:
    truth, said = [["a", "b"], ["b"]], [["b", "a"], ["b"]]
    assert METRICS["subset_accuracy"](truth, said).value() == 1.0
    with_zero = METRICS["macro_average_precision"](truth, [{"a": 0.9, "b": 0.5}, {"a": 0.0, "b": 0.7}]).value()
    assert METRICS["macro_average_precision"](truth, [{"a": 0.9, "b": 0.5}, {"b": 0.7}]).value() == with_zero == 1.0


def test_the_losses_point_at_the_rows_that_are_wrong() -> None:
    truth, said = [["a"], ["b"], ["a", "b"]], [["a"], ["a"], ["a"]]
    for name in ("micro_f1", "macro_f1_of_labels", "subset_accuracy"):
        losses = METRICS[name](truth, said).losses
        assert losses is not None
        assert losses[0] == 0 < min(losses[1:])
