"""The learning-rate finder: what it leaves alone, what it chooses, that a run can be repeated and drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import deepdojo as dd
from deepdojo.recipes import TrainSection
from deepdojo.runs import Run
from deepdojo.training.find_lr import find_lr
from tests.training.fitting import CPU, set_up
from tests.training.made_rows import table_rows

FEW = {"train.epochs": 2, "model.hidden": [16]}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_the_model_and_the_random_numbers_stay_and_the_rate_is_one_that_learns(optimizer: str) -> None:
    task, model, store, _ = set_up("tabular-classification", "mlp", table_rows(300))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    drawn = torch.get_rng_state()
    train = TrainSection(batch_size=32, optimizer=optimizer)
    sweeps = [find_lr(task, model, store, train, CPU, seed=3) for _ in range(2)]
    assert sweeps[0] == sweeps[1]
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(p.grad is None for p in model.parameters())
    rates, losses = sweeps[0].rates, sweeps[0].losses
    assert rates == sorted(rates)
    assert sweeps[0].lr == pytest.approx(rates[losses.index(min(losses))] / 10)
    assert min(losses) < 0.8 * losses[0]


def test_a_run_trains_with_what_was_found_and_says_so(tmp_path: Path) -> None:
    run = dd.train("breast-cancer", "mlp", set=FEW, runs=tmp_path, baselines=False, explain=False, find_lr=True)
    sweep = json.loads((run.folder / "find_lr.json").read_text())
    assert run.run.info["train"]["lr"] == pytest.approx(sweep["lr"])
    assert "lowest loss" in run.run.info["chosen"]["learning rate"]
    assert "The search for a learning rate" in (run.folder / "report.html").read_text(encoding="utf-8")
    again = dd.reproduce(run.folder)
    assert again.same_weights
    plain = dd.train("breast-cancer", "mlp", set={**FEW, "train.lr": sweep["lr"]}, runs=tmp_path, baselines=False,
                     explain=False, report=False)  # fmt: skip
    same = (plain.folder / "model" / "model.safetensors").read_bytes()
    assert same == (run.folder / "model" / "model.safetensors").read_bytes()


def test_a_search_fits_into_its_time_or_is_left_out() -> None:
    task, model, store, _ = set_up("tabular-classification", "mlp", table_rows(300))
    train = TrainSection(batch_size=32)
    assert find_lr(task, model, store, train, CPU, seed=3, seconds=0.0) is None
    sweep = find_lr(task, model, store, train, CPU, seed=3, seconds=60.0)
    assert sweep is not None
    assert sweep.rates[0] == pytest.approx(1e-6)
    assert len(sweep.rates) <= 100


def test_a_search_that_was_killed_begins_anew_and_a_finished_one_is_kept(tmp_path: Path, monkeypatch) -> None:
    from deepdojo.session import found_rate, network

    asked = {"set": FEW, "runs": tmp_path, "baselines": False, "explain": False, "report": False}
    whole = dd.train("breast-cancer", "mlp", find_lr=True, **asked)

    def dies(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(found_rate, "find_lr", dies)
        with pytest.raises(KeyboardInterrupt):
            dd.train("breast-cancer", "mlp", find_lr=True, **asked)
    left = next(tmp_path.rglob("*.partial"))
    with monkeypatch.context() as patch:
        patch.setattr(network, "fit", dies)
        with pytest.raises(KeyboardInterrupt):
            dd.train(resume=left)
        patch.setattr(found_rate, "find_lr", dies)  # it has searched, so it need not again
        with pytest.raises(KeyboardInterrupt):
            dd.train(resume=left)
    again = dd.train(resume=left)
    weights = [run.folder / "model" / "model.safetensors" for run in (whole, again)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert again.run.info["chosen"] == whole.run.info["chosen"]


def test_a_refit_takes_the_rate_of_the_folds(tmp_path: Path) -> None:
    asked = {"set": FEW, "runs": tmp_path, "baselines": False, "explain": False, "report": False}
    run = dd.train("breast-cancer", "mlp", find_lr=True, folds=2, refit=True, **asked)
    parts = [Run(run.folder / part) for part in ("folds/0", "refit")]
    assert parts[0].info["train"]["lr"] == parts[1].info["train"]["lr"]
    assert not (run.folder / "refit" / "find_lr.json").exists()
