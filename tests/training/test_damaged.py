"""A run folder that somebody, or a failing disk, has damaged: one sentence, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from deepdojo.errors import RunError
from deepdojo.runs import Run
from deepdojo.training.checkpoint import load_checkpoint, save_checkpoint
from deepdojo.training.log import MetricsLog


def test_a_checkpoint_without_its_state(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    path = save_checkpoint(tmp_path, 1, model=model, optimizer=optimizer, best=None, state={})
    (path / "state.json").write_text("")
    with pytest.raises(RunError, match=r"the checkpoint cannot be read.*delete this folder and resume again"):
        load_checkpoint(path, model=model, optimizer=optimizer)


@pytest.mark.parametrize("text", ["", 'id = "a"\nproject = "p"\n'])
def test_a_run_toml_that_is_cut_short(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(RunError, match=r"run\.toml is cut short, it lacks"):
        assert Run(tmp_path).info


def test_metrics_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("")
    (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 1}\n\xff\xfe\x00\n7\n{"step": 2}\n{"ste')
    assert [line for line in Run(tmp_path).metrics() if isinstance(line, dict)] == [{"step": 1}, {"step": 2}]
    MetricsLog(tmp_path / "metrics.jsonl").keep_until(1)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n'
