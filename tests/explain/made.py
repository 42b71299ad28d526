"""Probes of small fitted tasks with models of known behaviour."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepdojo.explain.evidence import Probe
from deepdojo.models import create_model
from deepdojo.tasks import load_task
from deepdojo.tasks.base import Row, Task
from deepdojo.training.predictor import predict_rows
from deepdojo.training.store import Store

from ..training.made_rows import image_rows, table_rows, text_rows

__all__ = ["cells_of", "doubled", "inputs_of", "learned", "made_rows", "made_task", "probe_of", "regression_rows"]


def regression_rows(n: int, *, seed: int = 0) -> list[Row]:
    """Table rows whose target is a sum of their columns; every seventh `b` is missing."""
    rows = []
    for i, row in enumerate(table_rows(n, seed=seed)):
        features = dict(row["features"])
        value = 2 * float(features["a"]) - float(features["b"]) + (1.0 if features["colour"] == "red" else 0.0)
        rows.append(
            {"id": row["id"], "features": {**features, "b": None if i % 7 == 3 else features["b"]}, "value": value}
        )
    return rows


MADE = {
    "image-classification": image_rows,
    "text-classification": text_rows,
    "tabular-classification": table_rows,
    "tabular-regression": regression_rows,
}


def made_rows(name: str, n: int, *, seed: int = 0) -> list[Row]:
    return MADE[name](n, seed=seed)


def made_task(name: str, rows: Sequence[Row], **options: Any) -> Task:
    return load_task(name).fit(rows, **options)


def inputs_of(task: Task, rows: Sequence[Row]) -> list[Row]:
    """Rows as a host publishes them."""
    return [{"id": row["id"], **{name: row[name] for name in task.contract.inputs}} for row in rows]


def cells_of(task: Task, model: nn.Module, rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in predict_rows(task, model, inputs_of(task, rows))}


def learned(
    task: Task, rows: Sequence[Row], model_name: str, *, steps: int = 60, seed: int = 0, **config: Any
) -> nn.Module:
    """A model after some steps of AdamW on all rows at once."""
    torch.manual_seed(seed)
    model = create_model(model_name, task.dims(), **config)
    store = Store.pack(task, rows, learn=True)
    batch = store.cut(torch.arange(len(store)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        total, weight = task.loss(model, batch)
        optimizer.zero_grad()
        (total.sum() / weight.sum()).backward()
        optimizer.step()
    model.zero_grad(set_to_none=True)
    return model.eval()


def probe_of(task: Task, model: nn.Module, row: Row, **options: Any) -> Probe:
    model.eval()
    probe = Probe.of(task, model, row, cells_of(task, model, [row])[row["id"]], **options)
    assert probe is not None
    return probe


def doubled(probe: Probe) -> Probe:
    """The same probe in float64, its model too."""

    def wide(values: Tensor) -> Tensor:
        return values.double() if values.is_floating_point() else values

    batch = {name: wide(values) for name, values in probe.batch.items()}
    return dataclasses.replace(probe, model=probe.model.double(), batch=batch)


def deleted_all(probe: Probe) -> np.ndarray:
    return np.ones((1, probe.units), dtype=bool)
