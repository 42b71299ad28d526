"""Examples packed once, then cut into batches by index.

Fixed entries are stacked; ragged ones lie flat with offsets and are padded when cut. Cutting is a few index
operations: no per-example Python, no workers. What is larger than `deepdojo.packs.in_memory_bytes` lies in the cache
and is mapped (`packed_examples`): the same tensors, the same cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepdojo.data.rowset import RowList, Rows
from deepdojo.errors import DataError
from deepdojo.packs import Pack
from deepdojo.swaps import features_taken
from deepdojo.tasks.base import Batch, ClassBatching, Example, Row, Task
from deepdojo.training.class_batches import ClassBatches
from deepdojo.training.encoding import Block, Progress, Reject, encoded_blocks, stacked
from deepdojo.training.packed_examples import Arrays, joined, packed_arrays, too_large
from deepdojo.training.token_batches import TokenBatches

__all__ = ["Store"]


@dataclass
class Store:
    """Packed examples of one split.

    Attributes:
        fixed: entry -> (n, ...) tensor.
        flat, offsets: entry -> all values end to end, and where each example begins (n + 1).
        row_of: (n,) index of the row that each example came from.
        length_of: (n,) what sorts the examples: the sum of their `counted` lengths, (n,) each.
        pack: where mapped tensors lie; None for tensors in memory.
        found: whether they were packed by an earlier command.
        equal: whether a training batch holds examples of one length alone (`train.lengths`).
        chance: (n,) float64, in proportion to which training draws examples, with replacement (`train.balance`); None:
            each one once a pass.
        tokens: most tokens of a training batch, padding included (`train.batch_tokens`); None: examples are counted.
        grouped: how training batches are drawn where each holds several examples of each of its classes.
        same_as: (n,) which of the packed examples each example is, where rows share them; None: its own.
    """

    fixed: dict[str, Tensor]
    flat: dict[str, Tensor]
    offsets: dict[str, Tensor]
    row_of: np.ndarray
    length_of: np.ndarray | None = field(default=None)
    pack_folder: Pack | None = field(default=None, repr=False)
    found: bool = False
    equal: bool = False
    chance: Tensor | None = None
    tokens: int | None = None
    counted: tuple[np.ndarray, ...] = ()
    grouped: ClassBatches | None = None
    same_as: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.row_of)

    @classmethod
    def pack(
        cls,
        task: Task,
        rows: Sequence[Row],
        *,
        learn: bool,
        reject: Reject | None = None,
        progress: Progress | None = None,
    ) -> Store:
        """Encode every row once. A row that cannot be encoded goes to `reject`, which raises or notes it.

        Many rows that know what they are (`identity`) are packed in the cache, and found there by the next command;
        a packing that was killed goes on.
        """
        if task.shares and not learn:
            return _shared(task, rows, reject=reject)
        identity = None
        if isinstance(rows, Rows | RowList) and not features_taken() and too_large(task, rows, learn):
            identity = rows.identity()
        if identity is not None:
            arrays = packed_arrays(task, rows, identity, learn=learn, reject=reject, progress=progress)
            return cls._made(task, arrays)
        blocks = encoded_blocks(task, rows, learn=learn, reject=reject, progress=progress)
        return cls._made(task, joined([stacked(task, block) for block in blocks]))

    @classmethod
    def of(cls, task: Task, examples: Sequence[Example], row_of: Iterable[int]) -> Store:
        """Examples that are encoded already."""
        return cls._made(task, joined([stacked(task, Block(list(examples), list(row_of)))]))

    @classmethod
    def _made(cls, task: Task, arrays: Arrays) -> Store:
        names = [name for name in (task.length, *task.beside) if name in arrays.lengths]
        counted = tuple(arrays.lengths[str(name)] for name in names)
        return cls(
            arrays.fixed, arrays.flat, arrays.offsets, arrays.row_of, np.sum(counted, axis=0) if counted else None,
            arrays.pack, arrays.found, counted=counted,
        )  # fmt: skip

    def cut(self, index: Tensor, device: torch.device | str = "cpu") -> Batch:
        """The batch of examples `index` (B,) int64: fixed entries (B, ...), ragged ones (B, longest, ...) with
        `<name>_keep` (B, longest)."""
        batch: Batch = {
            name: values.index_select(0, index).to(device, non_blocking=True) for name, values in self.fixed.items()
        }
        for name, values in self.flat.items():
            start, end = self.offsets[name][index], self.offsets[name][index + 1]
            lengths = end - start
            steps = torch.arange(int(lengths.max()) if len(index) else 0)
            keep = steps[None, :] < lengths[:, None]  # (B, T)
            at = (start[:, None] + steps[None, :]).clamp_(max=max(len(values) - 1, 0))
            cells = values[at]  # (B, T, ...)
            cells.masked_fill_(~keep.view(*keep.shape, *[1] * (cells.dim() - 2)), 0)
            batch[name] = cells.to(device, non_blocking=True)
            batch[f"{name}_keep"] = keep.to(device, non_blocking=True)
        if self.pack_folder is not None:
            self.pack_folder.touched(len(index) * (len(self.fixed) + 2 * len(self.flat)))
        return batch

    def batches(
        self, size: int, *, generator: torch.Generator | None = None, span: tuple[int, int] | None = None
    ) -> list[Tensor]:
        """Indices of all batches of one pass.

        With a generator: shuffled; ragged tasks shuffle first, sort by length within pools of 50 batches, and shuffle
        the batches; with `equal` the pools are the lengths, with `tokens` see `TokenBatches`. Without: in order (of
        length, where there is one), for evaluation. An empty store has none.
        In memory: eight bytes an example, and some 200 a batch.

        Args:
            span: (first, end) of the examples that are meant, all by default.
        """
        first, end = span or (0, len(self))
        n = end - first
        if n <= 0:
            return []  # an empty tensor would be split into one empty batch
        if generator is not None and self.grouped is not None:
            return self.grouped.draw(size, generator)
        if generator is None:
            if self.length_of is None:
                return list(torch.arange(first, end).split(size))
            return list((first + torch.from_numpy(np.argsort(self.length_of[first:end], kind="stable"))).split(size))
        order = self._drawn(n, generator)
        if self.length_of is None:
            return list(order.split(size))
        if self.tokens is not None:
            cut = TokenBatches(self.counted, self.tokens).cut(order)
            return [cut[i] for i in torch.randperm(len(cut), generator=generator)]
        lengths = torch.from_numpy(self.length_of)
        pools = [order] if self.equal else order.split(50 * size)
        pools = [pool[torch.argsort(lengths[pool], stable=True)] for pool in pools]
        if self.equal:
            pools = list(pools[0].split(torch.unique(lengths, return_counts=True)[1].tolist()))
        cut = [batch for pool in pools for batch in pool.split(size)]
        return [cut[i] for i in torch.randperm(len(cut), generator=generator)]

    def _drawn(self, n: int, generator: torch.Generator) -> Tensor:
        """(n,) all examples in a random order, or as many as there are by their chances.

        Drawn by their place in the sum of all chances: `torch.multinomial` stops at 2^24 examples.
        """
        if self.chance is None:
            return torch.randperm(n, generator=generator)
        ends = self.chance.cumsum(0)
        places = torch.rand(n, generator=generator, dtype=torch.float64) * ends[-1]
        return torch.searchsorted(ends, places, right=True).clamp_(max=n - 1)

    def group(self, how: ClassBatching) -> None:
        """Sets `grouped`."""
        families = None if how.family is None else self.fixed[how.family]
        self.grouped = ClassBatches(self.fixed[how.entry], how.each, families, how.hard)

    def balance(self, entry: str, power: float) -> None:
        """Sets `chance` to 1 / (examples of the class that `entry` names)^power; 0 removes it."""
        classes = self.fixed[entry]
        counts = torch.bincount(classes).clamp(min=1).double()
        self.chance = (counts**-power)[classes] if power > 0 else None

    def steps(self, size: int) -> int:
        """Batches of one shuffled pass."""
        if self.grouped is not None:
            return self.grouped.steps(size)
        if self.tokens is not None and self.length_of is not None:
            return len(TokenBatches(self.counted, self.tokens).cut(torch.arange(len(self))))
        if not self.equal or self.length_of is None:
            return math.ceil(len(self) / size)
        return sum(math.ceil(count / size) for count in np.unique(self.length_of, return_counts=True)[1].tolist())

    def spans(self, most: int) -> Iterator[tuple[int, int]]:
        """The examples in stretches of about `most`, none of which parts the examples of a row."""
        first = 0
        while first < len(self):
            end = min(first + most, len(self))
            while end < len(self) and self.row_of[end] == self.row_of[end - 1]:
                end += 1
            yield first, end
            first = end


def _shared(task: Task, rows: Sequence[Row], *, reject: Reject | None) -> Store:
    """Each example that rows share once, and which of them every row needs."""
    place: dict[Any, int] = {}
    examples: list[Example] = []
    same_as: list[int] = []
    row_of: list[int] = []
    for i, row in enumerate(rows):
        needed = task.parts_needed(row)
        try:
            for key, cell in needed:
                if key not in place:
                    examples.append(task.encode_shared(cell))
                    place[key] = len(examples) - 1
        except DataError as error:
            if reject is None:
                raise
            reject(row, error.what)
            continue
        same_as += [place[key] for key, _ in needed]
        row_of += [i] * len(needed)
    store = Store.of(task, examples, range(len(examples)))
    store.row_of, store.same_as = np.array(row_of, dtype=np.int64), np.array(same_as, dtype=np.int64)
    return store
