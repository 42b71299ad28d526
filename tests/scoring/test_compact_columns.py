"""Metrics on compact columns are, bit for bit, those on lists of cells."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.columns import Coded, Distributions, Numbers, Texts
from deepdojo.errors import ScoreError
from deepdojo.scoring import absolute_sums, metrics_for, score
from deepdojo.tables import Table, align, check_cells
from tests.scoring.made import CLASSIFICATION, REGRESSION, classified


def compact(labels, cells, matrix, names):
    place = {name: i for i, name in enumerate(names)}
    return Coded(np.array([place[label] for label in labels]), names), Distributions(names, matrix)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [2, 5])
def test_classification(classes, ties):
    truth, labels, cells, matrix, names = classified(np.random.default_rng(1), 300, classes, ties=ties)
    matrix[7] *= 1 + 5e-4  # within the table's tolerance: brought to sum 1 by either way
    matrix[8] *= 1 + 3e-9
    cells[7], cells[8] = (dict(zip(names, matrix[i].tolist(), strict=True)) for i in (7, 8))
    order = np.random.default_rng(2).permutation(len(names))  # columns need not stand by name
    coded, distributions = compact(labels, cells, matrix, names)
    distributions = Distributions([names[k] for k in order], matrix[:, order])
    ids = [f"r{i}" for i in range(300)]
    solution = [{"id": i, "label": t} for i, t in zip(ids, truth, strict=True)]
    lists = Table({"id": ids, "label": labels, "probabilities": cells})
    columns = Table({"id": Texts(ids), "label": coded, "probabilities": distributions})
    for metric in metrics_for(CLASSIFICATION):
        one, other = (score(CLASSIFICATION, metric, solution, table) for table in (lists, columns))
        assert (one.value, one.low, one.high, one.interval) == (other.value, other.low, other.high, other.interval)
        assert np.array_equal(one.influence, other.influence)


def test_regression():
    rng = np.random.default_rng(3)
    truth, said = rng.normal(size=200), rng.normal(size=200)
    ids = [str(i) for i in range(200)]
    solution = [{"id": i, "value": float(t)} for i, t in zip(ids, truth, strict=True)]
    tables = [Table({"id": ids, "value": said.tolist()}), Table({"id": Texts(ids), "value": Numbers(said)})]
    for metric in metrics_for(REGRESSION):
        one, other = (score(REGRESSION, metric, solution, table) for table in tables)
        assert (one.value, one.low, one.high) == (other.value, other.low, other.high)


@pytest.mark.parametrize("fault", ["sum", "negative", "nan", "label"])
def test_a_wrong_probability_is_found_in_its_row(fault):
    _, _, _, matrix, names = classified(np.random.default_rng(1), 20, 3)
    if fault != "label":
        matrix[11, 1] = {"sum": matrix[11, 1] + 0.1, "negative": -0.1, "nan": np.nan}[fault]
    table = Table({"id": [f"r{i}" for i in range(20)], "probabilities": Distributions(names, matrix)})
    with pytest.raises(ScoreError, match="r0" if fault == "label" else "r11"):
        check_cells(table, {"probabilities": "distribution"}, labels=names[:2] if fault == "label" else names)


def test_tables_in_order_are_not_copied_and_others_are_aligned():
    ids = [f"r{i}" for i in range(50)]
    table = Table({"id": Texts(ids), "value": Numbers(np.arange(50.0))})
    assert align(ids, table) is table
    turned = align(ids[::-1], table)
    assert turned.columns["value"] == [float(i) for i in range(50)][::-1]
    doubled = Table({"id": ["a", "a"], "value": [1.0, 2.0]})
    with pytest.raises(ScoreError, match="doubled"):
        align(["a", "a"], doubled)


def test_the_calibration_interval_in_parts_is_that_of_all_rows(monkeypatch):
    truth, _, cells, _, _ = classified(np.random.default_rng(4), 400, 3)
    solution = [{"id": str(i), "label": t} for i, t in enumerate(truth)]
    table = Table({"id": [str(i) for i in range(400)], "probabilities": cells})
    whole = score(CLASSIFICATION, "ece", solution, table)
    monkeypatch.setattr(absolute_sums, "_ROWS", 64)
    parts = score(CLASSIFICATION, "ece", solution, table)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high), rel=1e-9)
