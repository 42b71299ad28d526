"""The columns of packed rows on disk: labels as numbers, numbers as they are, everything else as bytes with offsets.

No pickle: text is UTF-8, records are JSON, pictures are their files' names, their bytes or their pixels.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from deepdojo.data.files import Files, Media
from deepdojo.data.gallery import Gallery
from deepdojo.packs import Pack, Packing

__all__ = ["ColumnWriter", "LabelReader", "Records", "reader_of", "writer_of"]


_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class ColumnWriter(Protocol):
    """Collects cells of one column; `flush` appends them to the pack."""

    def add(self, cell: Any) -> None: ...
    def flush(self) -> None: ...


def writer_of(work: Packing, name: str, kind: str) -> ColumnWriter:
    """Of kind "label", "file" (labels in long runs), "record", one of numbers, or anything else."""
    if kind in ("label", "file"):
        return _LabelWriter(work, name, all_known=kind == "label")
    if kind == "record":
        return _RecordWriter(work, name)
    if kind in _FORMS:
        return _NumberWriter(work, name, _FORMS[kind])
    return _BlobWriter(work, name)


def reader_of(pack: Pack, name: str, kind: str, files: Files | None = None) -> Any:
    """What `writer_of` wrote, by row number; labels and numbers also as arrays (`codes`, `values`)."""
    if kind in ("label", "file"):
        return LabelReader(pack, name, all_known=kind == "label")
    if kind in _FORMS:
        return _NumberReader(pack, name, _FORMS[kind])
    return _BlobReader(pack, name, files)


_FORMS = {"number": "<f8", "int": "<i8", "code": "<i4", "hash": "<u8", "byte": "<u1"}


class _NumberWriter:
    def __init__(self, work: Packing, name: str, form: str) -> None:
        self.work, self.name, self.form = work, name, np.dtype(form)
        self.cells: list[Any] = []
        self.add = self.cells.append

    def flush(self) -> None:
        self.work.append(self.name, np.array(self.cells, dtype=self.form))
        self.cells.clear()


class _NumberReader:
    def __init__(self, pack: Pack, name: str, form: str) -> None:
        self.pack = pack
        self.values = pack.map(name, form)
        self.whole = self.values.dtype.kind in "iu"

    def __getitem__(self, at: int) -> Any:
        return int(self.values[at]) if self.whole else float(self.values[at])


class _BlobWriter:
    def __init__(self, work: Packing, name: str) -> None:
        self.work, self.name = work, name
        self.end = work.size(name)
        self.data = bytearray()
        self.ends: list[int] = []

    def add(self, cell: Any) -> None:
        self.data += _bytes_of(cell)
        self.ends.append(self.end + len(self.data))

    def flush(self) -> None:
        self.work.append(self.name, bytes(self.data))
        self.work.append(f"{self.name}.ends", np.array(self.ends, dtype="<u8"))
        self.end += len(self.data)
        self.data.clear()
        self.ends.clear()


class _RecordWriter(_BlobWriter):
    """Records with the names of the first one are lists of cells; others are objects with their own names."""

    def __init__(self, work: Packing, name: str) -> None:
        super().__init__(work, name)
        self.schema: list[str] | None = work.state.get("schemas", {}).get(name)

    def add(self, cell: Any) -> None:
        names = list(cell)
        if self.schema is None:
            self.schema = names
        super().add(list(cell.values()) if names == self.schema else cell)


class _BlobReader:
    def __init__(self, pack: Pack, name: str, files: Files | None) -> None:
        self.pack, self.files = pack, files
        self.data: Any = pack.raw(name) or b""
        self.ends = pack.map(f"{name}.ends", "<u8")

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, at: int) -> Any:
        start = int(self.ends[at - 1]) if at else 0
        return _cell_of(self.data[start : int(self.ends[at])], self.files)


class _LabelWriter:
    """A number a row; the names in the order in which they come.

    Args:
        all_known: remember every name; else the last one alone, for columns whose names stand in runs (files).
    """

    def __init__(self, work: Packing, name: str, *, all_known: bool) -> None:
        self.codes = _NumberWriter(work, f"{name}.codes", "<i4")
        self.words = _BlobWriter(work, f"{name}.words")
        self.all_known = all_known
        self.count = work.size(f"{name}.words.ends") // 8
        self.known: dict[str, int] = {}
        if all_known and self.count:  # goes on after a kill
            written = _BlobReader(Pack(work.partial, {}), f"{name}.words", None)
            self.known = {written[i]: i for i in range(self.count)}

    def add(self, cell: str) -> None:
        code = self.known.get(cell)
        if code is None:
            code = self.count
            self.count += 1
            self.words.add(cell)
            if not self.all_known:
                self.known.clear()
            self.known[cell] = code
        self.codes.add(code)

    def flush(self) -> None:
        self.codes.flush()
        self.words.flush()


class LabelReader:
    def __init__(self, pack: Pack, name: str, *, all_known: bool) -> None:
        self.codes = pack.map(f"{name}.codes", "<i4")
        words = _BlobReader(pack, f"{name}.words", None)
        self.words: Any = [words[i] for i in range(len(words))] if all_known else words

    def __getitem__(self, at: int) -> Any:
        return self.words[int(self.codes[at])]


def _bytes_of(cell: Any) -> bytes:
    if isinstance(cell, str):
        return b"s" + cell.encode("utf-8", "surrogatepass")
    if isinstance(cell, np.ndarray):
        head = json.dumps([str(cell.dtype), list(cell.shape)]).encode()
        return b"a" + struct.pack("<I", len(head)) + head + np.ascontiguousarray(cell).tobytes()
    if isinstance(cell, Media):
        name = cell.name.encode("utf-8", "surrogateescape")
        return b"f" + name if not cell.inline else b"b" + struct.pack("<I", len(name)) + name + cell.read()
    if isinstance(cell, Gallery):
        return b"g" + b"".join(_framed(part) for pair in cell for part in map(_bytes_of, pair))
    return b"j" + json.dumps(cell, ensure_ascii=True).encode("ascii")


def _framed(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def _unframed(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = struct.unpack_from("<I", data, at)[0]
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def _cell_of(data: bytes, files: Files | None) -> Any:
    tag, rest = data[:1], data[1:]
    if tag == b"s":
        return rest.decode("utf-8", "surrogatepass")
    if tag == b"j":
        return _scan(rest.decode("ascii"), 0)[0]  # json.loads would look for the encoding each time
    if tag == b"f":
        name = rest.decode("utf-8", "surrogateescape")
        assert files is not None
        return Media(name, lambda: files.peek(name))
    if tag == b"g":
        cells = [_cell_of(part, files) for part in _unframed(rest)]
        return Gallery(zip(cells[::2], cells[1::2], strict=True))
    size = struct.unpack_from("<I", rest)[0]
    head, body = rest[4 : 4 + size], rest[4 + size :]
    if tag == b"b":
        return Media(head.decode("utf-8", "surrogateescape"), lambda: body, inline=True)
    dtype, shape = json.loads(head)
    return np.frombuffer(bytearray(body), dtype).reshape(shape) if math.prod(shape) else np.zeros(shape, dtype)


class Records:
    """The records of a column.

    Args:
        schema: names of cells that stand without them.
        union: (end, names): rows before `end` have at least these names, missing cells as None.
    """

    def __init__(self, cells: Any, schema: Sequence[str], union: Sequence[tuple[int, Sequence[str]]]) -> None:
        self.cells, self.schema, self.union = cells, schema, union

    def __getitem__(self, at: int) -> dict[str, Any]:
        cells = self.cells[at]
        record = dict(cells) if isinstance(cells, Mapping) else dict(zip(self.schema, cells, strict=True))
        names = next((names for end, names in self.union if at < end), ())
        return {name: record.get(name) for name in names} if len(record) < len(names) else record
