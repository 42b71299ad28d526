"""Batches of one length: nothing is padded, every example once a pass, and exact after a stop."""

from __future__ import annotations

import pytest
import torch

from deepdojo.recipes import TrainSection
from deepdojo.training import loop
from deepdojo.training.store import Store
from tests.training.fitting import fitted, set_up
from tests.training.made_rows import text_rows


class Stop(Exception):
    pass


def test_a_training_that_was_stopped_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0)
    train = TrainSection(steps=20, batch_size=16, lr=0.02, lengths="equal")

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
    fitted(tmp_path / "stopped", again, train=train, resume=True)
    for name, value in whole[1].state_dict().items():
        assert torch.equal(value, again[1].state_dict()[name]), name


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
