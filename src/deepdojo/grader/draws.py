"""How a case's arguments are drawn: axes named by letters get distinct primes, so that swapped axes never fit.

A case is drawn anew for each seed; the same seed gives the same numbers on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

__all__ = ["Draw", "Drawing", "keep", "map_tensors", "normal", "tensors_in"]

_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19)
_TOKEN = re.compile(r"(\d+)?\*?([A-Za-z]\w*)?([+-]\d+)?")


@dataclass
class Drawing:
    """One case under one seed while its arguments are drawn. `drawing["x"]` is an argument drawn before."""

    gen: torch.Generator
    sizes: dict[str, int]
    spread: tuple[int, ...]  # primes that the case's letters share out
    arguments: dict[str, Any] = field(default_factory=dict)

    def size(self, token: str | int) -> int:
        """Of an axis: a letter (`T`), a number, a multiple (`4H`), a sum (`T+1`)."""
        found = _TOKEN.fullmatch(str(token))
        if found is None or not any(found.groups()):
            raise ValueError(f"{token!r} names no axis; write a letter, a number, 4H or T+1")
        times, letter, plus = found.groups()
        base = 1 if letter is None else self.sizes.setdefault(letter, self._fresh_prime())
        return int(times or 1) * base + int(plus or 0)

    def shape(self, axes: str) -> tuple[int, ...]:
        return tuple(self.size(token) for token in axes.split())

    def normal(self, axes: str, *, mean: float = 0.0, scale: float = 1.0) -> Tensor:
        return torch.randn(self.shape(axes), generator=self.gen, dtype=torch.float64) * scale + mean

    def uniform(self, axes: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(self.shape(axes), generator=self.gen, dtype=torch.float64) * (high - low) + low

    def integers(self, axes: str, low: int, high: int) -> Tensor:
        """int64 from `low` to `high` - 1."""
        return torch.randint(low, high, self.shape(axes), generator=self.gen)

    def integer(self, low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=self.gen))

    def choice(self, items: Sequence[Any]) -> Any:
        return items[self.integer(0, len(items))]

    def __getitem__(self, argument: str) -> Any:
        return self.arguments[argument]

    def _fresh_prime(self) -> int:
        left = [p for p in self.spread if p not in self.sizes.values()]
        left = left or [p for p in _PRIMES if p not in self.sizes.values()]
        return left[self.integer(0, len(left))]


@dataclass(frozen=True)
class Draw:
    """An argument that is drawn: how, and whether its gradient is compared."""

    make: Callable[[Drawing], Any]
    grad: bool = False
    letters: tuple[str, ...] = ()


def normal(axes: str, *, mean: float = 0.0, scale: float = 1.0, grad: bool = True) -> Draw:
    """Normal float64 numbers.

    Args:
        axes: letters and numbers parted by blanks, such as "B H T K", "4H I", "T+1"; "" is one number.
        grad: compare the gradient with respect to it.
    """

    def make(drawing: Drawing) -> Tensor:
        return drawing.normal(axes, mean=mean, scale=scale)

    return Draw(make, grad, _letters(axes))


def keep(axes: str, *, share: float = 0.6, dead: int = 0) -> Draw:
    """A boolean mask, True = may be seen. Each row of the last axis sees something, and (but for rows of one) not all.

    Args:
        dead: how many rows see nothing at all.
    """

    def make(drawing: Drawing) -> Tensor:
        shape = drawing.shape(axes)
        mask = torch.rand(shape, generator=drawing.gen) < share
        rows = mask.view(-1, shape[-1])
        for row in rows:
            seen, unseen = torch.randperm(shape[-1], generator=drawing.gen).tolist()[:2] if shape[-1] > 1 else (0, 0)
            row[unseen], row[seen] = False, True
        for i in torch.randperm(len(rows), generator=drawing.gen).tolist()[:dead]:
            rows[i] = False
        return mask

    return Draw(make, False, _letters(axes))


def start(sizes: Mapping[str, int | Sequence[int]], letters: Sequence[str], seed: int) -> Drawing:
    """A drawing whose fixed sizes are set; all further letters get primes that no other has."""
    gen = torch.Generator().manual_seed(seed)
    fixed = {k: v if isinstance(v, int) else v[int(torch.randint(len(v), (), generator=gen))] for k, v in sizes.items()}
    free = len({*letters} - {*fixed})
    pool = [p for p in _PRIMES if p not in fixed.values()][: max(free + 1, 3)]
    return Drawing(gen, dict(fixed), tuple(pool))


def resolve(value: Any, drawing: Drawing, where: str, grads: list[str]) -> Any:
    """A constant, a `Draw`, a function of the drawing, or lists, tuples and dicts of these; `grads` gathers paths."""
    if isinstance(value, Draw):
        if value.grad:
            grads.append(where)
        return value.make(drawing)
    if isinstance(value, dict):
        return {k: resolve(v, drawing, f"{where}.{k}", grads) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(resolve(v, drawing, f"{where}[{i}]", grads) for i, v in enumerate(value))
    if callable(value):
        return value(drawing)
    return value


def letters_in(value: Any) -> Iterator[str]:
    if isinstance(value, Draw):
        yield from value.letters
    elif isinstance(value, dict):
        for each in value.values():
            yield from letters_in(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from letters_in(each)


def map_tensors(value: Any, change: Callable[[str, Tensor], Any], where: str = "") -> Any:
    """A copy of a nesting with each tensor changed; `change` gets its path, such as `params[0]` or `p.w`."""
    if isinstance(value, Tensor):
        return change(where, value)
    if isinstance(value, dict):
        return {k: map_tensors(v, change, f"{where}.{k}" if where else str(k)) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(map_tensors(v, change, f"{where}[{i}]") for i, v in enumerate(value))
    if isinstance(value, list):
        return [map_tensors(v, change, f"{where}[{i}]") for i, v in enumerate(value)]
    return value


def tensors_in(value: Any) -> dict[str, Tensor]:
    """Path -> tensor of a nesting."""
    found: dict[str, Tensor] = {}
    map_tensors(value, lambda path, tensor: cast(Any, found.__setitem__(path, tensor)))
    return found


def _letters(axes: str) -> tuple[str, ...]:
    return tuple(found[2] for token in axes.split() if (found := _TOKEN.fullmatch(token)) and found[2])
