"""Examples packed once, then cut into batches by index.

Fixed entries are stacked; ragged ones lie flat with offsets and are padded when cut. Cutting is a few index
operations:
no per-example Python, no workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepdojo.errors import DataError
from deepdojo.tasks.base import Batch, Example, Row, Task

__all__ = ["Store"]


@dataclass
class Store:
    """Packed examples of one split.

    Attributes:
        fixed: entry -> (n, ...) tensor.
        flat, offsets: entry -> all values end to end, and where each example begins (n + 1).
        row_of: (n,) index of the row that each example came from.
    """

    fixed: dict[str, Tensor]
    flat: dict[str, Tensor]
    offsets: dict[str, Tensor]
    row_of: np.ndarray
    length_of: np.ndarray | None = field(default=None)

    def __len__(self) -> int:
        return len(self.row_of)

    @classmethod
    def pack(
        cls,
        task: Task,
        rows: Sequence[Row],
        *,
        learn: bool,
        reject: Callable[[Row, str], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Store:
        """Encode every row once. A row that cannot be encoded goes to `reject`, which raises or notes it."""
        examples: list[Example] = []
        row_of: list[int] = []
        for i, row in enumerate(rows):
            try:
                encoded = list(task.encode(row, learn=learn))
            except DataError as error:
                if reject is None:
                    raise
                reject(row, error.what)
                continue
            examples.extend(encoded)
            row_of.extend([i] * len(encoded))
            if progress is not None and i % 256 == 0:
                progress(i, len(rows))
        return cls.of(task, examples, row_of)

    @classmethod
    def of(cls, task: Task, examples: Sequence[Example], row_of: Iterable[int]) -> Store:
        fixed: dict[str, Tensor] = {}
        flat: dict[str, Tensor] = {}
        offsets: dict[str, Tensor] = {}
        length_of = None
        for name in examples[0] if examples else ():
            cells = [example[name] for example in examples]
            if name in task.ragged:
                lengths = np.array([len(c) for c in cells], dtype=np.int64)
                flat[name] = torch.from_numpy(np.concatenate(cells))
                offsets[name] = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]))
                if name == task.length:
                    length_of = lengths
            else:
                fixed[name] = torch.from_numpy(_stacked(cells))
        return cls(fixed, flat, offsets, np.fromiter(row_of, dtype=np.int64), length_of)

    def cut(self, index: Tensor, device: torch.device | str = "cpu") -> Batch:
        """The batch of examples `index` (B,) int64: fixed entries (B, ...), ragged ones (B, longest) with
        `<name>_keep`."""
        batch: Batch = {name: values[index].to(device, non_blocking=True) for name, values in self.fixed.items()}
        for name, values in self.flat.items():
            start, end = self.offsets[name][index], self.offsets[name][index + 1]
            lengths = end - start
            steps = torch.arange(int(lengths.max()) if len(index) else 0)
            keep = steps[None, :] < lengths[:, None]  # (B, T)
            at = (start[:, None] + steps[None, :]).clamp_(max=max(len(values) - 1, 0))
            cells = values[at]
            cells.masked_fill_(~keep, 0)
            batch[name] = cells.to(device, non_blocking=True)
            batch[f"{name}_keep"] = keep.to(device, non_blocking=True)
        return batch

    def batches(self, size: int, *, generator: torch.Generator | None = None) -> list[Tensor]:
        """Indices of all batches of one pass.

        With a generator: shuffled; ragged tasks shuffle first, sort by length within pools of 50 batches, and
        shuffle the batches. Without: in order (of length, where there is one), for evaluation. An empty store has none.
        """
        n = len(self)
        if n == 0:
            return []  # an empty tensor would be split into one empty batch
        if generator is None:
            order = (
                torch.arange(n)
                if self.length_of is None
                else torch.from_numpy(np.argsort(self.length_of, kind="stable"))
            )
            return list(order.split(size))
        order = torch.randperm(n, generator=generator)
        if self.length_of is None:
            return list(order.split(size))
        lengths = torch.from_numpy(self.length_of)
        pools = [pool[torch.argsort(lengths[pool], stable=True)] for pool in order.split(50 * size)]
        cut = [batch for pool in pools for batch in pool.split(size)]
        return [cut[i] for i in torch.randperm(len(cut), generator=generator)]


def _stacked(cells: list[Any]) -> np.ndarray:
    if isinstance(cells[0], np.ndarray):
        return np.stack(cells)
    return np.array(cells, dtype=np.int64 if isinstance(cells[0], int | np.integer) else np.float32)
