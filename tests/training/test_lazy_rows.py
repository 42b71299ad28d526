"""Rows that a batch holds move as under AdamW; the others keep still. And batches of one length."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepdojo.errors import RecipeError
from deepdojo.layers.embeddings import Embedding
from deepdojo.recipes import TrainSection
from deepdojo.training import loop
from deepdojo.training.lazy_rows import LazyAdamW, dense_parts, tables_by_row
from deepdojo.training.store import Store
from tests.training.fitting import fitted, set_up
from tests.training.made_rows import text_rows

V, D = 11, 3


def by_hand(weight, gradients, lr, betas, eps=1e-8):
    """Adam on each row alone, in plain algebra; the bias correction counts all steps."""
    first, second = np.zeros_like(weight), np.zeros_like(weight)
    for t, gradient in enumerate(gradients, 1):
        for row, g in gradient.items():
            first[row] = betas[0] * first[row] + (1 - betas[0]) * g
            second[row] = betas[1] * second[row] + (1 - betas[1]) * g**2
            hat = first[row] / (1 - betas[0] ** t), second[row] / (1 - betas[1] ** t)
            weight[row] -= lr * hat[0] / (np.sqrt(hat[1]) + eps)
    return weight


def test_rows_move_by_the_formula_and_others_keep_still():
    torch.manual_seed(0)
    table = Embedding(V, D).double()
    start = table.weight.detach().numpy().copy()
    optimizer = LazyAdamW(table.parameters(), lr=0.1, betas=(0.8, 0.9), weight_decay=0.0)
    table.sparse = True
    gradients = []
    for ids in ([1, 4, 4], [4, 7], [1, 1, 1]):
        pull = torch.randn(len(ids), D, dtype=torch.float64)
        (table(torch.tensor(ids)) * pull).sum().backward()
        assert table.weight.grad.is_sparse
        gradients.append({row: pull[[i for i, k in enumerate(ids) if k == row]].sum(0).numpy() for row in set(ids)})
        optimizer.step()
        optimizer.zero_grad()
    assert np.allclose(table.weight.detach().numpy(), by_hand(start.copy(), gradients, 0.1, (0.8, 0.9)), atol=1e-12)
    assert np.array_equal(table.weight.detach().numpy()[[0, 2, 3]], start[[0, 2, 3]])


def test_a_batch_that_holds_every_word_is_stepped_as_by_adamw():
    results = []
    for kind in (LazyAdamW, torch.optim.AdamW):
        torch.manual_seed(0)
        table, head = Embedding(V, D).double(), torch.nn.Linear(D, 2).double()
        table.sparse = kind is LazyAdamW
        optimizer = kind([*table.parameters(), *head.parameters()], lr=0.01, weight_decay=0.0, fused=True)
        for _ in range(3):
            head(table(torch.arange(V))).pow(2).sum().backward()
            assert len(dense_parts([*table.parameters(), *head.parameters()])) == 3
            optimizer.step()
            optimizer.zero_grad()
        results.append([p.detach() for p in (*table.parameters(), *head.parameters())])
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-12)


def test_rows_are_divided_and_counted_once():
    table = Embedding(V, D)
    table.sparse = True
    table(torch.tensor([2, 2, 5])).sum().backward()
    (part,) = dense_parts(list(table.parameters()))
    assert part.tolist() == [[2.0] * D, [1.0] * D]
    part.mul_(0.5)
    assert table.weight.grad.to_dense()[2].tolist() == [1.0] * D


class Stop(Exception):
    pass


def test_a_training_that_was_stopped_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0)
    train = TrainSection(steps=20, batch_size=16, lr=0.02, lazy_rows=True, lengths="equal")

    def stop(done, total, text):
        if done > 11:
            raise Stop

    def parts(seed):
        made = set_up("text-classification", "text_cnn", text_rows(120), seed=seed)
        made[2].equal = True
        return made

    whole, stopped, again = parts(0), parts(0), parts(9)
    fitted(tmp_path / "whole", whole, train=train)
    with pytest.raises(Stop):
        fitted(tmp_path / "stopped", stopped, train=train, progress=stop)
    assert not stopped[1].embedding.sparse
    fitted(tmp_path / "stopped", again, train=train, resume=True)
    for name, value in whole[1].state_dict().items():
        assert torch.equal(value, again[1].state_dict()[name]), name


def test_it_learns_and_leaves_the_model_as_it_was(tmp_path):
    rows = text_rows(120)
    train = TrainSection(steps=40, batch_size=16, lr=0.02, lazy_rows=True, lengths="equal")
    parts = set_up("text-classification", "text_cnn", rows)
    parts[2].equal = True
    fitted(tmp_path / "a", parts, train=train)
    assert parts[3](parts[1])[0] > 0.9
    assert not parts[1].embedding.sparse


@pytest.mark.parametrize(
    ("given", "alone", "said"),
    [
        ({"optimizer": "sgd"}, True, "moves whole tables"),
        ({}, False, "several processes"),
        ({"model": torch.nn.Linear(3, 2)}, True, "in no table of its own"),
    ],
)
def test_where_it_cannot_be_it_says_so(given, alone, said):
    model = given.pop("model", Embedding(V, D))
    with pytest.raises(RecipeError, match=said):
        tables_by_row(model, TrainSection(lazy_rows=True, **given), alone=alone)


def test_batches_of_one_length():
    task = set_up("text-classification", "text_cnn", text_rows(120))[0]
    store = Store.pack(task, text_rows(120), learn=True)
    store.equal = True
    assert store.length_of is not None
    for size in (1, 7, 500):
        batches = store.batches(size, generator=torch.Generator().manual_seed(3))
        assert len(batches) == store.steps(size)
        assert sorted(torch.cat(batches).tolist()) == list(range(len(store)))
        assert all(len({int(store.length_of[i]) for i in batch}) == 1 for batch in batches)
        assert all(bool(store.cut(batch)["tokens_keep"].all()) for batch in batches)
