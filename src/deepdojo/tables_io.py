"""The files behind `tables`, and how they are read: CSV, TSV and JSON lines by the standard library, Parquet by duckdb.
Knows no metric."""

from __future__ import annotations

import csv
import io
import json
import lzma
import struct
import tempfile
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deepdojo.columns import ColumnBuilder
from deepdojo.contracts import MEDIA, KindName
from deepdojo.errors import ScoreError, UsageError, nearest
from deepdojo.tables import TEXT_FORMS, Table
from deepdojo.tables_cells import cell_of, no_doubles

__all__ = ["SUFFIXES", "ZIP_FAULTS", "decode_text", "read", "read_bytes", "require_table_name"]

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
CELL_LIMIT_CHARS = 1 << 26  # a distribution over 10⁵ labels is 3 MB of JSON; the csv module stops at 131,072 by itself
_NAME_CHARS, _NAMES_COMPARED = 40, 1000
_ROWS_AT_ONCE = 10_000
Raw = tuple[int, list[Any]]
ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError,
              NotImplementedError, RuntimeError)  # fmt: skip
"""What the standard library raises for an archive that lies about its sizes, places, method or password."""


def read(path: Path, kinds: Mapping[str, KindName], required: set[str]) -> Table:
    """`tables.read_table`."""
    try:
        if path.suffix.lower() == ".parquet":
            path.stat()
            return _build(path.name, *_parquet(path), kinds, required)
        data = path.read_bytes()
    except FileNotFoundError:
        raise ScoreError("this file does not exist", where=str(path), todo="check the name") from None
    except IsADirectoryError:
        inside = [f"give {path / name}" for name in ("predictions.parquet",) if (path / name).is_file()]
        raise ScoreError("is a folder", where=str(path), todo=(inside or ["give a table of predictions"])[0]) from None
    except OSError as error:
        raise ScoreError(f"cannot be read ({error.strerror or error})", where=str(path)) from error
    return read_bytes(path.name, data, kinds, required)


def read_bytes(name: str, data: bytes, kinds: Mapping[str, KindName], required: set[str]) -> Table:
    """A table from a file's bytes (a member of a zip); the suffix of `name` says which form it has."""
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise ScoreError(
            f"the suffix {suffix!r} is none of {', '.join(SUFFIXES)}", where=name, todo="save it as one of them"
        )
    if not data:
        raise ScoreError("the file is empty", where=name)
    if suffix == ".parquet":
        with tempfile.TemporaryDirectory(prefix="deepdojo-") as folder:
            file = Path(folder) / "table.parquet"
            file.write_bytes(data)
            header, rows = _parquet(file)
            return _build(name, header, rows, kinds, required)
    text = decode_text(data)
    header, rows = _json_lines(name, text) if suffix == ".jsonl" else _csv(name, text, suffix)
    return _build(name, header, rows, kinds, required)


def decode_text(data: bytes) -> str:
    """Text of unknown encoding: by its byte-order mark, else UTF-8, else UTF-16 (every other byte 0), else Latin-1."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:].decode("utf-8", "replace")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    head = data[:200]
    if len(head) > 3 and head[1::2].count(0) > len(head) // 3:
        return data.decode("utf-16-le", "replace")
    if len(head) > 3 and head[::2].count(0) > len(head) // 3:
        return data.decode("utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _csv(name: str, text: str, suffix: str) -> tuple[list[str], Iterator[Raw]]:
    delimiter = "\t" if suffix == ".tsv" else _delimiter(text)
    previous = csv.field_size_limit(CELL_LIMIT_CHARS)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        rows: list[Raw] = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise ScoreError(f"is not a table ({error})", where=f"{name}, line {reader.line_num}") from error
    finally:
        csv.field_size_limit(previous)
    if not rows:
        raise ScoreError("the file is empty", where=name)
    header = [cell.strip() for cell in rows[0][1]]
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise ScoreError(f"has {len(cells)} cells, the header has {len(header)}", where=f"{name}, line {line}")
    return header, iter(rows[1:])


def _delimiter(text: str) -> str:
    """Of comma, semicolon and tab the one that sets the name `id` apart in the header, else the commonest there."""
    header = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
    for mark in ",;\t":
        if "id" in (cell.strip().strip('"') for cell in header.split(mark)) and mark in header:
            return mark
    return max(",;\t", key=header.count)


def _json_lines(name: str, text: str) -> tuple[list[str], Iterator[Raw]]:
    rows: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        value = _json(line, f"{name}, line {number}")
        if not isinstance(value, dict):
            raise ScoreError("is not a JSON object", where=f"{name}, line {number}")
        rows.append((number, value))
    if not rows:
        raise ScoreError("the file is empty", where=name)
    header = list(dict.fromkeys(key for _, row in rows for key in row))
    return header, ((number, [row.get(key) for key in header]) for number, row in rows)


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=no_doubles)
    except (ValueError, RecursionError) as error:
        raise ScoreError(f"is not JSON ({error})", where=where) from error


def _parquet(path: Path) -> tuple[list[str], Iterator[Raw]]:
    import duckdb

    def faults(error: Exception) -> ScoreError:
        reason = str(error).split("\n", 1)[0]
        return ScoreError(f"is not a Parquet file that can be read ({reason})", where=path.name)

    connection = duckdb.connect(":memory:", config={"threads": 1})
    try:
        result = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        header = [column[0] for column in result.description or []]
    except duckdb.Error as error:
        connection.close()
        raise faults(error) from error

    def rows() -> Iterator[Raw]:
        number = 0
        with connection:
            try:
                while some := result.fetchmany(_ROWS_AT_ONCE):
                    for cells in some:
                        number += 1
                        yield number, list(cells)
            except duckdb.Error as error:
                raise faults(error) from error

    return header, rows()


def _build(
    name: str, header: list[str], rows: Iterator[Raw], kinds: Mapping[str, KindName], required: set[str]
) -> Table:
    """Pick the wanted columns and turn their raw cells into cells."""
    wanted: dict[str, str] = {"id": "id", **kinds}
    doubled = [column for column in wanted if header.count(column) > 1]
    if doubled:
        raise ScoreError(f"the column {doubled[0]!r} stands twice in the header", where=name)
    for column in ("id", *sorted(required)):
        if column not in header:
            names = [name for name in header if len(name) <= _NAME_CHARS]  # a file without a head may be one "name"
            guess = nearest(column, names[:_NAMES_COMPARED])
            shown = [name if len(name) <= _NAME_CHARS else name[:_NAME_CHARS] + "…" for name in header[:8]]
            has = f"it has {', '.join(map(repr, shown))}{', …' if len(header) > 8 else ''}"
            todo = f"rename {guess!r} to {column!r}" if guess else has
            raise ScoreError(f"the column {column!r} is missing", where=name, todo=todo)
    wanted = {column: kind for column, kind in wanted.items() if column in header}
    places = [header.index(column) for column in wanted]
    columns = {column: ColumnBuilder(kind) for column, kind in wanted.items()}
    lines = array("Q")
    for number, cells in rows:
        lines.append(number)
        for (column, kind), place in zip(wanted.items(), places, strict=True):
            try:
                columns[column].append(cell_of(cells[place], kind))
            except ValueError as error:
                word = "row" if name.endswith(".parquet") else "line"
                form = f"the form is: {TEXT_FORMS[kind]}" if kind in TEXT_FORMS else None  # type: ignore[index]
                raise ScoreError(str(error), where=f"{name}, {word} {number}, column {column!r}", todo=form) from error
    return Table({column: built.column() for column, built in columns.items()}, name, lines)


def require_table_name(path: Path, kinds: Mapping[str, KindName]) -> None:
    """Raise UsageError for a name whose ending says no table that can hold cells of these kinds; a zip holds all."""
    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, ".zip"):
        raise UsageError("this is no kind of table", where=str(path), todo=f"let it end in {', '.join(SUFFIXES)}")
    media = next((column for column, kind in kinds.items() if kind in MEDIA), None)
    if media is not None and suffix not in (".parquet", ".zip"):
        what = f"the column {media!r} holds files, which {suffix} cannot"
        raise UsageError(what, where=str(path), todo="let the name end in .zip or .parquet")
