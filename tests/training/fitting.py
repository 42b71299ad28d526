"""One training on made rows, as the session does it, without project or files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepdojo.models import create_model
from deepdojo.recipes import TrainSection
from deepdojo.tasks import load_task
from deepdojo.training.loop import Fitted, fit
from deepdojo.training.precision import Hardware
from deepdojo.training.predictor import Validator
from deepdojo.training.store import Store

CPU = Hardware(torch.device("cpu"), threads=1, bf16=False, compile=False, said={})


def set_up(
    task_name: str, model_name: str, rows: list[dict[str, Any]], *, seed: int = 0, **arguments: Any
) -> tuple[Any, Any, Store, Validator]:
    """(task, model, store of the first three quarters, validator of the rest)."""
    cut = len(rows) * 3 // 4
    task = load_task(task_name).fit(rows[:cut])
    torch.manual_seed(seed)
    model = create_model(model_name, task.dims(), **arguments)
    truth = {row["id"]: row for row in rows[cut:]}

    def accuracy(found: list[dict[str, Any]]) -> float:
        return float(np.mean([cells["label"] == truth[cells["id"]]["label"] for cells in found]))

    return task, model, Store.pack(task, rows[:cut], learn=True), Validator(task, rows[cut:], CPU.device, accuracy)


def fitted(
    folder: Path, parts: tuple[Any, Any, Store, Validator], *, seed: int = 0, train: TrainSection, **options: Any
) -> Fitted:
    task, model, store, validator = parts
    folder.mkdir(parents=True, exist_ok=True)
    return fit(
        task,
        model,
        store,
        validator,
        train,
        CPU,
        folder=folder,
        seed=seed,
        metric="accuracy",
        higher_is_better=True,
        **options,
    )
