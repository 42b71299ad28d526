"""Evidence = -loss of the row with its own prediction as the answer; deleting puts the task's blank in place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from deepdojo.errors import DataError
from deepdojo.explain.evidence import Probe, evaluation
from deepdojo.models import create_model

from .made import cells_of, learned, made_rows, made_task, probe_of


@pytest.mark.parametrize("name", ["image-classification", "text-classification", "tabular-classification"])
def test_evidence_of_a_class_is_the_log_of_its_probability(name):
    rows = made_rows(name, 40)
    task = made_task(name, rows)
    model = create_model(
        {"image-classification": "cnn", "text-classification": "text_cnn"}.get(name, "mlp"), task.dims()
    )
    cells = cells_of(task, model, rows)
    for row in rows[:5]:
        probe = probe_of(task, model, row)
        found = probe.after(np.zeros((1, probe.units), dtype=bool))
        assert found[0] == pytest.approx(np.log(max(cells[row["id"]]["probabilities"].values())), abs=1e-5)


def test_evidence_of_a_number_is_zero_until_something_is_deleted():
    rows = made_rows("tabular-regression", 60)
    task = made_task("tabular-regression", rows)
    model = learned(task, rows, "mlp", steps=20)
    probe = probe_of(task, model, rows[0])
    found = probe.after(np.concatenate([np.zeros((1, 3), dtype=bool), np.ones((1, 3), dtype=bool)]))
    assert found[0] == pytest.approx(0.0, abs=1e-9)
    assert found[1] < -1e-3


def test_deleting_puts_the_blank_of_each_entry_in_place():
    rows = made_rows("tabular-regression", 60)
    task = made_task("tabular-regression", rows)
    probe = probe_of(
        task, create_model("linear", task.dims()), rows[3]
    )  # its `b` is missing: (value, gap) are two numbers
    deleted = torch.tensor([[True, False, False], [False, True, False], [False, False, True]])
    numbers, categories = probe.blanked("numbers", deleted), probe.blanked("categories", deleted)
    a, b, gap = probe.batch["numbers"][0].tolist()
    assert numbers.tolist() == [[0.0, b, gap], [a, 0.0, 0.0], [a, b, gap]]
    assert gap == 1.0
    colour = int(probe.batch["categories"])
    assert categories.tolist() == [[colour], [colour], [0]]


def test_a_batch_of_deletions_equals_each_deletion_alone():
    rows = made_rows("text-classification", 40)
    task = made_task("text-classification", rows)
    row = max(rows, key=lambda r: len(r["text"]))
    probe = probe_of(task, create_model("rnn", task.dims()), row)
    deleted = np.random.default_rng(0).random((7, probe.units)) < 0.5
    alone = np.concatenate([probe.after(one[None]) for one in deleted])
    np.testing.assert_allclose(probe.after(deleted), alone, rtol=0, atol=1e-6)


def test_windows_of_a_long_text_share_one_evidence_and_the_first_is_explained():
    rows = made_rows("text-classification", 40)
    task = made_task("text-classification", rows, max_tokens=4)
    row = next(r for r in rows if len(r["text"].split()) == 10)
    model = learned(task, rows, "text_cnn", steps=3)
    probe = probe_of(task, model, row)
    assert probe.units == 4
    truth = task.as_truth(row, cells_of(task, model, [row])[row["id"]])
    windows = list(task.encode(truth, learn=True))
    losses = []
    for window in windows:
        tokens = torch.from_numpy(window["tokens"])[None]
        batch = {"tokens": tokens, "tokens_keep": torch.ones_like(tokens, dtype=torch.bool)}
        losses.append(float(task.loss(model, {**batch, "label": torch.tensor([window["label"]])})[0].detach()))
    assert len(windows) == 3
    assert probe.after(np.zeros((1, 4), dtype=bool))[0] == pytest.approx(-np.mean(losses), abs=1e-6)


def test_a_long_text_is_deleted_in_spans():
    row = {"id": "0", "text": " ".join(["fine", "plot"] * 50), "label": "good"}
    task = made_task("text-classification", [row, {"id": "1", "text": "dull dull", "label": "bad"}])
    model = create_model("text_cnn", task.dims())
    probe = probe_of(task, model, row, max_units=64)
    assert len(probe.labels) == 100
    assert probe.units == 25
    assert probe.unit.tolist() == [i // 4 for i in range(100)]
    assert probe.sums(np.ones(100)).tolist() == [4.0] * 25
    assert probe_of(task, model, row, max_units=100).units == 100


def test_a_cell_that_cannot_be_read_says_so():
    rows = made_rows("image-classification", 20)
    task = made_task("image-classification", rows)
    with pytest.raises(DataError):
        Probe.of(task, create_model("linear", task.dims()), {"id": "x", "image": b"no image"}, {"label": "lies"})


def test_a_prediction_that_is_no_class_has_no_probe():
    rows = made_rows("image-classification", 20)
    task = made_task("image-classification", rows)
    assert Probe.of(task, create_model("linear", task.dims()), rows[0], {"label": "flies"}) is None


def test_evaluation_gives_each_module_its_mode_back():
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2), nn.Dropout()))
    model.train()
    model[1][0].eval()  # a frozen normalisation inside a model that trains
    with evaluation(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, True, True, False, True]
