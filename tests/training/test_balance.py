"""Rare classes drawn more often: shares are those of the formula, every run draws the same, nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import deepdojo as dd
from deepdojo.errors import RecipeError
from deepdojo.tasks import load_task
from deepdojo.training.stream import examples_to_learn
from tests.baselines.floor_rows import made_rows

COUNTS = {"a": 20, "b": 200, "c": 2000}


def store():
    rows = made_rows("signal-classification", 1)
    many = [{**rows[0], "id": f"{name}{k}", "label": name} for name, n in COUNTS.items() for k in range(n)]
    return examples_to_learn(load_task("signal-classification").fit(many), many)


def drawn(packed, seed=0):
    return torch.cat(packed.batches(64, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("power", [0.5, 0.6, 1.0])
def test_classes_are_drawn_in_their_shares(power):
    packed = store()
    packed.balance("label", power)
    labels = torch.cat([packed.fixed["label"][drawn(packed, seed)] for seed in range(20)])
    n = np.array(list(COUNTS.values()), dtype=float)
    expected = n ** (1 - power) / (n ** (1 - power)).sum()
    found = np.bincount(labels.numpy(), minlength=3) / len(labels)
    # three shares of 44,400 draws: a false alarm needs 5 standard errors, p < 2e-6
    assert np.abs(found - expected).max() < 5 * np.sqrt(0.25 / len(labels))


def test_a_pass_is_as_long_and_the_same_for_a_seed():
    packed = store()
    packed.balance("label", 0.6)
    assert len(drawn(packed)) == len(packed)
    assert torch.equal(drawn(packed, 3), drawn(packed, 3))
    assert not torch.equal(drawn(packed, 3), drawn(packed, 4))
    packed.balance("label", 0.0)
    assert torch.equal(drawn(packed).sort().values, torch.arange(len(packed)))


def test_where_there_is_no_class_it_is_refused(tmp_path):
    with pytest.raises(RecipeError, match=r"train\.balance: examples have no class"):
        dd.train("diabetes-progression", set={"train.balance": 0.5}, runs=tmp_path)


def test_a_training_of_balanced_classes_finds_the_rare_one(tmp_path):
    run = dd.train(
        "breast-cancer", set={"train.balance": 1.0, "train.epochs": 2}, runs=tmp_path, baselines=False, explain=False
    )
    assert run.score.value > 0.8
