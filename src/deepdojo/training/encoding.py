"""Rows -> examples -> arrays, some thousand rows at a time: what packing in memory and on the disk share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.errors import DataError
from deepdojo.tasks.base import Example, Row, Task

__all__ = ["Block", "Progress", "Reject", "Stacked", "bytes_a_row", "encoded_blocks", "stacked"]

ROWS_AT_ONCE = 4096
"""Rows encoded before they are stacked: what packing needs beside the result."""
ROWS_TOLD = 256
"""Rows encoded between two signs of progress."""
TRIED = 64
"""Rows whose examples say how large all will be."""

Reject = Callable[[Row, str], None]
Progress = Callable[[int, int], None]


@dataclass
class Block:
    """Some examples, and the rows that they came from; before row `end` all are encoded."""

    examples: list[Example]
    row_of: list[int]
    end: int = 0


@dataclass
class Stacked:
    """The same as arrays; ragged entries flat, with the length of each."""

    fixed: dict[str, np.ndarray]
    flat: dict[str, np.ndarray]
    lengths: dict[str, np.ndarray]
    row_of: np.ndarray


def encoded_blocks(
    task: Task,
    rows: Sequence[Row],
    *,
    learn: bool,
    reject: Reject | None,
    progress: Progress | None,
    first: int = 0,
    noted: Callable[[int, str], None] | None = None,
) -> Iterator[Block]:
    """Rows from `first` on, encoded in blocks. `noted` is told the number of each row that cannot be."""
    block = Block([], [], first)
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
        block.end = first + start + len(some)
        if block.end % ROWS_AT_ONCE == 0:
            yield block
            block = Block([], [], block.end)
    yield block


def stacked(task: Task, block: Block) -> Stacked:
    """Examples as arrays."""
    names = list(block.examples[0]) if block.examples else []
    cells = {name: [example[name] for example in block.examples] for name in names}
    ragged = [name for name in names if name in task.ragged]
    return Stacked(
        {name: _array(cells[name]) for name in names if name not in task.ragged},
        {name: np.concatenate(cells[name]) for name in ragged},
        {name: np.array([len(cell) for cell in cells[name]], dtype=np.int64) for name in ragged},
        np.array(block.row_of, dtype=np.int64),
    )


def _array(cells: list[Any]) -> np.ndarray:
    if isinstance(cells[0], np.ndarray):
        return np.stack(cells)
    return np.array(cells, dtype=np.int64 if isinstance(cells[0], int | np.integer) else np.float32)


def bytes_a_row(task: Task, rows: Sequence[Row], *, learn: bool) -> float:
    """What the examples of a row take, by the first rows."""
    some, tried = Block([], []), min(TRIED, len(rows))
    for at in range(tried):
        try:
            some.examples.extend(task.encode(rows[at], learn=learn))
        except DataError:
            continue
    some.row_of = [0] * len(some.examples)
    arrays = stacked(task, some)
    return sum(array.nbytes for array in (*arrays.fixed.values(), *arrays.flat.values())) / max(1, tried)
