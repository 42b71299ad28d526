"""Examples packed once, then cut into batches by index.

Fixed entries are stacked; ragged ones lie flat with offsets and are padded when cut. Cutting is a few index
operations:
no per-example Python, no workers. What is larger than `deepdojo.packs.in_memory_bytes` lies in the cache and is mapped:
the same tensors, the same cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from deepdojo.data.codecs.learning_share import current_share
from deepdojo.data.rowset import RowList, Rows
from deepdojo.errors import DataError
from deepdojo.packs import Pack, Packing, code_digest, find_pack, in_memory_bytes, in_memory_rows, key_of, packing
from deepdojo.tasks import restore_task
from deepdojo.tasks.base import Batch, ClassBatching, Example, Row, Task
from deepdojo.training.class_batches import ClassBatches

__all__ = ["Store", "bytes_a_row", "fitted_task"]

ROWS_AT_ONCE = 4096
"""Rows encoded before they are stacked: what packing needs beside the result."""
ROWS_TOLD = 256
"""Rows encoded between two signs of progress."""
TRIED = 64
"""Rows whose examples say how large all will be."""

Reject = Callable[[Row, str], None]
Progress = Callable[[int, int], None]


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
        identity = rows.identity() if isinstance(rows, Rows | RowList) and _large(task, rows, learn) else None
        if identity is not None:
            return _mapped(task, rows, identity, learn=learn, reject=reject, progress=progress)
        parts = [_stacked(task, block) for block in _blocks(task, rows, learn=learn, reject=reject, progress=progress)]
        return _joined(task, parts)

    @classmethod
    def of(cls, task: Task, examples: Sequence[Example], row_of: Iterable[int]) -> Store:
        """Examples that are encoded already."""
        return _joined(task, [_stacked(task, _Block(list(examples), list(row_of)))])

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
        the batches; with `equal` the pools are the lengths, with `tokens` see `_TokenBatches`. Without: in order (of
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
            cut = _TokenBatches(self.counted, self.tokens).cut(order)
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
            return len(_TokenBatches(self.counted, self.tokens).cut(torch.arange(len(self))))
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


@dataclass
class _Block:
    """Some examples, and the rows that they came from."""

    examples: list[Example]
    row_of: list[int]


@dataclass
class _Stacked:
    """The same as arrays; ragged entries flat, with the length of each."""

    fixed: dict[str, np.ndarray]
    flat: dict[str, np.ndarray]
    lengths: dict[str, np.ndarray]
    row_of: np.ndarray


def _blocks(
    task: Task,
    rows: Sequence[Row],
    *,
    learn: bool,
    reject: Reject | None,
    progress: Progress | None,
    first: int = 0,
    noted: Callable[[int, str], None] | None = None,
) -> Iterator[_Block]:
    """Rows from `first` on, encoded in blocks. `noted` is told the number of each row that cannot be."""
    block = _Block([], [])
    later = rows[first:] if first else rows
    step = min(ROWS_TOLD, ROWS_AT_ONCE)
    for start in range(0, len(later), step):
        some = later[start : start + step]
        if progress is not None:
            progress(first + start, len(rows))
        for i, encoded in enumerate(task.encode_many(some, learn=learn), first + start):
            if isinstance(encoded, DataError):
                if reject is None:
                    raise encoded
                reject(rows[i], encoded.what)
                if noted is not None:
                    noted(i, encoded.what)
                continue
            block.examples.extend(encoded)
            block.row_of.extend([i] * len(encoded))
        if (first + start + len(some)) % ROWS_AT_ONCE == 0:
            yield block
            block = _Block([], [])
    yield block


def _stacked(task: Task, block: _Block) -> _Stacked:
    names = list(block.examples[0]) if block.examples else []
    cells = {name: [example[name] for example in block.examples] for name in names}
    ragged = [name for name in names if name in task.ragged]
    return _Stacked(
        {name: _array(cells[name]) for name in names if name not in task.ragged},
        {name: np.concatenate(cells[name]) for name in ragged},
        {name: np.array([len(cell) for cell in cells[name]], dtype=np.int64) for name in ragged},
        np.array(block.row_of, dtype=np.int64),
    )


@dataclass(frozen=True)
class _TokenBatches:
    """Batches of as many examples as have at most `most` tokens when all are padded, at least one.

    Examples are sorted by their last length (a target, whose scores are what costs), then by the others, which count in
    steps of `STEP`: enough examples are then alike for each pass to mix them anew, and each pass has the same number of
    batches.

    Attributes:
        lengths: of each counted entry, (n,).
    """

    lengths: Sequence[np.ndarray]
    most: int

    STEP: ClassVar[int] = 4

    def cut(self, order: Tensor) -> list[Tensor]:
        """The batches of examples that come in this order, which decides among those alike."""
        rounded = [-(-lengths // self.STEP) * self.STEP for lengths in self.lengths[:-1]]
        keys = [lengths[order.numpy()] for lengths in (*rounded, self.lengths[-1])]
        places = np.lexsort(keys)
        return list(order[torch.from_numpy(places)].split(self._sizes([key[places] for key in keys])))

    def _sizes(self, keys: Sequence[np.ndarray]) -> list[int]:
        sizes, first = [], 0
        while first < len(keys[0]):
            most = max(1, self.most // max(1, sum(int(key[first]) for key in keys)))
            longest = np.sum([np.maximum.accumulate(key[first : first + most]) for key in keys], axis=0)
            padded = longest * np.arange(1, len(longest) + 1)
            sizes.append(max(1, int(np.searchsorted(padded, self.most, side="right"))))
            first += sizes[-1]
        return sizes


def _counted(task: Task, lengths: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """The lengths that sort the examples: those of the task's entry and of the ones beside it."""
    return tuple(lengths[name] for name in (task.length, *task.beside) if name is not None and name in lengths)


def _total(counted: Sequence[np.ndarray]) -> np.ndarray | None:
    return np.sum(counted, axis=0) if counted else None


def _array(cells: list[Any]) -> np.ndarray:
    if isinstance(cells[0], np.ndarray):
        return np.stack(cells)
    return np.array(cells, dtype=np.int64 if isinstance(cells[0], int | np.integer) else np.float32)


def _joined(task: Task, parts: Sequence[_Stacked]) -> Store:
    """Parts one below the other, as tensors in memory."""
    filled = [part for part in parts if len(part.row_of)]
    row_of = np.concatenate([part.row_of for part in filled]) if filled else np.zeros(0, dtype=np.int64)
    if not filled:
        return Store({}, {}, {}, row_of)

    def join(arrays: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(arrays[0] if len(arrays) == 1 else np.concatenate(arrays))

    fixed = {name: join([part.fixed[name] for part in filled]) for name in filled[0].fixed}
    flat = {name: join([part.flat[name] for part in filled]) for name in filled[0].flat}
    lengths = {name: np.concatenate([part.lengths[name] for part in filled]) for name in flat}
    offsets = {name: torch.from_numpy(_offsets(values)) for name, values in lengths.items()}
    counted = _counted(task, lengths)
    return Store(fixed, flat, offsets, row_of, _total(counted), counted=counted)


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])


# ----- on the disk


def _large(task: Task, rows: Sequence[Row], learn: bool) -> bool:
    """Whether the rows are too many to stay in memory, or their examples too large, by the first rows."""
    if len(rows) > in_memory_rows():
        return True
    return bytes_a_row(task, rows, learn=learn) * len(rows) > in_memory_bytes()


def bytes_a_row(task: Task, rows: Sequence[Row], *, learn: bool) -> float:
    """What the examples of a row take, by the first rows."""
    some, tried = _Block([], []), min(TRIED, len(rows))
    for at in range(tried):
        try:
            some.examples.extend(task.encode(rows[at], learn=learn))
        except DataError:
            continue
    some.row_of = [0] * len(some.examples)
    stacked = _stacked(task, some)
    return sum(array.nbytes for array in (*stacked.fixed.values(), *stacked.flat.values())) / max(1, tried)


def _mapped(
    task: Task, rows: Sequence[Row], identity: str, *, learn: bool, reject: Reject | None, progress: Progress | None
) -> Store:
    facts: dict[str, Any] = {
        "rows": identity,
        "task": task.state(),
        "learn": learn,
        "code": code_digest("data", "tasks"),
    }
    name = f"examples-{key_of(facts)[:32]}"
    told = None if progress is None else lambda done, total, text: progress(done, total)
    pack = find_pack(name, told)
    if pack is None:
        with packing(name, None if progress is None else lambda: progress(0, len(rows))) as work:
            pack = find_pack(name, told)  # another process may have done it
            if pack is None:
                return _opened(task, _packed(work, task, rows, learn=learn, reject=reject, progress=progress))
    for i, reason in pack.meta["rejected"]:
        if reject is None:
            raise DataError(reason)
        reject(rows[i], reason)
    store = _opened(task, pack)
    store.found = True
    return store


def fitted_task(task_class: type[Task], rows: Sequence[Row], options: Mapping[str, Any]) -> Task:
    """`task_class.fit(rows, **options)`; of rows that lie in the cache its result lies there too."""
    identity = rows.identity() if isinstance(rows, Rows) else None
    if identity is None:
        return task_class.fit(rows, **options)
    share = current_share()
    facts: dict[str, Any] = {
        "rows": identity,
        "task": task_class.name,
        "options": dict(options),
        "code": code_digest("data", "tasks"),
    }
    if share is not None and share.characters is not None:
        facts["characters"] = share.characters
    name = f"task-{key_of(facts)[:32]}"
    pack = find_pack(name)
    if pack is None and share is not None and share.seconds is not None:
        return task_class.fit(rows, **options)  # how much it learns from is not known before, and so no name for it
    if pack is None:
        with packing(name) as work:
            pack = find_pack(name) or work.finish(task_class.fit(rows, **options).state())
    return restore_task(pack.meta)


def _packed(
    work: Packing, task: Task, rows: Sequence[Row], *, learn: bool, reject: Reject | None, progress: Progress | None
) -> Pack:
    """Encodes onto the disk; goes on after the rows that a killed process has left there."""
    state: dict[str, Any] = {"rows": 0, "rejected": [], "entries": {}, **work.state}
    for i, reason in state["rejected"]:
        if reject is not None:
            reject(rows[i], reason)
    blocks = _blocks(
        task, rows, learn=learn, reject=reject, progress=progress, first=state["rows"],
        noted=lambda i, reason: state["rejected"].append([i, reason]),
    )  # fmt: skip
    for block in blocks:
        if block.examples:
            _append(work, _stacked(task, block), state["entries"])
        state["rows"] = min(len(rows), state["rows"] + ROWS_AT_ONCE)
        if work.due():
            work.commit(state)
    return work.finish(state)


def _append(work: Packing, part: _Stacked, entries: dict[str, Any]) -> None:
    work.append("row_of", part.row_of)
    for name, array in part.fixed.items():
        work.append(f"fixed.{name}", array)
        entries[name] = ["fixed", str(array.dtype), list(array.shape[1:])]
    for name, array in part.flat.items():
        if f"offsets.{name}" not in work:
            work.append(f"offsets.{name}", np.zeros(1, dtype=np.int64))
        last = work.size(f"flat.{name}") // (array.dtype.itemsize * math.prod(array.shape[1:]))
        work.append(f"offsets.{name}", last + np.cumsum(part.lengths[name]))
        work.append(f"lengths.{name}", part.lengths[name])
        work.append(f"flat.{name}", array)
        entries[name] = ["flat", str(array.dtype), list(array.shape[1:])]


def _opened(task: Task, pack: Pack) -> Store:
    entries = pack.meta["entries"]
    if not entries:
        return Store({}, {}, {}, np.zeros(0, dtype=np.int64))
    store = Store({}, {}, {}, pack.map("row_of", np.int64), pack_folder=pack)
    for name, (kind, dtype, shape) in entries.items():
        if kind == "fixed":
            store.fixed[name] = torch.from_numpy(pack.map(f"fixed.{name}", dtype, (len(store.row_of), *shape)))
        else:
            store.offsets[name] = torch.from_numpy(pack.map(f"offsets.{name}", np.int64))
            count = int(store.offsets[name][-1])
            store.flat[name] = torch.from_numpy(pack.map(f"flat.{name}", dtype, (count, *shape)))
    names = [name for name in (task.length, *task.beside) if name in store.flat]
    store.counted = _counted(task, {str(name): pack.map(f"lengths.{name}", np.int64) for name in names})
    store.length_of = _total(store.counted)
    return store
