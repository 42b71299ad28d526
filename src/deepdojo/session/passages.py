"""What a report shows of a language model: passages of held-out text with the loss of each symbol, and texts that the
model writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from deepdojo.contracts import Contract
from deepdojo.tasks.base import Row, Task
from deepdojo.training.predictor import evaluating, parts_of
from deepdojo.training.store import Store

__all__ = ["passages_of", "samples_of"]

TEMPERATURES = (0.5, 0.8, 1.0)
SAMPLE_SYMBOLS = 400


def passages_of(
    task: Task,
    model: nn.Module,
    rows: Sequence[Row],
    cells: Mapping[str, Mapping[str, Any]],
    *,
    device: torch.device | str,
    where: Callable[[str], str],
) -> list[dict[str, Any]]:
    """Two rows in the middle, the one that costs most and the one that costs least, by nats a character: id, kind
    "passage", why, where, loss (nats a character; None where only some words were asked for), pieces ([text, nats]
    each)."""
    known = [row for row in rows if row["id"] in cells]
    answer = answer_of(task.contract)
    rates = np.array([_nats(cells[row["id"]][answer]) / max(1, len(row[task.contract.input])) for row in known])
    asked_all = task.contract.predictions[answer] == "number"  # else a rate by character says nothing
    order = np.argsort(rates, kind="stable")
    middle = len(order) // 2
    why = {int(i): "typical" for i in order[max(0, middle - 1) : middle + 1]}
    for at, name in ((-1, "costly"), (0, "cheap")):
        if len(order):
            why.setdefault(int(order[at]), name)
    chosen = [known[i] for i in why]
    store = Store.pack(task, chosen, learn=False)
    with evaluating(model):
        parts = dict(parts_of(task, model, store, device))
    return [
        {"id": row["id"], "kind": "passage", "why": [why[i]], "where": where(row["id"]),
         "loss": float(rates[i]) if asked_all else None,
         "pieces": task.tint(row, parts[k])}
        for k, (i, row) in enumerate(zip(why, chosen, strict=True))
    ]  # fmt: skip


def _nats(cell: Any) -> float:
    return float(cell["nats"] if isinstance(cell, Mapping) else cell)


def answer_of(contract: Contract) -> str:
    """The column that says how well a row was known."""
    return next(iter(contract.predictions))


def samples_of(task: Task, model: nn.Module, *, seed: int, until: float) -> list[dict[str, Any]]:
    """A text at each of three temperatures, from nothing: prompt, temperature, seed, text. None is begun after
    `until` (of `time.monotonic()`)."""
    found: list[dict[str, Any]] = []
    with evaluating(model):
        for temperature in TEMPERATURES:
            if time.monotonic() > until:
                break
            text = task.write(model, "", SAMPLE_SYMBOLS, temperature=temperature, seed=seed)
            found.append({"prompt": "", "temperature": temperature, "seed": seed, "text": text})
    return found
