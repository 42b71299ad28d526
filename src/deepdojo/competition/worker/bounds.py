"""Files that would take more room to read than any answer can need: refused by a look at their outside.

The scoring process has limits of its own; but what only they stop costs three attempts and seconds each.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

from deepdojo.errors import ScoreError
from deepdojo.scoring.submission import table_member
from deepdojo.scoring.submission_files import member_bytes
from deepdojo.tables_io import ZIP_FAULTS

__all__ = ["refuse_oversized"]

_LINES_A_ROW = 20  # a cell of text may hold line ends
_SPARE_LINES = 1000
_MOST_COLUMNS = 1000
_MOST_MEMBERS = 100_000


def refuse_oversized(data: bytes, name: str, rows: int, most_bytes: int) -> None:
    """Raise ScoreError for a table of far more lines or columns than are asked for, or a zip of far more bytes.

    Args:
        rows: how many are asked for.
        most_bytes: that the file may have, packed or unpacked.
    """
    if name.endswith(".zip"):
        _zip(data, name, rows, most_bytes)
    elif name.endswith(".parquet"):
        _parquet(data, name, rows, most_bytes)
    else:
        _text(data, name, rows)


def _text(data: bytes, name: str, rows: int) -> None:
    lines = max(data.count(b"\n"), data.count(b"\r"))
    if lines > _LINES_A_ROW * rows + _SPARE_LINES:
        raise ScoreError(f"has {lines:,} lines, and {rows:,} rows are asked for", where=name, todo="give each id once")
    head = data[: data.find(b"\n") if b"\n" in data else len(data)]
    columns = max(head.count(mark) for mark in (b",", b";", b"\t"))
    if columns > _MOST_COLUMNS and not name.endswith(".jsonl"):
        raise ScoreError(f"has {columns + 1:,} columns", where=name, todo="give the id and what is predicted")


def _parquet(data: bytes, name: str, rows: int, most_bytes: int) -> None:
    import duckdb

    with tempfile.TemporaryDirectory(prefix="deepdojo-") as folder:
        path = Path(folder) / "table.parquet"
        path.write_bytes(data)
        try:
            with duckdb.connect(":memory:", config={"threads": 1}) as connection:
                asked = "SELECT sum(num_rows) FROM parquet_file_metadata(?)"
                found = connection.execute(asked, [str(path)]).fetchone()
                asked = "SELECT sum(total_uncompressed_size) FROM parquet_metadata(?)"
                size = connection.execute(asked, [str(path)]).fetchone()
        except duckdb.Error:
            return  # no Parquet file: the reader says so
    unpacked = int(size[0] or 0) if size else 0
    if unpacked > most_bytes:
        raise ScoreError(f"has {unpacked >> 20:,} MiB unpacked, more than {most_bytes >> 20:,}", where=name,
                         todo="give the id and what is predicted")  # fmt: skip
    count = int(found[0] or 0) if found else 0
    if count > _LINES_A_ROW * rows + _SPARE_LINES:
        raise ScoreError(f"has {count:,} rows, and {rows:,} are asked for", where=name, todo="give each id once")


def _zip(data: bytes, name: str, rows: int, most_bytes: int) -> None:
    """What its members say of their sizes binds: the reader stops there."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if len(members) > _MOST_MEMBERS:
                raise ScoreError(f"holds {len(members):,} files, more than {_MOST_MEMBERS:,}", where=name)
            if total > most_bytes:
                raise ScoreError(
                    f"has {total >> 20:,} MiB unpacked, more than {most_bytes >> 20:,}", where=name,
                    todo="send the table alone, or smaller files",
                )  # fmt: skip
            table = table_member(archive, name)
            refuse_oversized(member_bytes(archive, table, most_bytes), f"{name}!{table}", rows, most_bytes)
    except ZIP_FAULTS:
        return  # no zip that can be read: the reader says so
