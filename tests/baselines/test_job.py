"""The child process: the same predictions as here, in one thread, and what it leaves when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepdojo.baselines.job import read_results, run_job, write_job
from deepdojo.baselines.run import run_floors
from deepdojo.contracts import CONTRACTS, contract_of
from deepdojo.errors import RunError
from tests.baselines.floor_rows import hidden, made_rows

QUICK = ("tabular-classification", "text-classification", "image-classification", "forecasting")


@pytest.mark.parametrize(
    "task", [task if task in QUICK else pytest.param(task, marks=pytest.mark.slow) for task in CONTRACTS]
)
def test_the_child_predicts_what_the_parent_would(task, tmp_path):
    train, test = made_rows(task, 80), hidden(made_rows(task, 11, seed=1), task)
    write_job(tmp_path, task=task, train=train, test=test, seed=3, metric="")
    done = subprocess.run(
        [sys.executable, "-m", "deepdojo.baselines", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = {r.name: r for r in run_floors(task, train, test, seed=3)}
    results = read_results(tmp_path)
    assert [r.name for r in results] == list(expected)
    for result in results:
        other = expected[result.name]
        assert (result.title, result.about) == (other.title, other.about)
        assert [p["id"] for p in result.predictions] == [p["id"] for p in other.predictions]
        for mine, theirs in zip(result.predictions, other.predictions, strict=True):
            said = next((name for name in ("label", "labels") if name in mine), None)
            if said is not None:
                assert mine[said] == theirs[said]
                continue
            assert mine.keys() == theirs.keys()
            for name, cell in mine.items():
                compound = isinstance(cell, list | str)
                assert cell == theirs[name] if compound else cell == pytest.approx(theirs[name])


def test_the_job_holds_no_target_of_a_held_out_row(tmp_path):
    task = "tabular-classification"
    write_job(tmp_path, task=task, train=made_rows(task, 5), test=hidden(made_rows(task, 5, seed=1), task))
    rows = [json.loads(line) for line in (tmp_path / "test.jsonl").read_text().splitlines()]
    assert all(set(row) == {"id", *contract_of(task).inputs} for row in rows)


def test_images_of_colour_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {"id": str(k), "label": "ab"[k % 2], "image": rng.integers(0, 256, (6, 4, 3)).astype(np.uint8)}
        for k in range(8)
    ]
    write_job(
        tmp_path, task="image-classification", train=rows, test=hidden(rows, "image-classification"), floors=["pixels"]
    )
    assert np.load(tmp_path / "train.images.npy").shape == (8, 3, 6, 4)
    expected = list(run_floors("image-classification", rows, rows, floors=["pixels"]))
    assert [p["label"] for p in run_job(tmp_path)[0].predictions] == [p["label"] for p in expected[0].predictions]


def test_what_is_finished_can_be_read_before_the_rest(tmp_path):
    assert read_results(tmp_path) == []
    task = "text-classification"
    write_job(
        tmp_path,
        task=task,
        train=made_rows(task, 9),
        test=hidden(made_rows(task, 3, seed=1), task),
        floors=["majority"],
    )
    run_job(tmp_path)
    assert [r.name for r in read_results(tmp_path)] == ["majority"]


def test_a_folder_without_a_job(tmp_path):
    with pytest.raises(RunError, match="no job"):
        run_job(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "deepdojo.baselines", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(Path(tmp_path)) in done.stderr
