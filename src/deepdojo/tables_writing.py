"""Prediction tables onto the disk: CSV, TSV and JSON lines by the standard library, Parquet by duckdb."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from json.encoder import encode_basestring as _string_form
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.boxes import FIELDS
from deepdojo.columns import Coded, Distributions, Numbers, Texts
from deepdojo.contracts import MEDIA, KindName
from deepdojo.errors import UsageError
from deepdojo.places import write_bytes, write_text
from deepdojo.tables import Table, media_bytes
from deepdojo.tables_io import CELL_LIMIT_CHARS, SUFFIXES, require_table_name

__all__ = ["write"]

_PARQUET_TYPES: Mapping[str, str] = {
    "number": "DOUBLE", "distribution": "MAP(VARCHAR, DOUBLE)",
    "marginals": "MAP(VARCHAR, DOUBLE)", "tokens": "VARCHAR[]", "texts": "VARCHAR[]",
    "labels": "VARCHAR[]", "vector": "DOUBLE[]", "matrix": "DOUBLE[][]",
    "boxes": "STRUCT(label VARCHAR, score DOUBLE, x0 DOUBLE, y0 DOUBLE, x1 DOUBLE, y1 DOUBLE)[]",
}  # fmt: skip
_WORDS_AT_ONCE = 200_000


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
    """The JSON value of a cell. NaN and infinity become strings, which duckdb and `tables_cells` read back."""
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
        f"maximum_object_size={CELL_LIMIT_CHARS}, columns={{{schema}}})"
    )


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace(mark, mark * 2) + mark
