"""Training examples cut from one long stream: windows at offsets that each epoch draws anew.

Legend: B windows, T values of a window, N values of the stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepdojo.errors import DataError
from deepdojo.tasks.base import Batch, Row, Task
from deepdojo.training.store import Store

__all__ = ["Stream", "examples_to_learn"]


@dataclass(frozen=True)
class Stream:
    """A ragged entry of all examples end to end, as `Store` has packed it. An index is the place where a window begins.

    Attributes:
        name: the entry. values: (N,). window: T.
        packed: the store that the values are of; None for values in memory alone.
    """

    name: str
    values: Tensor
    window: int
    packed: Store | None = None

    @classmethod
    def of(cls, store: Store, name: str, window: int) -> Stream:
        """Raises DataError for a stream without a value that another one follows."""
        values = store.flat.get(name, torch.zeros(0))
        if len(values) < 2:
            raise DataError(
                f"the text to learn from has {len(values)} symbols, which nothing can be learned from",
                todo="give a longer text",
            )
        return cls(name, values, min(window, len(values) - 1), store)

    @property
    def found(self) -> bool:
        """Whether the values were packed by an earlier command."""
        return self.packed is not None and self.packed.found

    def __len__(self) -> int:
        """Windows of one pass."""
        return (len(self.values) - 1) // self.window

    def steps(self, size: int) -> int:
        """Batches of one pass."""
        return math.ceil(len(self) / size)

    def cut(self, index: Tensor, device: torch.device | str = "cpu") -> Batch:
        """The windows (B, T) that begin at `index` (B,), and what follows each of their values."""
        at = index[:, None] + torch.arange(self.window)
        pairs = ((self.name, at), (f"{self.name}_next", at + 1))
        batch = {name: self.values[places].to(device, non_blocking=True) for name, places in pairs}
        if self.packed is not None and self.packed.pack_folder is not None:
            self.packed.pack_folder.touched(2 * len(index))
        return batch

    def batches(self, size: int, *, generator: torch.Generator | None = None) -> list[Tensor]:
        """Where the windows of one pass begin: side by side, in any order, moved together by less than a window; the
        last ones end with the stream. Without a generator in order from its beginning."""
        starts = torch.arange(len(self)) * self.window
        if generator is not None:
            moved = int(torch.randint(self.window, (1,), generator=generator))
            starts = (starts + moved).clamp_(max=len(self.values) - 1 - self.window)
            starts = starts[torch.randperm(len(starts), generator=generator)]
        return list(starts.split(size))


def examples_to_learn(
    task: Task,
    rows: Sequence[Row],
    *,
    reject: Callable[[Row, str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Store | Stream:
    """The rows as what training takes its batches from."""
    store = Store.pack(task, rows, learn=True, reject=reject, progress=progress)
    if task.window is None:
        return store
    assert task.length is not None
    return Stream.of(store, task.length, task.window)
