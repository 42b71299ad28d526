"""Predictions of rows, and the validation that chooses an epoch. Knows no task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from deepdojo.data.rowset import select
from deepdojo.tables import Table, TableBuilder, TableRows
from deepdojo.tasks.base import Batch, Part, Row, Task
from deepdojo.training.encoding import bytes_a_row
from deepdojo.training.store import Store

__all__ = ["Unvalidated", "Validator", "evaluating", "parts_of", "predict_rows"]

EVAL_BATCH = 512
EVAL_BYTES = 16 << 20
"""The largest entry of a batch: a network keeps many times as much of each layer's output, and large pictures are
few."""
SPAN_BYTES = 64 << 20
SPAN, RAGGED_SPAN = 8_192, 65_536
SHARED_SPAN = 50_000
"""Examples that are predicted before their rows are decoded: whole batches, so that they are the same for any span."""


@contextmanager
def evaluating(model: nn.Module) -> Any:
    """Evaluation mode without gradient; the mode before is put back."""
    was = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was)


def _batch_size(task: Task, store: Store) -> int:
    if store.length_of is None or not len(store.length_of):
        largest = max((values[0].nbytes for values in store.fixed.values() if len(values)), default=1)
        return int(min(EVAL_BATCH, max(1, EVAL_BYTES // max(1, largest))))
    return int(min(EVAL_BATCH, max(1, task.eval_tokens // max(1, int(store.length_of.max())))))


def parts_of(
    task: Task,
    model: nn.Module,
    store: Store,
    device: torch.device | str,
    *,
    each: Callable[[Batch], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[int, list[Part]]]:
    """(index of a row, the parts of its examples in order), row after row. `each` sees every batch after its
    prediction.

    Memory: the parts of `SPAN` examples, whatever the size of the store; texts, which batches sort by length, of
    `RAGGED_SPAN`.
    """
    if store.same_as is not None:
        yield from _shared_parts(task, model, store, device, progress)
        return
    size, done = _batch_size(task, store), 0
    for span in store.spans(SPAN if store.length_of is None else RAGGED_SPAN):
        found: dict[int, list[tuple[int, Part]]] = {}
        for index in store.batches(size, span=span):
            batch = task.prepare(store.cut(index, device))
            for example, part in zip(index.tolist(), task.predict(model, batch), strict=True):
                found.setdefault(int(store.row_of[example]), []).append((example, part))
            if each is not None:
                each(batch)
            done += len(index)
            if progress is not None:
                progress(done, len(store))
        for row in sorted(found):
            yield row, [part for _, part in sorted(found[row], key=lambda p: p[0])]


def _shared_parts(
    task: Task,
    model: nn.Module,
    store: Store,
    device: torch.device | str,
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[int, list[Part]]]:
    """As `parts_of`, of examples that rows share: each is predicted once."""
    assert store.same_as is not None
    n = int(store.same_as.max()) + 1 if len(store) else 0
    parts: list[Part] = []
    for index in torch.arange(n).split(EVAL_BATCH) if n else ():
        parts += task.predict(model, task.prepare(store.cut(index, device)))
        if progress is not None:
            progress(len(parts), n)
    ends = np.flatnonzero(np.diff(store.row_of, append=-1)) + 1
    for start, end in zip([0, *ends[:-1]], ends, strict=True) if n else ():
        yield int(store.row_of[start]), [parts[at] for at in store.same_as[start:end]]


def _stretch(task: Task, rows: Sequence[Row]) -> int:
    """Rows that are encoded at a time: whole batches of at most `SPAN_BYTES`."""
    if task.shares:  # what rows share is encoded once a stretch
        return SHARED_SPAN
    most = SPAN if task.length is None else RAGGED_SPAN
    if len(rows) <= EVAL_BATCH:
        return most
    fitting = int(SPAN_BYTES / max(1.0, bytes_a_row(task, rows, learn=False)))
    return max(EVAL_BATCH, min(most, fitting // EVAL_BATCH * EVAL_BATCH))


def predict_rows(
    task: Task,
    model: nn.Module,
    rows: Sequence[Row],
    device: torch.device | str = "cpu",
    *,
    reject: Callable[[Row, str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TableRows:
    """`{"id": ..., **cells}` of every row that can be encoded, from the contract's inputs alone.

    Rows are encoded, predicted and let go in stretches; what stays is a table of columns.
    """
    builder, step = TableBuilder(task.contract.predictions), _stretch(task, rows)
    with evaluating(model):
        for start in range(0, len(rows), step):
            some = list(rows[start : start + step])
            store = Store.pack(task, some, learn=False, reject=reject)
            for i, parts in parts_of(task, model, store, device):
                builder.add({"id": some[i]["id"], **task.decode(some[i], parts)})
            if progress is not None:
                progress(min(len(rows), start + step), len(rows))
    return builder.table().rows()


class _Remembering(nn.Module):
    """Calls the model once for the same tensors, so that prediction and loss of a batch share one forward pass."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.last: tuple[tuple[Any, ...], Any] = ((), None)  # the inputs stay alive: a freed one's id is given again

    def __getattr__(self, name: str) -> Any:
        """The model's own methods: a search encodes once and decodes step by step."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("model"), name)

    def forward(self, *inputs: Any) -> Any:
        before, output = self.last
        if len(inputs) != len(before) or any(a is not b for a, b in zip(inputs, before, strict=True)):
            output = self.model(*inputs)
            self.last = (inputs, output)
        return output


class Unvalidated:
    """Stands for a validator where every row is learned from: nothing is measured, so no epoch is better."""

    def __len__(self) -> int:
        return 0

    def __call__(self, model: nn.Module) -> tuple[float, float, TableRows]:
        return float("nan"), float("nan"), Table({"id": []}).rows()

    def reported(self, model: nn.Module, task: Task) -> TableRows:
        return Table({"id": []}).rows()


class Validator:
    """Score and loss on validation rows.

    Args:
        rows: validation rows with their targets.
        score: predicted rows -> the project's metric (the caller knows the metric, this module does not).
    """

    def __init__(
        self,
        task: Task,
        rows: Sequence[Row],
        device: torch.device,
        score: Callable[[TableRows], float],
        *,
        reject: Callable[[Row, str], None] | None = None,
    ) -> None:
        self.task, self.device, self.score = task, device, score
        bad: set[str] = set()

        def refused(row: Row, reason: str) -> None:
            bad.add(row["id"])
            if reject is not None:
                reject(row, reason)

        self.inputs = Store.pack(task, rows, learn=False, reject=refused)
        if bad:
            rows = select(rows, np.array([i for i, row in enumerate(rows) if row["id"] not in bad], dtype=np.int64))
            self.inputs = Store.pack(task, rows, learn=False)
        self.rows = rows
        # Where the answer is what is read, the examples without it are those with it.
        self.learnable = self.inputs if task.contract.host_run else Store.pack(task, rows, learn=True)

    def __len__(self) -> int:
        return len(self.inputs)

    def reported(self, model: nn.Module, task: Task) -> TableRows:
        """Validation rows as held-out rows are predicted: by `task` itself, which may do more than it does
        `while_training`."""
        inputs = self.inputs if task.while_training is task else Store.pack(task, self.rows, learn=False)
        builder = TableBuilder(task.contract.predictions)
        with evaluating(model):
            for i, parts in parts_of(task, model, inputs, self.device):
                builder.add({"id": self.rows[i]["id"], **task.decode(self.rows[i], parts)})
        return builder.table().rows()

    def __call__(self, model: nn.Module) -> tuple[float, float, TableRows]:
        """(metric, mean loss, predicted rows). The loss leaves out rows of classes that training rows do not hold."""
        total = torch.zeros((), dtype=torch.float64, device="cpu")
        weight = torch.zeros((), dtype=torch.float64, device="cpu")

        def add(batch: Batch) -> None:
            nonlocal total, weight
            losses, weights = self.task.loss(once, batch)
            total = total + losses.detach().cpu().double().sum()  # Apple's GPU has no float64
            weight = weight + weights.detach().cpu().double().sum()

        once = _Remembering(model)
        builder = TableBuilder(self.task.contract.predictions)
        with evaluating(model):
            once.eval()
            if self.inputs.same_as is None and len(self.learnable) == len(self.inputs):
                found = parts_of(self.task, once, self.learnable, self.device, each=add)
            else:
                for _ in parts_of(self.task, once, self.learnable, self.device, each=add):
                    pass
                found = parts_of(self.task, once, self.inputs, self.device)
            for i, parts in found:
                builder.add({"id": self.rows[i]["id"], **self.task.decode(self.rows[i], parts)})
        loss = float(total / weight) if float(weight) > 0 else float("nan")
        rows = builder.table().rows()
        return self.score(rows), loss, rows
