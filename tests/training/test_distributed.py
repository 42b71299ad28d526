"""Two processes over gloo against one process that accumulates over the same shards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

# Dropout is drawn by each process for itself and batch statistics are those of a shard: neither here.
MODELS = {
    "tabular-classification": ("mlp", {"dropout": 0.0}),
    "text-classification": ("transformer", {"dropout": 0.0, "embedding_dropout": 0.0}),
}
TRAIN = {"steps": 23, "batch_size": 13, "lr": 0.01, "threads": 1}
ROOT = Path(__file__).parents[2]


def run(folder: Path, world: int, train: dict[str, Any], *, task: str = "tabular-classification",
        die_at: int | None = None, restarts: int = 0) -> dict[str, torch.Tensor]:  # fmt: skip
    model, arguments = MODELS[task]
    asked = json.dumps(
        {"task": task, "model": model, "arguments": arguments, "train": {**TRAIN, **train}, "die_at": die_at}
    )
    worker = [str(Path(__file__).with_name("rank_worker.py")), str(folder), asked]
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"]
    command = [sys.executable, *(launcher if world > 1 else []), *([f"--max-restarts={restarts}"] if restarts else [])]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *worker], env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return load_file(folder / "weights.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("parallel", ["ddp", pytest.param("fsdp", marks=pytest.mark.slow)])
def test_two_processes_equal_accumulation_bit_for_bit(tmp_path: Path, parallel: str) -> None:
    """90 examples in batches of 13: the last batch of an epoch (12) is cut evenly, the others are not. What is kept is
    the mean of the weights."""
    alone = run(tmp_path / "alone", 1, {"accumulate": 2, "clip": 1e6, "ema": 0.8})
    shared = run(tmp_path / "shared", 2, {"parallel": parallel, "clip": 1e6, "ema": 0.8})
    assert same(alone, shared)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_text_model_with_blocks(tmp_path: Path, parallel: str) -> None:
    """The blocks of FSDP2 are the encoder's layers. No clipping: its norm is taken over shares, in another order."""
    task = "text-classification"
    alone = run(tmp_path / "alone", 1, {"accumulate": 2, "clip": 1e6}, task=task)
    assert same(alone, run(tmp_path / "shared", 2, {"parallel": parallel, "clip": 1e6}, task=task))


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_killed_process_is_started_again_and_nothing_is_lost(tmp_path: Path, parallel: str) -> None:
    """torchrun starts all processes anew; they go on after the last checkpoint."""
    whole = run(tmp_path / "whole", 2, {"parallel": parallel})
    killed = run(tmp_path / "killed", 2, {"parallel": parallel}, die_at=17, restarts=2)
    assert json.loads((tmp_path / "killed" / "done.json").read_text()) == {"steps": 23, "resumed": True}
    assert all(torch.equal(whole[name], killed[f"model.{name}"]) for name in whole)


@pytest.mark.slow
def test_three_processes_share_a_batch_of_fewer_examples(tmp_path: Path) -> None:
    """90 examples in batches of 8 leave one of 2: the third process takes part with nothing."""
    alone = run(tmp_path / "alone", 1, {"batch_size": 8})
    shared = run(tmp_path / "shared", 3, {"batch_size": 8})
    for name, value in alone.items():
        torch.testing.assert_close(shared[name], value, rtol=0, atol=1e-4)
