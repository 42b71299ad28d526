"""`dojo train` under torchrun, as a user starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

# Batch statistics are those of a shard, and their running means are averaged: another model than one process trains.
EXACT = ["--set", "model.dropout=0", "--set", "model.norm=layer", "--set", "train.clip=0"]
TRAIN = ["train", "digits", "-r", "mlp", *EXACT, "--no-explain", "--no-baselines", "--json"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
HERE = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}


def dojo(place: Path, *arguments: str, launcher: list[str] | None = None, code: int = 0) -> dict[str, Any]:
    start = [*(launcher or [sys.executable]), "-m", "deepdojo.cli"]
    done = subprocess.run([*start, *arguments], cwd=place, env=HERE, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr[-3000:]
    return json.loads(done.stdout)  # of the first process alone: two objects would be no JSON


def weights(run: str) -> bytes:
    return (Path(run) / "model" / "model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_leave_one_run_that_one_process_reproduces(tmp_path: Path, parallel: str) -> None:
    few = ["--set", "train.epochs=2"]
    shared = dojo(tmp_path, *TRAIN, *few, "--set", f"train.parallel={parallel}", launcher=TORCHRUN)
    alone = dojo(tmp_path, *TRAIN, *few, "--set", "train.accumulate=2")
    assert shared["score"] == alone["score"]
    again = dojo(tmp_path, "reproduce", Path(shared["run"]).name, "--json")
    assert again["same_score"]
    if parallel == "ddp":
        assert weights(shared["run"]) == weights(alone["run"])
        assert again["same_weights"]
    else:  # a share of 5 numbers goes through the fused optimizer's scalar code, the whole of 10 through vectors of 8
        ours, theirs = (load_file(Path(run["run"]) / "model" / "model.safetensors") for run in (shared, alone))
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value, rtol=0, atol=1e-5)
    assert {f.name for f in (tmp_path / "runs" / "digits").glob("2*")} == {Path(r["run"]).name for r in (shared, alone)}


@pytest.mark.slow
def test_a_killed_helper_costs_nothing_but_time(tmp_path: Path) -> None:
    """A process is killed in the middle; torchrun starts both anew and they go on in the same folder."""
    asked = [*TRAIN, "--set", "train.steps=1200"]
    whole = dojo(tmp_path, *asked, "--runs", "whole", launcher=TORCHRUN)
    start = [*TORCHRUN, "--max-restarts=2", "-m", "deepdojo.cli", *asked, "--runs", "killed"]
    child = subprocess.Popen(start, cwd=tmp_path, env=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not list((tmp_path / "killed" / "digits").glob("*.partial/checkpoints/step-*")):
        assert time.monotonic() < until, "no checkpoint came"
        time.sleep(0.05)
    os.kill(_helper_of(child.pid), signal.SIGKILL)
    out, errors = child.communicate(timeout=200)
    assert child.returncode == 0, errors[-3000:]
    said = []
    while out.strip():  # the first process may have said that its helper was lost before it was started again
        found, end = json.JSONDecoder().raw_decode(out := out.lstrip())
        said, out = [*said, found], out[end:]
    assert all("another process" in before["error"] for before in said[:-1])
    assert weights(found["run"]) == weights(whole["run"])
    assert len(list((tmp_path / "killed" / "digits").glob("2*"))) == 1


def _helper_of(launcher: int) -> int:
    """The process of rank 1 among the children of torchrun."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children")
    if not children.is_file():
        pytest.skip("finding the process needs /proc")
    ranks = {pid: Path(f"/proc/{pid}/environ").read_bytes() for pid in children.read_text().split()}
    return next(int(pid) for pid, environ in ranks.items() if b"\0RANK=1\0" in environ)


@pytest.mark.slow
def test_several_trainings_do_not_share_processes(tmp_path: Path) -> None:
    done = subprocess.run(
        [*TORCHRUN, "-m", "deepdojo.cli", "train", "digits", "--seeds", "2"], cwd=tmp_path, env=HERE,
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.count("several trainings cannot share processes") == 1
