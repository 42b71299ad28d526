"""Examples end to end as tensors: joined in memory, or written into the cache and mapped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepdojo.errors import DataError
from deepdojo.packs import Pack, Packing, code_digest, find_pack, in_memory_bytes, in_memory_rows, key_of, packing
from deepdojo.tasks.base import Row, Task
from deepdojo.training.encoding import Progress, Reject, Stacked, bytes_a_row, encoded_blocks, stacked

__all__ = ["Arrays", "joined", "packed_arrays", "too_large"]


@dataclass
class Arrays:
    """All examples of a split; the attributes are those of `Store`.

    Attributes:
        lengths: of each example, in the ragged entries that sort or count.
    """

    fixed: dict[str, Tensor]
    flat: dict[str, Tensor]
    offsets: dict[str, Tensor]
    lengths: dict[str, np.ndarray]
    row_of: np.ndarray
    pack: Pack | None = None
    found: bool = False


def joined(parts: Sequence[Stacked]) -> Arrays:
    """Parts one below the other, as tensors in memory."""
    filled = [part for part in parts if len(part.row_of)]
    row_of = np.concatenate([part.row_of for part in filled]) if filled else np.zeros(0, dtype=np.int64)
    if not filled:
        return Arrays({}, {}, {}, {}, row_of)

    def join(arrays: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(arrays[0] if len(arrays) == 1 else np.concatenate(arrays))

    fixed = {name: join([part.fixed[name] for part in filled]) for name in filled[0].fixed}
    flat = {name: join([part.flat[name] for part in filled]) for name in filled[0].flat}
    lengths = {name: np.concatenate([part.lengths[name] for part in filled]) for name in flat}
    offsets = {name: torch.from_numpy(_offsets(values)) for name, values in lengths.items()}
    return Arrays(fixed, flat, offsets, lengths, row_of)


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])


def too_large(task: Task, rows: Sequence[Row], learn: bool) -> bool:
    """Whether the rows are too many to stay in memory, or their examples too large, by the first rows."""
    if len(rows) > in_memory_rows():
        return True
    return bytes_a_row(task, rows, learn=learn) * len(rows) > in_memory_bytes()


def packed_arrays(
    task: Task, rows: Sequence[Row], identity: str, *, learn: bool, reject: Reject | None, progress: Progress | None
) -> Arrays:
    """The examples of rows that know what they are (`identity`), from the cache; packed there if they are not yet, and
    a packing that was killed goes on."""
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
    found = _opened(task, pack)
    found.found = True
    return found


def _packed(
    work: Packing, task: Task, rows: Sequence[Row], *, learn: bool, reject: Reject | None, progress: Progress | None
) -> Pack:
    """Encodes onto the disk; goes on after the rows that a killed process has left there."""
    state: dict[str, Any] = {"rows": 0, "rejected": [], "entries": {}, **work.state}
    for i, reason in state["rejected"]:
        if reject is not None:
            reject(rows[i], reason)
    blocks = encoded_blocks(
        task, rows, learn=learn, reject=reject, progress=progress, first=state["rows"],
        noted=lambda i, reason: state["rejected"].append([i, reason]),
    )  # fmt: skip
    for block in blocks:
        if block.examples:
            _append(work, stacked(task, block), state["entries"])
        state["rows"] = block.end
        if work.due():
            work.commit(state)
    return work.finish(state)


def _append(work: Packing, part: Stacked, entries: dict[str, Any]) -> None:
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


def _opened(task: Task, pack: Pack) -> Arrays:
    entries = pack.meta["entries"]
    if not entries:
        return Arrays({}, {}, {}, {}, np.zeros(0, dtype=np.int64))
    found = Arrays({}, {}, {}, {}, pack.map("row_of", np.int64), pack)
    for name, (kind, dtype, shape) in entries.items():
        if kind == "fixed":
            found.fixed[name] = torch.from_numpy(pack.map(f"fixed.{name}", dtype, (len(found.row_of), *shape)))
        else:
            found.offsets[name] = torch.from_numpy(pack.map(f"offsets.{name}", np.int64))
            count = int(found.offsets[name][-1])
            found.flat[name] = torch.from_numpy(pack.map(f"flat.{name}", dtype, (count, *shape)))
    names = [name for name in (task.length, *task.beside) if name in found.flat]
    found.lengths.update({str(name): pack.map(f"lengths.{name}", np.int64) for name in names})
    return found
