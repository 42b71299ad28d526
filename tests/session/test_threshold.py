"""A project's threshold: chosen on validation rows, kept, said, and used by whatever predicts later."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest

import deepdojo as dd
from deepdojo.errors import DojoError
from deepdojo.runs import Run
from deepdojo.scoring.metrics import METRICS

TRAIN = {"train.epochs": 2, "train.batch_size": 64, "train.threads": 1, "train.lr": 1e-2}


def project(folder: Path, more: str = 'threshold = "balanced_accuracy"\n', metric: str = "accuracy") -> Path:
    """600 rows of two numbers; one in five is ill."""
    draw = random.Random(3)
    with (folder / "people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "state"])
        for _ in range(600):
            ill = draw.random() < 0.2
            writer.writerow([round(draw.gauss(1.3 * ill, 1), 3), round(draw.gauss(0, 1), 3), "ill" if ill else "well"])
    (folder / "project.toml").write_text(f'''
name = "people"
task = "tabular-classification"
metric = "{metric}"
positive = "ill"
{more}
[data]
file = "people.csv"

[columns]
label = "state"
''')
    return folder


def train(folder: Path, **given):
    plain = {"baselines": False, "explain": False, "runs": folder / "runs"}
    return dd.train(folder, "mlp", **{"set": TRAIN, **plain, **given})


def test_the_threshold_is_the_best_on_validation_rows_and_everything_uses_it(tmp_path):
    run = train(project(tmp_path), baselines=True)
    found = run.run.score["threshold"]
    assert found["positive"] == "ill"
    assert found["by"] == "balanced_accuracy"
    validation = run.run.predictions("validation")
    assert found["n"] == len(validation)
    assert found["threshold"] < 0.5  # a rare class, counted as much as the common one
    for table in (validation, run.run.predictions()):
        for row in table.rows():
            assert (row["label"] == "ill") == (row["probabilities"]["ill"] >= found["threshold"])
    assert run.run.task().positive_from == found["threshold"]
    again = run.predict([{"a": "1.5", "b": "0"}, {"a": "-2", "b": "0"}])
    for row in again:
        assert (row["label"] == "ill") == (row["probabilities"]["ill"] >= found["threshold"])
    summary = run.summary()["threshold"]
    assert set(summary["rates"]) == {"sensitivity", "specificity"}
    assert "ill from a probability of" in run.run.info["chosen"]["threshold"]
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "A row is called ill from a probability of" in page
    (floor,) = (tmp_path / "runs").rglob("baseline-logistic-*")
    assert "by balanced accuracy on" in Run(floor).info["about"]
    assert 0.3 < Run(floor).score["others"]["sensitivity"]["value"] <= 1


def test_validation_labels_are_those_that_no_other_threshold_beats(tmp_path):
    run = train(project(tmp_path))
    rows = list(run.run.predictions("validation").rows())
    with (tmp_path / "people.csv").open() as file:
        states = {str(k): line["state"] for k, line in enumerate(csv.DictReader(file), 1)}
    truth = [states[row["id"]] for row in rows]
    metric = METRICS["balanced_accuracy"]
    p = np.array([row["probabilities"]["ill"] for row in rows])
    best = max(metric(truth, ["ill" if q >= t else "well" for q in p]).value() for t in [0.5, *p])
    assert metric(truth, [row["label"] for row in rows]).value() == pytest.approx(best)


def test_a_number_can_be_given_and_set_from_outside(tmp_path):
    run = train(project(tmp_path, "threshold = 0.3\n"))
    assert run.run.score["threshold"] == {"positive": "ill", "threshold": 0.3, "by": "", "n": 0}
    other = train(tmp_path, set={**TRAIN, "threshold": 0.1})
    assert other.run.score["threshold"]["threshold"] == 0.1
    assert other.run.score["others"]["sensitivity"]["value"] >= run.run.score["others"]["sensitivity"]["value"]


def test_without_one_the_likelier_label_is_given_and_nothing_is_said(tmp_path):
    run = train(project(tmp_path, ""), validation_only=True)
    assert "threshold" not in run.run.score
    assert all(
        (r["label"] == "ill") == (r["probabilities"]["ill"] > 0.5) for r in run.run.predictions("validation").rows()
    )


def test_each_seed_has_its_own_and_the_score_names_all(tmp_path):
    run = train(project(tmp_path), seeds=2)
    found = run.run.score["threshold"]
    assert len(found["each"]) == 2
    assert found["threshold"] == pytest.approx(np.mean(found["each"]))


def test_a_model_of_all_rows_takes_the_median_of_the_folds(tmp_path):
    run = train(project(tmp_path), folds=3, refit=True)
    found = run.run.score["threshold"]["each"]
    assert Run(run.folder / "refit").task().positive_from == pytest.approx(float(np.median(found)))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('threshold = "log_loss"\n', "does not judge labels"),
        ('threshold = "acuracy"\n', "accuracy"),
        ("threshold = 1.5\n", "threshold"),
    ],
)
def test_a_threshold_that_means_nothing_is_refused_before_training(tmp_path, more, said):
    with pytest.raises(DojoError, match=said):
        train(project(tmp_path, more))


def test_a_positive_label_that_no_row_has_is_refused_before_training(tmp_path):
    project(tmp_path)
    text = (tmp_path / "project.toml").read_text().replace('positive = "ill"', 'positive = "sick"')
    (tmp_path / "project.toml").write_text(text)
    with pytest.raises(DojoError, match="sick"):
        train(tmp_path)


def test_a_threshold_without_a_positive_label_is_refused(tmp_path):
    project(tmp_path)
    text = (tmp_path / "project.toml").read_text().replace('positive = "ill"\n', "")
    (tmp_path / "project.toml").write_text(text)
    with pytest.raises(DojoError, match="positive = LABEL"):
        train(tmp_path)
