"""Columns of cells that take a few bytes a row: texts, labels, numbers, probabilities. They read like lists."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Cells", "Coded", "ColumnBuilder", "Distributions", "Mapped", "Numbers", "Texts", "same"]


def same(a: Any, b: Any) -> bool:
    """Whether two cells, or two rows of cells, are equal, arrays by their values."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


class Cells(Sequence[Any]):
    """A column whose cells are made when they are asked for. A subclass gives `__len__` and `at`."""

    def at(self, position: int) -> Any:
        raise NotImplementedError

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return [self.at(i) for i in range(*key.indices(len(self)))]
        n = len(self)
        if not -n <= key < n:
            raise IndexError(key)
        return self.at(key % n)

    def __iter__(self) -> Iterator[Any]:
        return map(self.at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(same(a, b) for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} cells)"


class Mapped(Cells):
    """A function of each cell of another column."""

    def __init__(self, cells: Sequence[Any], function: Callable[[Any], Any]) -> None:
        self.cells, self.function = cells, function

    def __len__(self) -> int:
        return len(self.cells)

    def at(self, position: int) -> Any:
        return self.function(self.cells[position])

    def __iter__(self) -> Iterator[Any]:
        return map(self.function, self.cells)


class Coded(Cells):
    """Labels by their numbers: (n,) whole numbers and the names."""

    def __init__(self, codes: Any, names: Sequence[str]) -> None:
        self.codes, self.names = codes, names

    def __len__(self) -> int:
        return len(self.codes)

    def at(self, position: int) -> str:
        return self.names[self.codes[position]]


class Numbers(Cells):
    """(n,) float64."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.values)

    def at(self, position: int) -> float:
        return float(self.values[position])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)


class Texts(Cells):
    """UTF-8 end to end, and where each ends."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.data, self.ends = bytearray(), array("Q")
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        self.data += text.encode("utf-8", "surrogatepass")
        self.ends.append(len(self.data))

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, position: int) -> str:
        start = self.ends[position - 1] if position else 0
        return self.data[start : self.ends[position]].decode("utf-8", "surrogatepass")


class Distributions(Cells):
    """Probabilities of the same labels in every row, of a distribution or each for itself: (n, labels) float64."""

    def __init__(self, labels: Sequence[str], matrix: np.ndarray) -> None:
        self.labels, self.matrix = tuple(labels), matrix

    def __len__(self) -> int:
        return len(self.matrix)

    def at(self, position: int) -> dict[str, float]:
        return dict(zip(self.labels, self.matrix[position].tolist(), strict=True))


_PROBABILITIES = ("distribution", "marginals")


class ColumnBuilder:
    """Collects cells of one kind in the form that takes least; what does not fit it is kept as it comes."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.numbers = array("d")
        self.codes, self.names = array("L"), dict[str, int]()
        self.texts = Texts()
        self.labels: tuple[str, ...] | None = None
        self.plain: list[Any] | None = None
        self.n = 0

    def append(self, cell: Any) -> None:
        if self.plain is None and not self._compact(cell):
            self.plain = list(self.column()) if self.n else []
        if self.plain is not None:
            self.plain.append(cell)
        self.n += 1

    def _compact(self, cell: Any) -> bool:
        if self.kind in _PROBABILITIES and isinstance(cell, Mapping):
            labels = tuple(cell)
            if self.labels is None:
                self.labels = labels
            if labels == self.labels and all(type(p) is float for p in cell.values()):
                self.numbers.extend(cell.values())
                return True
            return False
        if self.kind == "number" and type(cell) is float:
            self.numbers.append(cell)
            return True
        if self.kind == "label" and isinstance(cell, str):
            self.codes.append(self.names.setdefault(cell, len(self.names)))
            return True
        if self.kind == "id" and isinstance(cell, str):
            self.texts.append(cell)
            return True
        return False

    def column(self) -> Sequence[Any]:
        """What was collected."""
        if self.plain is not None:
            return self.plain
        if self.kind in _PROBABILITIES:
            labels = self.labels or ()
            matrix = np.frombuffer(self.numbers, dtype=np.float64) if self.n else np.zeros(0)
            return Distributions(labels, matrix.reshape(self.n, len(labels)))
        if self.kind == "number":
            return Numbers(np.frombuffer(self.numbers, dtype=np.float64) if self.n else [])
        if self.kind == "label":
            return Coded(self.codes, list(self.names))
        return self.texts if self.kind == "id" else []
