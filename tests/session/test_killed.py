"""A run that is killed with SIGKILL and resumed gives, on a CPU, bit for bit the weights of the run that was let be."""

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

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")

# a checkpoint after each step, so that kills fall between a checkpoint and the next, and within the writing of one
WALK = """
import sys
from deepdojo.training import loop
loop.CHECKPOINT_EVERY_S = {every}
from deepdojo.cli import main
sys.argv = ["dojo", *sys.argv[1:]]
sys.exit(main())
"""
PROJECTS = {
    "digits": ["--set", "train.epochs=4", "--set", "train.patience=4"],
    "breast-cancer": ["--set", "train.epochs=40"],
}
MOMENTS = [1, 9, 40, 90, 140]


def train(folder: Path, *arguments: str, every: float = 5.0, kill_at: int | None = None) -> dict[str, Any] | None:
    """The summary, or None for a process that was killed when metrics.jsonl had `kill_at` lines."""
    command = [sys.executable, "-c", WALK.format(every=every), "train", *arguments, "--json"]
    command += [] if "--resume" in arguments else ["--no-baselines", "--no-explain", "--offline"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
    while kill_at is not None and child.poll() is None:
        logs = list(folder.glob("runs/*/*.partial/metrics.jsonl"))
        if logs and logs[0].read_bytes().count(b"\n") >= kill_at:
            os.kill(child.pid, signal.SIGKILL)
            child.communicate()
            return None
        time.sleep(0.002)
    out, said = child.communicate(timeout=120)
    assert child.returncode == 0, said.decode("utf-8")
    return json.loads(out)


def left(folder: Path) -> tuple[bytes, list[dict[str, Any]], dict[str, Any]]:
    """Weights, log without times, score of the one run in a folder."""
    run = next(path.parent for path in folder.glob("runs/*/*/score.json"))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    score = json.loads((run / "score.json").read_text(encoding="utf-8"))
    weights = (run / "model" / "model.safetensors").read_bytes()
    return weights, [{k: v for k, v in line.items() if k != "seconds"} for line in lines], score


@pytest.mark.slow
@pytest.mark.parametrize("every", [-1.0, 0.3])
@pytest.mark.parametrize("project", ["breast-cancer", "digits"])
def test_killed_at_five_moments_and_resumed(tmp_path: Path, project: str, every: float) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    train(whole, project, *PROJECTS[project])
    kills = 0
    arguments = [project, *PROJECTS[project]]
    for moment in MOMENTS:
        if train(killed, *arguments, every=every, kill_at=moment) is not None:
            break
        kills += 1
        arguments = ["--resume", "last"]
    else:
        train(killed, *arguments, every=every)
    assert kills == len(MOMENTS)
    weights, log, score = left(whole)
    weights_again, log_again, score_again = left(killed)
    assert weights == weights_again
    assert log == log_again
    assert [score[k] for k in ("value", "low", "high", "n")] == [score_again[k] for k in ("value", "low", "high", "n")]
