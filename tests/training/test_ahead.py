"""Batches that are cut ahead are those that are cut when they are asked for."""

from __future__ import annotations

import pytest
import torch

from deepdojo.recipes import TrainSection
from deepdojo.training import loop
from deepdojo.training.ahead import Ahead
from tests.training.fitting import fitted, set_up
from tests.training.made_rows import text_rows

CPU = torch.device("cpu")


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_same_batches_in_any_order():
    _, _, store, _ = set_up("text-classification", "text_cnn", text_rows(60))
    batches = store.batches(7, generator=torch.Generator().manual_seed(0))
    ahead = Ahead(store, CPU, threaded=True)
    for index, following in zip(batches, [*batches[1:], None], strict=True):
        assert equal(ahead.take(index, following), store.cut(index))
    ahead.take(batches[0], batches[1])
    assert equal(ahead.take(batches[3], batches[0]), store.cut(batches[3]))  # another one than was announced
    assert equal(ahead.take(batches[0].clone()), store.cut(batches[0]))
    ahead.close()


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_training_takes_the_same_steps(tmp_path, monkeypatch, accumulate):
    weights, cut = [], []
    for threaded in (False, True):
        made = lambda store, device, on=threaded: cut.append(on) or Ahead(store, device, threaded=on)  # noqa: E731
        monkeypatch.setattr(loop, "Ahead", made)
        parts = set_up("text-classification", "text_cnn", text_rows(60))
        train = TrainSection(steps=13, batch_size=16, accumulate=accumulate)
        fitted(tmp_path / f"{threaded}{accumulate}", parts, train=train)
        weights.append(parts[1].state_dict())
    assert cut == [False, True]
    assert equal(*weights)


def test_what_fails_in_the_thread_is_raised():
    _, _, store, _ = set_up("text-classification", "text_cnn", text_rows(60))
    ahead = Ahead(store, CPU, threaded=True)
    with pytest.raises(IndexError):
        ahead.take(torch.tensor([10**6]))
    ahead.close()
