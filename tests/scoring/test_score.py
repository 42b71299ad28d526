"""One table against the hidden answers, as a user's mistakes would have it; and what importing the scorer costs."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

import deepdojo.scoring
from deepdojo.errors import ScoreError, UnknownNameError
from deepdojo.scoring import Score, paired_scores, score
from deepdojo.tables import Table

from .made import CLASSIFICATION, REGRESSION, classified


def entry(n=120, seed=0, classes=3):
    truth, labels, cells, _, _ = classified(np.random.default_rng(seed), n, classes)
    solution = [{"id": f"r{i}", "label": t} for i, t in enumerate(truth)]
    return solution, Table({"id": [row["id"] for row in solution], "label": labels, "probabilities": cells})


def test_accuracy_with_wilson():
    solution, table = entry()
    found = score(CLASSIFICATION, "accuracy", solution, table)
    right = [row["label"] == said for row, said in zip(solution, table.columns["label"], strict=True)]
    assert found.value == pytest.approx(np.mean(right))
    assert found.interval == "wilson"
    assert found.low < found.value < found.high
    assert found.influence + found.value == pytest.approx(np.array(right, dtype=float))
    assert list(found.losses) == [0.0 if r else 1.0 for r in right]
    assert json.loads(json.dumps(found.as_json()))["n"] == 120
    assert str(found).startswith("accuracy 0.")


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "log_loss", "roc_auc", "ece"])
def test_order_of_the_table_does_not_matter(metric):
    solution, table = entry()
    order = np.random.default_rng(1).permutation(120)
    shuffled = Table({name: [cells[i] for i in order] for name, cells in table.columns.items()})
    first, second = (score(CLASSIFICATION, metric, solution, t) for t in (table, shuffled))
    assert (first.value, first.low, first.high) == (second.value, second.low, second.high)
    assert np.array_equal(first.influence, second.influence)


def test_losses_of_every_metric_are_larger_for_worse_rows():
    solution, table = entry(400)
    for metric in ("log_loss", "accuracy", "macro_f1", "ece", "roc_auc"):
        found = score(CLASSIFICATION, metric, solution, table)
        assert found.losses.shape == (400,)
        if metric in ("log_loss", "accuracy", "roc_auc"):
            pull = -found.influence if found.higher_is_better else found.influence
            assert np.corrcoef(found.losses, pull)[0, 1] > 0.8


def test_groups_reach_the_interval():
    solution, table = entry()
    found = score(CLASSIFICATION, "accuracy", solution, table, groups=np.arange(120) // 3)
    assert found.interval == "cluster bootstrap"
    with pytest.raises(ScoreError, match="5 groups for 120 rows"):
        score(CLASSIFICATION, "accuracy", solution, table, groups=np.arange(5))


def test_only_the_judged_column_is_needed():
    solution, table = entry()
    only = Table({"id": table.ids, "label": table.columns["label"]})
    assert score(CLASSIFICATION, "accuracy", solution, only).n == 120
    with pytest.raises(ScoreError, match="log_loss needs the column 'probabilities'; add it"):
        score(CLASSIFICATION, "log_loss", solution, only)


def test_mistakes_are_sentences():
    solution, table = entry()
    cut = Table({name: cells[:-2] for name, cells in table.columns.items()})
    with pytest.raises(ScoreError, match=r"2 ids are missing \('r118', 'r119'\)"):
        score(CLASSIFICATION, "accuracy", solution, cut)
    with pytest.raises(ScoreError, match="no row to score"):
        score(CLASSIFICATION, "accuracy", [], table)
    with pytest.raises(ScoreError, match="120 ids are missing"):
        score(CLASSIFICATION, "accuracy", solution, Table({"id": [], "label": []}))
    with pytest.raises(ScoreError, match=r"the label 'class 00.' is not among the known ones"):
        score(CLASSIFICATION, "accuracy", solution, table, labels={"x"})
    with pytest.raises(UnknownNameError, match="did you mean 'log_loss'"):
        score(CLASSIFICATION, "logloss", solution, table)
    with pytest.raises(ScoreError, match="the solution, row 1, id 'r0', column 'label': the label is missing"):
        score(CLASSIFICATION, "accuracy", [{"id": "r0", "label": None}], Table({"id": ["r0"], "label": ["x"]}))


def test_a_value_that_overflows_is_a_sentence():
    solution = [{"id": "a", "value": 1.0}, {"id": "b", "value": 2.0}]
    with pytest.raises(ScoreError, match="rmse is inf on these rows"):
        score(REGRESSION, "rmse", solution, Table({"id": ["a", "b"], "value": [1e200, 2.0]}))


def test_paired_scores():
    solution, table = entry()
    first = score(CLASSIFICATION, "log_loss", solution, table)
    same = paired_scores(first, first)
    assert (same.value, same.p) == (0.0, 1.0)
    other = score(CLASSIFICATION, "accuracy", solution, table)
    with pytest.raises(ScoreError, match="log_loss and accuracy cannot be compared"):
        paired_scores(first, other)


@pytest.mark.parametrize("n", [1, 2])
def test_tiny_held_out_parts(n):
    solution = [{"id": str(i), "value": float(i)} for i in range(n)]
    table = Table({"id": [row["id"] for row in solution], "value": [0.5] * n})
    for metric in ("rmse", "mae"):
        found = score(REGRESSION, metric, solution, table)
        assert math.isfinite(found.low)
        assert found.low <= found.value <= found.high
        assert found.interval in ("none", "bootstrap")


def test_public_names():
    for name in deepdojo.scoring.__all__:
        assert getattr(deepdojo.scoring, name) is not None
    assert isinstance(deepdojo.scoring.score, type(score))
    assert Score is deepdojo.scoring.Score
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = deepdojo.scoring.nothing


@pytest.mark.parametrize(
    "first", ["deepdojo.scoring", "deepdojo.scoring.score", "deepdojo.scoring.metrics", "deepdojo.tables"]
)
def test_nothing_heavy_is_imported(first):
    """Also: whatever is imported first, `deepdojo.scoring.score` is the function, not the module."""
    code = f"""
import sys, {first}
import deepdojo.scoring, deepdojo.scoring.custom, deepdojo.scoring.submission, deepdojo.scoring.ranking
from deepdojo.scoring import score, METRICS
assert callable(score)
heavy = {{"torch", "sklearn", "scipy", "duckdb", "pandas", "pyarrow", "PIL"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
