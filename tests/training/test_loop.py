"""The loop: exactness of resume and accumulation, early stop, budget, faults."""

from __future__ import annotations

import json
import math
import time

import pytest
import torch

from deepdojo.errors import TrainingError
from deepdojo.recipes import TrainSection
from deepdojo.tasks import load_task
from deepdojo.training import loop as loop_module
from deepdojo.training.checkpoint import latest_checkpoint, load_checkpoint, load_weights
from deepdojo.training.loop import Interrupted
from deepdojo.training.schedules import Schedule, planned_steps
from deepdojo.training.store import Store
from tests.training.fitting import fitted, set_up
from tests.training.made_rows import image_rows, table_rows, text_rows

SETTINGS = [
    ("tabular-classification", "mlp", table_rows),
    ("text-classification", "text_cnn", text_rows),
    ("text-classification", "rnn", text_rows),
    ("text-classification", "transformer", text_rows),
    ("image-classification", "cnn", image_rows),
]
TRAIN = TrainSection(epochs=3, batch_size=16, lr=3e-3)


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in model.state_dict().items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


class Stop(Exception):
    pass


@pytest.mark.parametrize(("task", "model", "made"), SETTINGS)
def test_a_training_that_dies_after_a_checkpoint_goes_on_bit_for_bit(tmp_path, monkeypatch, task, model, made):
    rows = made(160)
    whole = set_up(task, model, rows)
    fitted(tmp_path / "whole", whole, train=TRAIN)

    monkeypatch.setattr(loop_module, "CHECKPOINT_EVERY_S", -1.0)  # a checkpoint after every step
    died = set_up(task, model, rows)
    steps = 0

    def die(done: int, total: int, text: str) -> None:
        nonlocal steps
        steps += 1
        if steps == 13:  # in the middle of the second epoch
            raise Stop

    with pytest.raises(Stop):
        fitted(tmp_path / "died", died, train=TRAIN, progress=die)
    assert latest_checkpoint(tmp_path / "died" / "checkpoints") is not None
    again = set_up(task, model, rows, seed=99)  # other initial weights: all must come from the checkpoint
    fitted(tmp_path / "died", again, train=TRAIN, resume=True)
    assert equal(weights(whole[1]), weights(again[1]))

    def losses(folder: str) -> list[tuple[int, float]]:
        lines = (tmp_path / folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return [(v["step"], v["loss"]) for v in map(json.loads, lines) if v["kind"] == "step"]

    assert losses("whole") == losses("died")


def test_same_seed_same_weights_and_another_seed_others(tmp_path):
    found = []
    for i, seed in enumerate([5, 5, 6]):
        parts = set_up("text-classification", "text_cnn", text_rows(120), seed=1)
        fitted(tmp_path / str(i), parts, seed=seed, train=TRAIN)
        found.append(weights(parts[1]))
    assert equal(found[0], found[1])
    assert not equal(found[0], found[2])


def test_accumulation_gives_the_update_of_one_large_batch(tmp_path):
    found = []
    for cut in (1, 4):
        parts = set_up("tabular-classification", "linear", table_rows(160))
        parts[1].double()
        parts[2].fixed["numbers"] = parts[2].fixed["numbers"].double()
        parts[3].learnable.fixed["numbers"] = parts[3].learnable.fixed["numbers"].double()
        fitted(tmp_path / str(cut), parts, train=TRAIN.model_copy(update={"accumulate": cut}))
        found.append(weights(parts[1]))
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], rtol=1e-10, atol=1e-12)


def test_the_best_epoch_is_kept_and_patience_stops(tmp_path):
    parts = set_up("tabular-classification", "mlp", table_rows(200))
    result = fitted(tmp_path, parts, train=TrainSection(epochs=200, batch_size=32, lr=3e-3, patience=4))
    epochs = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    epochs = [e for e in epochs if e["kind"] == "epoch"]
    assert result.stopped == "patience"
    assert result.best_epoch == len(epochs) - 4
    best = max(epochs, key=lambda e: (e["validation"]["accuracy"], -e["validation_loss"]))
    assert best["epoch"] == result.best_epoch
    score, loss, _ = parts[3](parts[1])
    assert (score, loss) == (best["validation"]["accuracy"], pytest.approx(best["validation_loss"], rel=1e-6))


def test_the_last_weights_can_be_kept_and_patience_stops_all_the_same(tmp_path):
    parts = set_up("tabular-classification", "mlp", table_rows(200))
    train = TrainSection(epochs=200, batch_size=32, lr=3e-3, patience=4, keep="last")
    result = fitted(tmp_path, parts, train=train)
    epochs = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    epochs = [e for e in epochs if e["kind"] == "epoch"]
    assert result.stopped == "patience"
    assert result.best_epoch == len(epochs) < 200
    assert parts[3](parts[1])[1] == pytest.approx(epochs[-1]["validation_loss"], rel=1e-6)


def test_a_budget_is_kept_and_its_steps_can_be_replayed(tmp_path):
    train = TrainSection(epochs=100_000, batch_size=16)
    began = time.monotonic()
    first = set_up("tabular-classification", "mlp", table_rows(160))
    result = fitted(tmp_path / "a", first, train=train, deadline=time.monotonic() + 1.5)
    assert time.monotonic() - began < 6
    assert result.stopped == "budget"
    assert result.steps < planned_steps(train, 120)
    second = set_up("tabular-classification", "mlp", table_rows(160))
    replayed = fitted(tmp_path / "b", second, train=train, replay=Schedule(**vars(result.schedule)))
    assert replayed.steps == result.steps
    assert equal(weights(first[1]), weights(second[1]))


def test_ctrl_c_saves_the_last_whole_step(tmp_path):
    import os
    import signal

    parts = set_up("tabular-classification", "mlp", table_rows(160))
    calls = 0

    def press(done: int, total: int, text: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        fitted(tmp_path / "a", parts, train=TRAIN, progress=press)
    saved = latest_checkpoint(tmp_path / "a" / "checkpoints")
    assert saved is not None
    assert json.loads((saved / "state.json").read_text())["step"] >= 5
    fitted(tmp_path / "a", set_up("tabular-classification", "mlp", table_rows(160), seed=3), train=TRAIN, resume=True)
    whole = set_up("tabular-classification", "mlp", table_rows(160))
    fitted(tmp_path / "b", whole, train=TRAIN)
    resumed = load_weights(latest_checkpoint(tmp_path / "a" / "checkpoints") / "tensors.safetensors")
    last = load_weights(latest_checkpoint(tmp_path / "b" / "checkpoints") / "tensors.safetensors")
    assert equal(resumed, last)


def test_a_loss_that_is_not_finite_names_step_and_part_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(loop_module, "CHECKPOINT_EVERY_S", -1.0)
    parts = set_up("tabular-classification", "mlp", table_rows(160))

    def poison(done: int, total: int, text: str) -> None:
        if done == 4:
            with torch.no_grad():
                next(parts[1].parameters()).fill_(math.nan)

    with pytest.raises(
        TrainingError, match=r"step 5, first in the parameter '.*weight'; the last good checkpoint is kept \(step-00000"
    ):
        fitted(tmp_path, parts, train=TRAIN, progress=poison)


def test_a_short_training_has_a_good_checkpoint_when_its_loss_explodes(tmp_path):
    """Epochs of milliseconds: the checkpoint of every five seconds comes too late for them."""
    parts = set_up("tabular-classification", "linear", table_rows(160))
    seen = []

    def spoil(done: int, total: int, text: str) -> None:
        seen.append(done)
        if text.startswith("epoch 2"):
            parts[2].fixed["numbers"][:] = float("nan")

    with pytest.raises(TrainingError, match=r"the last good checkpoint is kept \(step-0"):
        fitted(tmp_path, parts, train=TrainSection(epochs=5, batch_size=32), progress=spoil)
    path = latest_checkpoint(tmp_path / "checkpoints")
    assert path is not None
    state, _ = load_checkpoint(path, model=parts[1], optimizer=torch.optim.AdamW(parts[1].parameters()))
    assert state["step"] >= 4
    assert all(bool(torch.isfinite(p).all()) for p in parts[1].parameters())


def test_weights_that_are_not_finite_never_replace_a_good_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(loop_module, "CHECKPOINT_EVERY_S", -1.0)
    parts = set_up("tabular-classification", "linear", table_rows(160))

    def spoil(done: int, total: int, text: str) -> None:
        if done == 3:
            with torch.no_grad():
                next(parts[1].parameters()).fill_(float("inf"))

    with pytest.raises(TrainingError, match="is kept"):
        fitted(tmp_path, parts, train=TrainSection(epochs=5, batch_size=32), progress=spoil)
    assert [p.name for p in (tmp_path / "checkpoints").glob("step-*")] == ["step-00000002"]


def test_a_batch_of_ragged_examples_is_padded_and_masked():
    rows = text_rows(40)
    task = load_task("text-classification").fit(rows)
    store = Store.pack(task, rows, learn=True)
    batch = store.cut(torch.tensor([3, 17, 5]))
    lengths = [len(task.tokenizer.encode(rows[i]["text"])) for i in (3, 17, 5)]
    assert batch["tokens"].shape == (3, max(lengths))
    assert batch["tokens_keep"].sum(1).tolist() == lengths
    assert batch["tokens"][0, : lengths[0]].tolist() == task.tokenizer.encode(rows[3]["text"])
    assert not batch["tokens"][~batch["tokens_keep"]].any()


@pytest.mark.parametrize("made", [table_rows, text_rows])
def test_every_example_comes_once_an_epoch(made):
    rows = made(101)
    name = "text-classification" if made is text_rows else "tabular-classification"
    store = Store.pack(load_task(name).fit(rows), rows, learn=True)
    for generator in (None, torch.Generator().manual_seed(3)):
        seen = torch.cat(store.batches(8, generator=generator))
        assert sorted(seen.tolist()) == list(range(101))
