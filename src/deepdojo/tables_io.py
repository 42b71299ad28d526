"""The files behind `tables`: CSV, TSV and JSON lines by the standard library, Parquet by duckdb. Knows no metric."""

from __future__ import annotations

import base64
import csv
import io
import json
import lzma
import math
import struct
import tempfile
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from json.encoder import encode_basestring as _string_form
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.boxes import FIELDS, parse_boxes
from deepdojo.columns import Coded, ColumnBuilder, Distributions, Numbers, Texts
from deepdojo.contracts import MEDIA, KindName
from deepdojo.errors import ScoreError, UsageError, nearest
from deepdojo.places import write_bytes, write_text
from deepdojo.tables import TEXT_FORMS, Table, media_bytes

__all__ = ["SUFFIXES", "ZIP_FAULTS", "decode_text", "read", "read_bytes", "require_table_name", "write"]

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_CELL_LIMIT_CHARS = 1 << 26  # a distribution over 10⁵ labels is 3 MB of JSON; the csv module stops at 131,072 by itself
_PARQUET_TYPES: Mapping[str, str] = {
    "number": "DOUBLE", "distribution": "MAP(VARCHAR, DOUBLE)",
    "marginals": "MAP(VARCHAR, DOUBLE)", "tokens": "VARCHAR[]", "texts": "VARCHAR[]",
    "labels": "VARCHAR[]", "vector": "DOUBLE[]", "matrix": "DOUBLE[][]",
    "boxes": "STRUCT(label VARCHAR, score DOUBLE, x0 DOUBLE, y0 DOUBLE, x1 DOUBLE, y1 DOUBLE)[]",
}  # fmt: skip
_NAME_CHARS, _NAMES_COMPARED = 40, 1000
_ROWS_AT_ONCE = 10_000
_WORDS_AT_ONCE = 200_000
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
    previous = csv.field_size_limit(_CELL_LIMIT_CHARS)
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
        return json.loads(text, object_pairs_hook=_no_doubles)
    except (ValueError, RecursionError) as error:
        raise ScoreError(f"is not JSON ({error})", where=where) from error


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


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
                columns[column].append(_cell(cells[place], kind))
            except ValueError as error:
                word = "row" if name.endswith(".parquet") else "line"
                form = f"the form is: {TEXT_FORMS[kind]}" if kind in TEXT_FORMS else None  # type: ignore[index]
                raise ScoreError(str(error), where=f"{name}, {word} {number}, column {column!r}", todo=form) from error
    return Table({column: built.column() for column, built in columns.items()}, name, lines)


def _cell(raw: Any, kind: str) -> Any:
    """One cell from its raw form (text of a CSV, value of JSON or Parquet). Raises ValueError with the fault."""
    if kind == "id":
        cell = _string(raw)
        if cell is None or not cell.strip():
            raise ValueError("the id is missing")
        return cell
    if kind == "text":
        return _string(raw)
    if kind == "tokens" and isinstance(raw, str):
        return raw.split(" ") if raw else []
    if raw is None or (isinstance(raw, str) and not raw):
        return None
    if kind == "number":
        return _number(raw)
    if kind in ("distribution", "marginals", "record"):
        return _object(raw, kind)
    if kind in ("tokens", "texts", "labels", "vector", "matrix"):
        return _list(raw, kind)
    if kind == "boxes":
        return parse_boxes(raw)
    if kind in MEDIA and isinstance(raw, bytes | dict):
        return _file(raw)
    return _string(raw)


def _string(raw: Any) -> str | None:
    """Ids and labels are strings: 3, 3.0 and "3" are one label, as for a person (pandas turns columns to float)."""
    if raw is None or isinstance(raw, str):
        return raw
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    if isinstance(raw, bytes | list | dict):
        raise ValueError(f"{str(raw)[:60]!r} is not text")
    return str(raw)


def _file(raw: Any) -> bytes:
    """A picture or a sound from its bytes, or from a struct of path and bytes, as the Hugging Face hub stores them."""
    found = raw.get("bytes") if isinstance(raw, dict) else raw
    if not isinstance(found, bytes):
        raise ValueError(f"{str(raw)[:60]!r} holds no bytes")
    return found


def _number(raw: Any) -> float:
    try:
        if isinstance(raw, str):
            text = raw.strip()
            if "_" in text or not text.isascii():  # float("1_0") is 10, and float takes digits of every script
                raise ValueError
            return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
        if isinstance(raw, bool):
            raise ValueError
        return float(raw)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{str(raw)[:60]!r} is not a number") from None


def _object(raw: Any, kind: str) -> dict[str, Any]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw, object_pairs_hook=_no_doubles)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is not a JSON object ({error})") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{str(raw)[:60]!r} is not an object")
    if kind == "record":
        return raw
    # A struct column (pandas, polars) holds null for the labels that a row does not name.
    return {str(key): _number(value) for key, value in raw.items() if value is not None}


def _list(raw: Any, kind: str) -> Any:
    """Lists of texts as they are, numbers as float64."""
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is not a JSON list ({error})") from error
    if not isinstance(raw, list | tuple):
        raise ValueError(f"{str(raw)[:60]!r} is not a list")
    if kind in ("tokens", "texts", "labels"):
        if not all(isinstance(part, str) for part in raw):
            raise ValueError(f"{str(raw)[:60]!r} is no list of texts")
        return list(raw)
    try:
        return np.array([[_number(x) for x in row] if kind == "matrix" else _number(row) for row in raw])
    except (TypeError, ValueError):
        raise ValueError(f"{str(raw)[:60]!r} is no {kind} of numbers") from None


def require_table_name(path: Path, kinds: Mapping[str, KindName]) -> None:
    """Raise UsageError for a name whose ending says no table that can hold cells of these kinds; a zip holds all."""
    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, ".zip"):
        raise UsageError("this is no kind of table", where=str(path), todo=f"let it end in {', '.join(SUFFIXES)}")
    media = next((column for column, kind in kinds.items() if kind in MEDIA), None)
    if media is not None and suffix not in (".parquet", ".zip"):
        what = f"the column {media!r} holds files, which {suffix} cannot"
        raise UsageError(what, where=str(path), todo="let the name end in .zip or .parquet")


def write(path: Path, table: Table, kinds: Mapping[str, KindName]) -> None:
    """`tables.write_table`."""
    suffix = path.suffix.lower()
    wanted: dict[str, str] = {"id": "id", **kinds}
    missing = [column for column in wanted if column not in table.columns]
    if missing:
        raise UsageError(f"the table has no column {missing[0]!r}", where=str(path))
    if suffix in SUFFIXES:
        require_table_name(path, kinds)
    if suffix == ".parquet":
        write_bytes(path, _parquet_bytes(table, wanted))
    elif suffix == ".jsonl":
        write_text(path, "".join(line + "\n" for line in _json_rows(table, wanted, as_text=())))
    elif suffix in (".csv", ".tsv"):
        write_text(path, _csv_text(table, wanted, "\t" if suffix == ".tsv" else ","))
    else:
        raise UsageError(f"the suffix {suffix!r} is none of {', '.join(SUFFIXES)}", where=str(path))


def _csv_text(table: Table, kinds: Mapping[str, str], delimiter: str) -> str:
    out = io.StringIO()
    forms = [[_text(cell, kind) for cell in table.columns[column]] for column, kind in kinds.items()]
    # A lone carriage return ends a line for every reader, yet the writer only quotes its own line end.
    returns = any("\r" in form for column in forms for form in column)
    options: dict[str, Any] = {"quoting": csv.QUOTE_ALL} if returns else {}
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n", **options)
    writer.writerow(kinds)
    writer.writerows(zip(*forms, strict=True))
    return out.getvalue()


def _text(cell: Any, kind: str) -> str:
    if cell is None:
        return ""
    if kind == "tokens":
        return " ".join(cell)
    if kind in MEDIA:
        return base64.b64encode(media_bytes(cell)).decode("ascii")
    if kind in ("distribution", "marginals", "record", "texts", "labels", "vector", "matrix", "boxes"):
        return json.dumps(_plain(cell), ensure_ascii=False)
    return repr(float(cell)) if kind == "number" else str(cell)


def _json_rows(table: Table, kinds: Mapping[str, str], *, as_text: tuple[str, ...]) -> Iterator[str]:
    names = [_string_form(column) + ": " for column in kinds]
    forms = [_json_cells(table.columns[column], kind, kind in as_text) for column, kind in kinds.items()]
    for cells in zip(*forms, strict=True):
        yield "{" + ", ".join([name + cell for name, cell in zip(names, cells, strict=True)]) + "}"


def _json_cells(cells: Sequence[Any], kind: str, as_text: bool) -> Iterator[str]:
    """The JSON of each cell; the compact columns of large tables need no look at each cell's kind."""
    if isinstance(cells, Coded):
        words = [_string_form(name) for name in cells.names]
        return (words[code] for code in cells.codes)
    if isinstance(cells, Texts):
        return map(_string_form, cells)
    if isinstance(cells, Numbers) and np.isfinite(cells.values).all():
        return map(repr, cells)
    if isinstance(cells, Distributions) and np.isfinite(cells.matrix).all():
        labels = [_string_form(label) + ": " for label in cells.labels]
        return (
            "{" + ", ".join([label + repr(p) for label, p in zip(labels, row.tolist(), strict=True)]) + "}"
            for row in cells.matrix
        )
    if kind == "boxes" and as_text:
        return (json.dumps(_objects(cell), ensure_ascii=False) for cell in cells)
    plain = (_text(cell, kind) if as_text and cell is not None else _plain(cell) for cell in cells)
    return (json.dumps(cell, ensure_ascii=False) for cell in plain)


def _objects(cell: Any) -> Any:
    """Boxes as Parquet has them: a list of structs."""
    return None if cell is None else [dict(zip(FIELDS, _plain(box), strict=True)) for box in cell]


def _plain(cell: Any) -> Any:
    """The JSON value of a cell. NaN and infinity become strings, which duckdb and `_number` read back."""
    if isinstance(cell, Mapping):
        return {str(key): _plain(value) for key, value in cell.items()}
    if isinstance(cell, np.ndarray | list | tuple):
        return [_plain(part) for part in cell]
    if cell is None or isinstance(cell, str | bool | int):
        return cell
    number = float(cell)
    return number if math.isfinite(number) else str(number)


def _parquet_bytes(table: Table, kinds: Mapping[str, str]) -> bytes:
    """By duckdb: neither pyarrow nor pandas is needed."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="deepdojo-") as folder:
        target = Path(folder) / "table.parquet"
        connection = duckdb.connect(":memory:")
        try:
            connection.execute("SET threads = 1")  # keeps the order of rows, and tables are small
            source = _words(connection, table, kinds) or _json_lines_file(Path(folder) / "rows.jsonl", table, kinds)
            form = "(FORMAT PARQUET, COMPRESSION ZSTD)"
            wanted = ", ".join(
                f"from_base64({_quoted(column, chr(34))}) AS {_quoted(column, chr(34))}" if kind in MEDIA
                else _quoted(column, chr(34))
                for column, kind in kinds.items()
            )  # fmt: skip
            connection.execute(f"COPY (SELECT {wanted} FROM {source}) TO {_quoted(str(target), chr(39))} {form}")
        finally:
            connection.close()
        return target.read_bytes()


def _words(connection: Any, table: Table, kinds: Mapping[str, str]) -> str | None:
    """The table as duckdb's own, where all its cells are words: from arrays, without a file of JSON between."""
    if not 0 < len(table) <= _WORDS_AT_ONCE or any(
        _PARQUET_TYPES.get(kind) or kind == "record" or kind in MEDIA for kind in kinds.values()
    ):
        return None
    columns = {column: list(table.columns[column]) for column in kinds}
    if any(type(cell) is not str for cells in columns.values() for cell in cells):
        return None
    connection.register("words", {column: np.array(cells, dtype=object) for column, cells in columns.items()})
    return "words"


def _json_lines_file(path: Path, table: Table, kinds: Mapping[str, str]) -> str:
    """The table as a file of JSON lines, read with explicit types."""
    types = {column: _PARQUET_TYPES.get(kind, "VARCHAR") for column, kind in kinds.items()}
    schema = ", ".join(f"{_quoted(column, chr(39))}: {_quoted(kind, chr(39))}" for column, kind in types.items())
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in _json_rows(table, kinds, as_text=("record", "boxes", *MEDIA)):
            file.write(line + "\n")
    return (
        f"read_json({_quoted(str(path), chr(39))}, format='newline_delimited', "
        f"maximum_object_size={_CELL_LIMIT_CHARS}, columns={{{schema}}})"
    )


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace(mark, mark * 2) + mark
