"""Operations that a layer adds for its own bookkeeping: a count of what the model costs leaves them out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["counted_bookkeeping", "note_bookkeeping"]

_counts: list[list[int]] = []


@contextmanager
def counted_bookkeeping() -> Iterator[list[int]]:
    """Collects what is noted inside, forward and backward."""
    count: list[int] = []
    _counts.append(count)
    try:
        yield count
    finally:
        _counts.remove(count)


def note_bookkeeping(out: Tensor, operations: int | torch.SymInt | Tensor) -> None:
    """The product that gave `out` holds so many operations of bookkeeping, and its backward twice as many.

    While an exporter traces, sizes are tensors or symbols; nobody counts then."""
    for count in _counts:
        count.append(int(operations))
        if out.requires_grad:
            out.register_hook(lambda gradient, count=count: count.append(2 * int(operations)))
