"""What a sender's file says, in whichever packing and encoding: so that a fault may repeat it and nothing else."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

from deepdojo.tables_io import ZIP_FAULTS, decode_text

__all__ = ["said_by"]

_TABLES = ("predictions.csv", "predictions.tsv", "predictions.jsonl", "predictions.parquet", "manifest.json")


def said_by(data: bytes) -> str:
    """The text of a table, of the tables of a zip with the names of its members, or of the cells of Parquet; as far as
    it can be read. Its size was looked at before (`bounds.refuse_oversized`)."""
    if data.startswith(b"PK\x03\x04"):
        return _of_zip(data)
    if data.startswith(b"PAR1"):
        return _of_parquet(data)
    return decode_text(data)


def _of_zip(data: bytes) -> str:
    parts = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                parts.append(info.filename)
                if info.filename in _TABLES:
                    found = archive.read(info)
                    parts.append(_of_parquet(found) if found.startswith(b"PAR1") else decode_text(found))
    except ZIP_FAULTS:
        pass
    return "\n".join(parts)


def _of_parquet(data: bytes) -> str:
    import duckdb

    with tempfile.TemporaryDirectory(prefix="deepdojo-") as folder:
        path = Path(folder) / "table.parquet"
        path.write_bytes(data)
        try:
            with duckdb.connect(":memory:", config={"threads": 1}) as connection:
                found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
                names = [column[0] for column in found.description or []]
                return "\n".join([*names, *(str(cell) for row in found.fetchall() for cell in row)])
        except duckdb.Error:
            return ""
