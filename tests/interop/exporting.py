"""What the tests of exports share: a project without data, and the cells of two predictions compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from deepdojo.data.project import Project
from deepdojo.data.sounds import decode_sound
from deepdojo.data.spec_checks import parse_project
from deepdojo.interop.onnx import Exported, Source, export_onnx
from deepdojo.tasks.base import Task
from deepdojo.training.predictor import predict_rows

SCORE = {"metric": "accuracy", "value": 0.75, "low": 0.7, "high": 0.8, "n": 40, "validation": None, "verdict": ""}


def exported(task: Task, name: str, model: nn.Module, rows: list[dict], folder: Path, **arguments: Any) -> Exported:
    """The model written to `folder`, and read again."""
    project = Project(folder.parent, parse_project({"name": "made", "task": task.name}, where="here"))
    source = Source("a-run", {"name": name, "dims": task.dims(), "arguments": arguments}, SCORE, project)
    export_onnx(task, model, rows, folder, source)
    return Exported(folder)


def same_cells(found: Exported, task: Task, model: nn.Module, rows: list[dict]) -> None:
    """The exported model, in its own task, gives the cells that the model gives: numbers to 1e-4."""
    wanted = list(predict_rows(task, model, rows))
    got = list(predict_rows(found.task(), found.model(), rows))
    assert len(got) == len(wanted) == len(rows)
    for a, b in zip(got, wanted, strict=True):
        assert a.keys() == b.keys()
        for column, cell in b.items():
            same_cell(a[column], cell)


def same_cell(found: Any, wanted: Any) -> None:
    """Numbers to 1e-4, wherever they stand in a cell; all else to the sign."""
    if isinstance(wanted, bytes):
        sounds = [decode_sound(one).samples for one in (found, wanted)]
        assert sounds[0].shape == sounds[1].shape
        assert np.abs(sounds[0] - sounds[1]).mean() < 1e-3
    elif isinstance(wanted, float | np.ndarray):
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-4)
    elif isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            same_cell(found[key], value)
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same_cell(one, other)
    else:
        assert found == wanted
