"""Parquet through DuckDB, streamed. Values stay typed; dates become ISO text."""

from __future__ import annotations

import datetime as dt
import decimal
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]

_ROWS_AT_ONCE = 10_000


def read(files: Files, file: str | Sequence[str]) -> Iterator[RawRow]:
    """One row a record, numbered from 1 within its file.

    Args:
        file: a name, a pattern, or a list of them.

    Raises:
        DataError: no Parquet file, or one without rows.
    """
    for name in files.expand(file):
        if files.is_empty(name):
            raise DataError("the file is empty", where=name, todo="export it again")
        if "!" not in name and not name.lower().endswith(".gz"):
            files.open(name).close()  # so that its digest is in the run
            yield from _rows(files.path(name), name)
            continue
        with tempfile.TemporaryDirectory(prefix="deepdojo-") as folder:
            copy = Path(folder) / "table.parquet"
            copy.write_bytes(files.bytes(name))
            yield from _rows(copy, name)


def _rows(path: Path, name: str) -> Iterator[RawRow]:
    import duckdb

    with duckdb.connect(":memory:", config={"threads": 1}) as database:
        try:
            result = database.execute("SELECT * FROM read_parquet(?)", [_literal(path)])
            names = [column[0] for column in result.description or []]
            _doubled(names, name)
            number = 0
            while batch := result.fetchmany(_ROWS_AT_ONCE):
                for record in batch:
                    number += 1
                    yield RawRow({n: _cell(v) for n, v in zip(names, record, strict=True)}, name, number)
        except duckdb.Error as error:
            raise DataError(f"cannot be read as Parquet ({str(error).splitlines()[0][:160]})", where=name) from None
    if not number:
        raise DataError("the file has columns but no rows", where=name)


def _literal(path: Path) -> str:
    """A path in which read_parquet sees no pattern: it would take * ? [ as one."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path))


def _doubled(names: Sequence[str], where: str) -> None:
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise DataError(
            f"more than one column is named {', '.join(map(repr, doubled[:5]))}", where=where, todo="rename them"
        )


def _cell(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta | uuid.UUID):
        return str(value)
    return value
