"""Rows as a sequence, whether they stay in memory or are mapped: chosen rows, one column, the identity of what is
chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b, sha256
from typing import Any, overload

import numpy as np

from deepdojo.columns import Cells

__all__ = [
    "ById",
    "Column",
    "Parts",
    "RowList",
    "Rows",
    "column",
    "counts_of",
    "hash_of",
    "positions_of",
    "select",
    "with_ids",
]

Row = Mapping[str, Any]


def hash_of(text: str) -> int:
    """64 bits of a text, the same in every process."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class Rows(Sequence[Any]):
    """Rows that are not all in memory. A subclass gives `__len__`, `at` and the three choices below."""

    def at(self, position: int) -> Any:
        raise NotImplementedError

    def select(self, positions: np.ndarray) -> Rows:
        """The rows at these positions, in this order."""
        raise NotImplementedError

    def only(self, names: Sequence[str]) -> Rows:
        """The same rows with these cells alone."""
        raise NotImplementedError

    def counts(self, name: str) -> Counter[str]:
        """How often each label occurs."""
        return Counter(row[name] for row in self)

    def identity(self) -> str | None:
        """Equal for equal rows in any process; None where that is not known."""
        raise NotImplementedError

    @overload
    def __getitem__(self, key: int) -> Any: ...
    @overload
    def __getitem__(self, key: slice) -> Rows: ...
    def __getitem__(self, key: int | slice) -> Any:
        if isinstance(key, slice):
            return self.select(np.arange(*key.indices(len(self))))
        n = len(self)
        if not -n <= key < n:
            raise IndexError(key)
        return self.at(key % n)

    def __iter__(self) -> Iterator[Any]:
        return map(self.at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(dict(a) == dict(b) for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class RowList(list[Any]):
    """Rows in memory that know what they are."""

    def __init__(self, rows: Iterable[Any], identity: Callable[[], str] | None = None) -> None:
        super().__init__(rows)
        self._identity = identity

    def identity(self) -> str | None:
        return None if self._identity is None else self._identity()


def select(rows: Sequence[Any], positions: np.ndarray) -> Sequence[Any]:
    """The rows at these positions, in this order."""
    if isinstance(rows, Rows):
        return rows.select(positions)
    chosen = sha256(np.asarray(positions, dtype=np.int64).tobytes()).hexdigest()
    before = rows.identity() if isinstance(rows, RowList) else None
    return RowList([rows[i] for i in positions], None if before is None else lambda: f"{before}:{chosen}")


class Column(Cells):
    """One cell of each row, taken when it is asked for."""

    def __init__(self, rows: Sequence[Any], name: str) -> None:
        self.rows, self.name = rows, name

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, position: int) -> Any:
        return self.rows[position][self.name]

    def __iter__(self) -> Iterator[Any]:
        name = self.name
        return (row[name] for row in self.rows)


def column(rows: Sequence[Any], name: str) -> Column:
    """One cell of each row."""
    return Column(rows, name)


def counts_of(rows: Sequence[Any], name: str) -> Counter[str]:
    """How often each label of a column occurs."""
    return rows.counts(name) if isinstance(rows, Rows) else Counter(row[name] for row in rows)


def with_ids(rows: Sequence[Any], ids: Sequence[str]) -> Sequence[Any]:
    """The rows whose id is among these, in their own order."""
    there = positions_of(rows, ids)
    return rows if len(there) == len(rows) else select(rows, there)


def positions_of(rows: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
    """Where the rows stand whose id is among these."""
    if len(rows) == len(ids) and all(row["id"] == key for row, key in zip(rows, ids, strict=True)):
        return np.arange(len(rows))
    wanted = np.sort(np.fromiter(map(hash_of, ids), dtype=np.uint64, count=len(ids)))
    own = np.fromiter((hash_of(row["id"]) for row in rows), dtype=np.uint64, count=len(rows))
    return np.flatnonzero(np.isin(own, wanted))


class ById(Mapping[str, Any]):
    """Rows by their id, in twelve bytes a row."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows
        hashes = np.fromiter((hash_of(row["id"]) for row in rows), dtype=np.uint64, count=len(rows))
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._at = hashes[order], order.astype(np.uint32)

    def position(self, row_id: str) -> int | None:
        """Where the row of this id stands."""
        value = np.uint64(hash_of(row_id))
        first = int(np.searchsorted(self._hashes, value))
        while first < len(self._hashes) and self._hashes[first] == value:
            at = int(self._at[first])
            if self.rows[at]["id"] == row_id:
                return at
            first += 1
        return None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return (row["id"] for row in self.rows)

    def __getitem__(self, row_id: str) -> Any:
        at = self.position(row_id)
        if at is None:
            raise KeyError(row_id)
        return self.rows[at]


class Parts(Mapping[str, str]):
    """id -> part in nine bytes a row, for splits that would be hundreds of megabytes as a dict."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        names: dict[str, int] = {}
        rows = np.fromiter(
            ((hash_of(key), names.setdefault(part, len(names))) for key, part in pairs),
            dtype=[("hash", np.uint64), ("part", np.uint8)],
        )
        rows.sort(order="hash")
        self._hashes, self._parts, self._names = rows["hash"].copy(), rows["part"].copy(), list(names)

    def __len__(self) -> int:
        return len(self._hashes)

    def __iter__(self) -> Iterator[str]:
        raise TypeError("the ids themselves are not kept")

    def __getitem__(self, key: str) -> str:
        value = np.uint64(hash_of(key))
        at = int(np.searchsorted(self._hashes, value))
        if at == len(self._hashes) or self._hashes[at] != value:
            raise KeyError(key)
        return self._names[self._parts[at]]

    def __contains__(self, key: object) -> bool:
        try:
            self[str(key)]
        except KeyError:
            return False
        return True
