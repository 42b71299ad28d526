"""The evidence for a decision, and how it moves when pieces of the input are deleted.

Legend: N sets of deleted pieces, P pieces, G units (pieces deleted together), E entries of one example's tensor.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepdojo.tasks.base import Batch, Example, Piece, Row, Task
from deepdojo.training.store import Store

__all__ = ["MAX_UNITS", "OutOfTime", "Probe", "evaluation"]

MAX_UNITS = 64
"""A text of more pieces is deleted in half as many spans: its cost would else grow with the square of its length."""
CHUNK_ENTRIES = 16_384
"""Tensor entries of the inputs in one forward pass: bounds the memory of a pass whatever the size of a row."""
LEAST_CHUNK = 4
"""Examples in one pass all the same: a picture with boxes takes half the time beside three others."""


class OutOfTime(Exception):
    """The time for explanations ended while a row was being asked; what is known of that row is left."""


@contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode of every module; each gets back the mode that it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@dataclass(frozen=True)
class Probe:
    """One row, ready to be asked how its evidence moves.

    Evidence = -(sum of the losses of the row's examples) / (sum of their weights), with the model's own decision as the
    truth (`Task.as_truth`). Pieces are those of the first example: of a text that is cut into windows,
    the first window.

    Attributes:
        batch: that example as a prepared batch of one.
        labels: what each of the P pieces is.
        owner: batch entry -> (E,) the piece that an entry belongs to, -1 for none. Pieces do not overlap.
        unit: (P,) the unit that a piece is deleted with; a piece is its own unit except in long texts.
        others: total loss and weight of the row's other examples.
        ends: no pass is begun later than this (of `time.perf_counter()`).
    """

    task: Task
    model: nn.Module
    batch: Batch
    labels: list[str | list[int]]
    owner: Mapping[str, Tensor]
    unit: Tensor
    others: tuple[float, float]
    ends: float = math.inf

    @classmethod
    def of(
        cls,
        task: Task,
        model: nn.Module,
        row: Row,
        cells: Mapping[str, Any],
        device: torch.device | str = "cpu",
        *,
        max_units: int = MAX_UNITS,
        ends: float = math.inf,
    ) -> Probe | None:
        """The probe of a row and its predicted cells, or None where the decision cannot be read as a truth.

        Raises:
            DataError: the row cannot be encoded.
        """
        truth = task.as_truth(row, cells)
        examples: list[Example] = list(task.encode(truth, learn=True))
        if not examples:
            return None
        store = Store.of(task, examples, [0] * len(examples))
        batch = task.prepare(store.cut(torch.tensor([0]), device))
        pieces = task.pieces(truth, examples[0])
        return cls(
            task,
            model,
            batch,
            [piece.label for piece in pieces],
            {name: _owner(pieces, name, batch[name]) for name in task.blank if name in batch},
            _units(task, pieces, max_units).to(device),
            _losses(task, model, store, device) if len(examples) > 1 else (0.0, 0.0),
            ends,
        )

    @cached_property
    def units(self) -> int:
        """G, the number of things that can be deleted."""
        return int(self.unit.max()) + 1 if len(self.unit) else 0

    @cached_property
    def chunk(self) -> int:
        """Examples in one forward pass."""
        return max(LEAST_CHUNK, CHUNK_ENTRIES // max(1, self.entries))

    @cached_property
    def entries(self) -> int:
        """Numbers of the example that could be deleted."""
        return sum(owner.numel() for owner in self.owner.values())

    @property
    def device(self) -> torch.device:
        return self.unit.device

    def repeated(self, n: int) -> Batch:
        """The example n times, as views."""
        return {name: values.expand(n, *values.shape[1:]) for name, values in self.batch.items()}

    def blanked(self, name: str, deleted: Tensor) -> Tensor:
        """Entry `name` (N, ...) with the units of `deleted` (N, G) bool replaced by the task's blank."""
        values, owner = self.batch[name], self.owner[name]
        gone = deleted[:, self.unit[owner.clamp(min=0)]] & (owner >= 0)  # (N, E)
        blank = torch.tensor(self.task.blank_of(name), dtype=values.dtype, device=values.device)
        return torch.where(gone.view(len(deleted), *values.shape[1:]), blank, values)

    def evidence_of(self, batch: Batch) -> Tensor:
        """(N,) evidence of this row with its first example replaced by each of a batch.

        Raises:
            OutOfTime: `ends` is over. One picture can take hundreds of passes: too many between looks at the clock.
        """
        if time.perf_counter() > self.ends:
            raise OutOfTime
        total, weight = self.task.loss(self.model, batch)
        return -(total + self.others[0]) / (weight + self.others[1])

    @torch.no_grad()
    def after(self, deleted: np.ndarray) -> np.ndarray:
        """Evidence (N,) float64 after the units in each row of `deleted` (N, G) bool are blank.

        Cost: N forward passes of one example, in chunks.
        """
        found = []
        for part in torch.from_numpy(np.ascontiguousarray(deleted)).to(self.device).split(self.chunk):
            blanks = {name: self.blanked(name, part) for name in self.owner if self.owner[name].numel()}
            found.append(self.evidence_of({**self.repeated(len(part)), **blanks}).cpu().double())
        return torch.cat(found).numpy()

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(P,) values of pieces -> (G,) sums of units."""
        return np.bincount(self.unit.cpu().numpy(), weights=values, minlength=self.units)


def _owner(pieces: list[Piece], name: str, values: Tensor) -> Tensor:
    owner = torch.full(values.shape[1:], -1, dtype=torch.int64)
    for i, piece in enumerate(pieces):
        if name in piece.where:
            owner[piece.where[name]] = i
    return owner.flatten().to(values.device)


def _units(task: Task, pieces: list[Piece], most: int) -> Tensor:
    """Every piece by itself; where a ragged entry (a text) has more than `most` pieces, spans of neighbours."""
    index = torch.arange(len(pieces))
    if len(pieces) <= most or not any(name in task.ragged for piece in pieces for name in piece.where):
        return index
    return index // -(-len(pieces) // max(1, most // 2))


@torch.no_grad()
def _losses(task: Task, model: nn.Module, store: Store, device: torch.device | str) -> tuple[float, float]:
    """Summed loss and weight of all examples but the first, one pass each: they are few, and no other changes them."""
    total = weight = 0.0
    for i in range(1, len(store)):
        losses, weights = task.loss(model, store.cut(torch.tensor([i]), device))
        total, weight = total + float(losses), weight + float(weights)
    return total, weight
