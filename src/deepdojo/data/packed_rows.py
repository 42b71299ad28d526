"""Rows that do not stay in memory: written while they are read, mapped afterwards, one cell decoded when asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from deepdojo.contracts import Contract
from deepdojo.data.files import Files
from deepdojo.data.packed_columns import LabelReader, Records, reader_of, writer_of
from deepdojo.data.rowset import Rows, hash_of
from deepdojo.packs import Pack, Packing, key_of

__all__ = ["PackedRow", "PackedRows", "RowPack", "RowWriter"]

_CHUNK = 4096


def kinds_of(contract: Contract) -> dict[str, str]:
    """Column -> the kind that `writer_of` knows."""
    return {"id": "text", **contract.columns}


class RowWriter:
    """Appends rows to a pack.

    Args:
        extra: columns that the split is drawn by.
    """

    def __init__(self, work: Packing, contract: Contract, extra: Sequence[str]) -> None:
        self.work = work
        self.n = int(work.state.get("n", 0))
        self.unions: dict[str, list[tuple[int, list[str]]]] = work.state.get("unions", {})
        self.columns = {name: writer_of(work, name, kind) for name, kind in kinds_of(contract).items()}
        self.columns |= {f"extra.{name}": writer_of(work, f"extra.{name}", "any") for name in extra}
        self.columns |= {name: writer_of(work, name, kind) for name, kind in _BESIDE.items()}
        self.keys = writer_of(work, "key", "text")
        self._rejected = writer_of(work, "rejected", "any")
        self.rejects = int(work.state.get("rejects", 0))
        self.waiting = 0

    def add(self, row: Mapping[str, Any], extra: Mapping[str, Any], *, part: int, file: str, line: int | None) -> None:
        """One row; `part` is the number of the part that its file is for, 255 for none."""
        for name, cell in row.items():
            self.columns[name].add(cell)
        for name, cell in extra.items():
            self.columns[f"extra.{name}"].add(cell)
        self.columns["hash"].add(hash_of(row["id"]))
        self.columns["part"].add(part)
        self.columns["file"].add(file)
        self.columns["line"].add(-1 if line is None else line)
        self.n += 1
        self.waiting += 1
        if self.waiting >= _CHUNK:
            self.flush()

    def reject(self, what: Mapping[str, Any]) -> None:
        """What was left out."""
        self._rejected.add(what)
        self.rejects += 1

    def flush(self) -> None:
        for column in (*self.columns.values(), self.keys, self._rejected):
            column.flush()
        self.waiting = 0

    def commit(self, state: Mapping[str, Any]) -> None:
        self.flush()
        self.work.commit({**state, **self.facts()})

    def facts(self) -> dict[str, Any]:
        schemas = {name: column.schema for name, column in self.columns.items() if hasattr(column, "schema")}
        return {"n": self.n, "rejects": self.rejects, "unions": self.unions, "schemas": schemas}

    def finish(self, meta: Mapping[str, Any]) -> Pack:
        """The whole pack, with an index of ids: hashes in order and their rows."""
        self.flush()
        self.work.flush()
        hashes = np.fromfile(self.work.partial / "hash", dtype="<u8")
        order = np.argsort(hashes, kind="stable")
        self.work.append("ids.sorted", hashes[order])
        self.work.append("ids.rows", order.astype("<u4"))
        return self.work.finish({**meta, **self.facts()})


_BESIDE = {"hash": "hash", "part": "byte", "file": "file", "line": "int"}


class RowPack:
    """A whole pack of rows, opened."""

    def __init__(self, pack: Pack, contract: Contract, files: Files, extra: Sequence[str]) -> None:
        self.pack, meta = pack, pack.meta
        # The folder's name says how rows are read, the digests what was in the files.
        self.name = f"{pack.folder.name}:{key_of(meta.get('digests'))[:32]}"
        self.n: int = meta["n"]
        self.columns: dict[str, Any] = {}
        for name, kind in kinds_of(contract).items():
            found = reader_of(pack, name, kind, files)
            if kind == "record":
                found = Records(found, meta["schemas"][name] or [], meta["unions"].get(name, []))
            self.columns[name] = found
        self.extra = {name: reader_of(pack, f"extra.{name}", "any") for name in extra}
        self.part = reader_of(pack, "part", "byte").values
        self._file, self._line = reader_of(pack, "file", "file"), reader_of(pack, "line", "int")
        self.rejected = reader_of(pack, "rejected", "any")
        self.keys = reader_of(pack, "key", "text") if meta["keyed"] else None

    @cached_property
    def _sorted(self) -> np.ndarray:
        return self.pack.map("ids.sorted", "<u8")

    @cached_property
    def _rows(self) -> np.ndarray:
        return self.pack.map("ids.rows", "<u4")

    def find(self, row_id: str) -> int | None:
        """The row's number, None where there is no such id."""
        value = np.uint64(hash_of(row_id))
        at = int(np.searchsorted(self._sorted, value))
        while at < self.n and self._sorted[at] == value:
            if self.columns["id"][int(self._rows[at])] == row_id:
                return int(self._rows[at])
            at += 1
        return None

    def twins(self) -> tuple[int, int] | None:
        """Two rows of one id, the earlier second one first; None where ids differ."""
        same = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
        ids, pairs = self.columns["id"], []
        for at in same:
            a, b = int(self._rows[at]), int(self._rows[at + 1])
            if ids[a] == ids[b]:
                pairs.append((b, a))
        if not pairs:
            return None
        later, first = min(pairs)
        return first, later

    def where(self, at: int) -> tuple[str, int | None]:
        line = self._line[at]
        return self._file[at], None if line < 0 else line

    def walk(self, cells: Any) -> Iterator[Any]:
        """All cells of a column in order, with the pages handed back now and then."""
        for start in range(0, self.n, _CHUNK):
            yield from (cells[at] for at in range(start, min(self.n, start + _CHUNK)))
            self.pack.touched(_CHUNK // 64)


@dataclass(frozen=True)
class PackedCells(Sequence[Any]):
    """One column of a row pack."""

    source: RowPack
    cells: Any

    def __len__(self) -> int:
        return self.source.n

    def __getitem__(self, at: Any) -> Any:
        return [self.cells[i] for i in range(*at.indices(len(self)))] if isinstance(at, slice) else self.cells[at]

    def __iter__(self) -> Iterator[Any]:
        return self.source.walk(self.cells)


class PackedRow(Mapping[str, Any]):
    """One row; a cell is decoded whenever it is asked for."""

    __slots__ = ("_at", "_names", "_source")

    def __init__(self, source: RowPack, at: int, names: tuple[str, ...]) -> None:
        self._source, self._at, self._names = source, at, names

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._source.columns[name][self._at]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


class PackedRows(Rows):
    """Some rows of a pack, with some of their cells.

    Args:
        numbers: (n,) uint32 numbers of the rows; four bytes a row are all that is kept of them in memory.
    """

    def __init__(self, source: RowPack, numbers: np.ndarray, names: Sequence[str]) -> None:
        self.source, self.numbers, self.names = source, np.asarray(numbers, dtype=np.uint32), tuple(names)

    def __len__(self) -> int:
        return len(self.numbers)

    def at(self, position: int) -> PackedRow:
        return PackedRow(self.source, int(self.numbers[position]), self.names)

    def __iter__(self) -> Iterator[PackedRow]:
        source, names = self.source, self.names
        for start in range(0, len(self.numbers), _CHUNK):
            for at in self.numbers[start : start + _CHUNK].tolist():
                yield PackedRow(source, at, names)
            source.pack.touched(_CHUNK // 64)

    def select(self, positions: np.ndarray) -> PackedRows:
        return PackedRows(self.source, self.numbers[np.asarray(positions, dtype=np.int64)], self.names)

    def only(self, names: Sequence[str]) -> PackedRows:
        return PackedRows(self.source, self.numbers, names)

    def counts(self, name: str) -> Counter[str]:
        cells = self.source.columns[name]
        if not isinstance(cells, LabelReader):
            return super().counts(name)
        found = np.bincount(cells.codes[self.numbers], minlength=len(cells.words))
        return Counter({word: int(n) for word, n in zip(cells.words, found, strict=True) if n})

    def identity(self) -> str:
        chosen = sha256(self.numbers.tobytes()).hexdigest()
        return f"{self.source.name}:{','.join(self.names)}:{chosen}"
