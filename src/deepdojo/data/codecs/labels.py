"""Class names <-> class indices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Labels"]


@dataclass(frozen=True)
class Labels:
    """The classes seen in training rows, in a fixed order: numbers by value, words by alphabet."""

    names: tuple[str, ...]

    @classmethod
    def fit(cls, values: Iterable[str]) -> Labels:
        return cls(tuple(sorted(set(values), key=_by_value_then_alphabet)))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, name: str) -> int | None:
        """The index of a class, or None for one that training rows do not hold."""
        return self._index.get(name)

    def decode(self, index: int) -> str:
        return self.names[index]


def _by_value_then_alphabet(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
