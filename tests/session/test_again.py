"""Runs taken up again: resumed, reproduced, explained, after a move, with overrides of the split, within a budget."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

import deepdojo as dd
from deepdojo.errors import DojoError, UsageError
from deepdojo.session.listener import Listener
from tests.session.test_no_leak import records, table

QUICK = {"baselines": False, "explain": False, "report": False}


def made(folder: Path, n: int = 200, extra: str = "") -> Path:
    """A table with a column `patient` that a split may keep together."""
    folder.mkdir()
    rows = [{**row, "patient": f"p{i % 40}"} for i, row in enumerate(records(n))]
    table(folder / "all.csv", rows)
    (folder / "project.toml").write_text(
        'name = "made"\ntask = "tabular-classification"\nmetric = "accuracy"\n[source]\npath = "."\n[data]\n'
        f'reader = "csv"\nfile = "all.csv"\nid = "key"\n[columns]\nfeatures = "*"\nlabel = "label"\n{extra}',
        encoding="utf-8",
    )
    return folder


def config(run: Path) -> dict[str, Any]:
    return json.loads((run / "model" / "config.json").read_text(encoding="utf-8"))


class StopAt(Listener):
    """Interrupts after so many reports of progress in a stage."""

    def __init__(self, stage: str, count: int) -> None:
        self.wanted, self.left, self.now = stage, count, ""

    def stage(self, name: str, detail: str = "") -> None:
        self.now = name

    def progress(self, done: int, total: int, text: str = "") -> None:
        if self.now == self.wanted:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


GROUPED = ["split.group=patient", "train.epochs=4"]


def test_a_group_given_on_the_command_line_counts_after_a_resume_too(tmp_path: Path) -> None:
    whole = dd.train(made(tmp_path / "a"), set=GROUPED, **QUICK)
    other = made(tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        dd.train(other, set=GROUPED, listener=StopAt("train", 9), **QUICK)
    left = next((other / "runs").glob("*.partial"))
    again = dd.train(resume=left)
    assert config(again.folder) == config(whole.folder)
    weights = [(r.folder / "model" / "model.safetensors").read_bytes() for r in (whole, again)]
    assert weights[0] == weights[1]
    assert whole.score == again.score


@pytest.mark.parametrize("settings", [GROUPED, ["split.folds=4", "split.fold=2", "train.epochs=4"]])
def test_overrides_of_the_split_are_reproduced(tmp_path: Path, settings: list[str]) -> None:
    run = dd.train(made(tmp_path / "a"), set=settings, seed=3, **QUICK)
    again = dd.reproduce(run)
    assert again.same_score
    assert again.same_weights


@pytest.mark.slow
def test_a_budget_is_kept_and_its_run_reproduced(tmp_path: Path) -> None:
    began = time.monotonic()
    settings = ["train.epochs=100000", "train.patience=none"]
    run = dd.train(made(tmp_path / "a"), set=settings, budget=8.0, baselines=False, explain=False)
    assert time.monotonic() - began < 8 * 1.05 + 2
    assert run.run.info["stopped"] == "budget"
    again = dd.reproduce(run)
    assert again.same_score
    assert again.same_weights


def test_a_budget_in_which_nothing_can_be_trained_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepdojo.session import network

    monkeypatch.setattr(network, "SCORE_ROW_S", 1.0)  # as if scoring took a minute
    with pytest.raises(UsageError, match="too short: reading took"):
        dd.train(made(tmp_path / "a"), budget=8.0, **QUICK)


def test_a_project_that_was_moved_keeps_its_runs(tmp_path: Path) -> None:
    run = dd.train(made(tmp_path / "before"), set=["train.epochs=2"], **QUICK)
    name = run.folder.name
    shutil.move(tmp_path / "before", tmp_path / "after")
    moved = tmp_path / "after" / "runs" / name
    assert dd.reproduce(moved).same_weights
    rows = dd.load(moved).predict(tmp_path / "after" / "all.csv")
    assert len(rows) == 200
    shutil.move(moved, tmp_path / name)
    with pytest.raises(DojoError, match="no longer at"):
        dd.reproduce(tmp_path / name)


def test_what_train_returns_serves_every_verb(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    run, other = (dd.train(folder, set=["train.epochs=2"], seed=s, explain=False, report=False) for s in (0, 1))
    assert dd.load(run).folder == run.folder
    assert dd.compare(run, other).n == run.score.n
    assert "accuracy" in repr(run)
    assert "<b>made</b>" in run._repr_html_()
    baseline = next(path for path in (folder / "runs").glob("baseline-*") if "majority" in path.name)
    compared = dd.compare(run, baseline)
    assert compared.b["model"] == "majority class"
    closed = dd.train(folder, set=["train.epochs=2"], validation_only=True, **QUICK)
    assert "not scored" in repr(closed)


def test_options_of_the_project_reach_the_task(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", extra="[options]\nnonsense = 3\n")
    with pytest.raises(DojoError, match="nonsense"):
        dd.train(folder, **QUICK)


@pytest.mark.parametrize(
    ("settings", "seed"),
    [(["train.threads=0"], 0), (["train.betas=[1.5, 2]"], 0), (["train.device=meta"], 0), ([], 2**32), ([], -1)],
)
def test_values_that_cannot_work_are_refused_in_a_sentence(tmp_path: Path, settings: list[str], seed: int) -> None:
    with pytest.raises(DojoError):
        dd.train(made(tmp_path / "a"), set=settings, seed=seed, **QUICK)


def test_the_random_state_of_the_caller_stays(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(5)
    before = torch.get_rng_state()
    dd.train(made(tmp_path / "a"), set=["train.epochs=1"], **QUICK)
    assert torch.equal(before, torch.get_rng_state())
