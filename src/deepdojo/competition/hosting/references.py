"""Reference submissions at hosting time: each must get the score, or the refusal, that the host expects.

They are written with the raw ids of the project; the private folder keeps them with the new ones, so that a later
change of the metric or the solution can be tried on them again.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deepdojo.competition.hosting.expected import EXPECTED, FOLDER, Expected, read_expected
from deepdojo.competition.hosting.solution import Solution
from deepdojo.errors import DojoError, ProjectError
from deepdojo.places import write_bytes, write_text
from deepdojo.tables_io import decode_text

__all__ = ["REFERENCES", "judged_references", "keep_references"]

REFERENCES = "references"
NewId = Callable[[str], str]


def keep_references(project_folder: Path, private: Path, new_id: NewId) -> dict[str, Expected]:
    """Copies the tables to private/references with the new ids, and writes references.toml there.

    Raises:
        ProjectError: expected.toml names a file that is not there, or has faults.
    """
    import tomlkit

    wanted = read_expected(project_folder)
    for name in wanted:
        try:
            data = (project_folder / FOLDER / name).read_bytes()
        except OSError as error:
            raise ProjectError(f"cannot be read ({error.strerror or error})", where=f"{FOLDER}/{name}") from None
        write_bytes(private / REFERENCES / name, _renamed(name, data, new_id))
    if wanted:
        told = {name: {k: v for k, v in asdict(one).items() if v is not None} for name, one in wanted.items()}
        write_text(private / REFERENCES / "references.toml", tomlkit.dumps(told))
    return wanted


def judged_references(solution: Solution, wanted: Mapping[str, Expected], *, trusted: bool) -> dict[str, Any]:
    """File -> its score or refusal.

    Raises:
        ProjectError: the first that is judged otherwise than expected.
    """
    found: dict[str, Any] = {}
    for name, expected in wanted.items():
        value = refused = None
        try:
            table = solution.read(solution.folder / REFERENCES / name)
            value = solution.score(table, trusted=trusted).value
        except DojoError as error:
            refused = str(error)
        found[name] = {"score": value, "error": refused}
        if not expected.fits(value, refused):
            got = f"is refused: {refused}" if refused is not None else f"has {solution.metric} {value:.6g}"
            raise ProjectError(
                f"the reference submission {got}; expected is {expected.said}", where=f"{FOLDER}/{name}",
                todo=f"mend the metric, the split or the file, or what {EXPECTED} expects",
            )  # fmt: skip
    return found


def _renamed(name: str, data: bytes, new_id: NewId) -> bytes:
    """The file with new ids; as it is where no ids can be found in it, for it must be refused as it is."""
    ways = {".csv": _csv, ".tsv": _csv, ".jsonl": _lines, ".parquet": _parquet, ".zip": _zip}
    way = ways.get(Path(name).suffix.lower())
    try:
        return data if way is None else way(data, new_id)
    except Exception:  # a file that must be refused may be broken in any way
        return data


def _csv(data: bytes, new_id: NewId) -> bytes:
    text = decode_text(data)
    first = text.split("\n", 1)[0]
    delimiter = max("\t;,", key=first.count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    at = [cell.strip() for cell in rows[0]].index("id")
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(
        [*row[:at], new_id(row[at]) if row[at].strip() else row[at], *row[at + 1 :]] if len(row) > at else row
        for row in rows[1:]
    )
    return out.getvalue().encode("utf-8")


def _lines(data: bytes, new_id: NewId) -> bytes:
    rows = [json.loads(line) for line in decode_text(data).split("\n") if line.strip()]
    return "".join(json.dumps({**row, "id": new_id(str(row["id"]))}) + "\n" for row in rows).encode("utf-8")


def _parquet(data: bytes, new_id: NewId) -> bytes:
    import duckdb
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="deepdojo-") as folder, duckdb.connect(":memory:") as database:
        before, after = Path(folder) / "before.parquet", Path(folder) / "after.parquet"
        before.write_bytes(data)
        ids = [row[0] for row in database.execute("SELECT id FROM read_parquet(?)", [str(before)]).fetchall()]
        database.register("fresh", {"id": np.array([new_id(str(one)) for one in ids], dtype=object)})
        target = str(after).replace("'", "''")
        database.execute(
            f"COPY (SELECT fresh.id, old.* EXCLUDE (id) FROM read_parquet(?) old POSITIONAL JOIN fresh) TO '{target}'",
            [str(before)],
        )
        return after.read_bytes()


def _zip(data: bytes, new_id: NewId) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for info in before.infolist():
            content = before.read(info)
            table = info.filename.startswith("predictions.")
            after.writestr(info, _renamed(info.filename, content, new_id) if table else content)
    return out.getvalue()
