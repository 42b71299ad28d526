"""Which tensor of a checkpoint is which parameter of ours, said once and used both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Entry", "ours_from", "theirs_from"]


@dataclass(frozen=True)
class Entry:
    """One parameter or buffer of ours.

    Attributes:
        ours: its name in our state dict.
        theirs: the names in the file; several are put one under the other along axis 0, in equal parts unless `rows`.
        transposed: whether the file holds (in, out) where we hold (out, in).
        rows: how many rows each of several tensors has, where they differ.
        leading: how many axes of length 1 the file's tensor has before ours.
    """

    ours: str
    theirs: tuple[str, ...]
    transposed: bool = False
    rows: tuple[int, ...] = ()
    leading: int = 0


def ours_from(entries: Iterable[Entry], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict from a file's tensors, which must all be there."""
    made = {}
    for entry in entries:
        parts = [tensors[name] for name in entry.theirs]
        whole = parts[0] if len(parts) == 1 else torch.cat(parts, 0)
        whole = whole.reshape(whole.shape[entry.leading :]) if entry.leading else whole
        made[entry.ours] = whole.t().contiguous() if entry.transposed else whole
    return made


def theirs_from(entries: Iterable[Entry], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The file's tensors from our state dict, each contiguous and sharing memory with no other."""
    made = {}
    for entry in entries:
        whole = state[entry.ours]
        whole = whole.t() if entry.transposed else whole
        whole = whole[(None,) * entry.leading] if entry.leading else whole
        parts = [whole] if len(entry.theirs) == 1 else whole.split(_rows(entry, whole), 0)
        for name, part in zip(entry.theirs, parts, strict=True):
            made[name] = part.detach().clone(memory_format=torch.contiguous_format)
    return made


def _rows(entry: Entry, whole: Tensor) -> list[int]:
    return list(entry.rows) or [len(whole) // len(entry.theirs)] * len(entry.theirs)
