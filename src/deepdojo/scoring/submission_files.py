"""Pictures and sounds of a submission: files under `files/` of its zip, which cells of the table name. Read with
suspicion, written the same way each time.
"""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from deepdojo.contracts import MEDIA, KindName
from deepdojo.errors import ScoreError
from deepdojo.places import write_bytes
from deepdojo.tables import Table, media_bytes, write_table

if TYPE_CHECKING:
    from deepdojo.scoring.submission import Manifest

__all__ = ["FOLDER", "member_bytes", "with_files", "write_submission"]

FOLDER = "files/"
MOST_FILES = 100_000
LARGEST_FILE_BYTES = 1 << 26
LARGEST_IN_ALL_BYTES = 1 << 30
_SHOWN = 3
_DATE = (1980, 1, 1, 0, 0, 0)  # the least that a zip can say, so that equal predictions are equal bytes
_KINDS = ((b"RIFF", ".wav"), (b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"))


def member_bytes(archive: zipfile.ZipFile, member: str, largest: int) -> bytes:
    """A member, cut off one byte above `largest`, without ever holding more than its head says that it has.

    `ZipFile.read`, and a read of more than the head says, unpack all that is there first: 10 MB can be 10 GB.
    """
    with archive.open(member) as file:
        return file.read(min(largest, archive.getinfo(member).file_size) + 1)


def with_files(archive: zipfile.ZipFile, name: str, table: Table, kinds: Mapping[str, KindName]) -> Table:
    """The table with the bytes of the files in the place of their names.

    Every file must be named by a row and every name must be there; two rows may name one file. Cells that hold bytes
    (of a Parquet table) stay as they are.

    Args:
        archive: whose members were checked to stay inside it.
        name: of the zip, for messages.

    Raises:
        ScoreError: too many files, one that is too large, missing, unlisted or doubled, or a name outside `files/`.
    """
    columns = [column for column, kind in kinds.items() if kind in MEDIA and column in table.columns]
    members = [m for m in archive.namelist() if m.startswith(FOLDER) and not m.endswith("/") and not _is_system(m)]
    if len(members) > MOST_FILES:
        raise ScoreError(f"holds {len(members):,} files, more than {MOST_FILES:,}", where=name)
    doubled = [member for member, times in Counter(members).items() if times > 1]
    _refuse(doubled, "stands twice in it", "stand twice in it", name, "keep one of each")
    named = _named(table, columns)
    missing = [path for path in named if path not in set(members)]
    if missing and len(missing) == len(named) and not members:
        raise ScoreError(
            f"the table names {len(named):,} files, and the zip has none", where=name,
            todo=f"put them under {FOLDER} beside the table",
        )  # fmt: skip
    _refuse(missing, "is not in it", "are not in it", name, f"put them under {FOLDER}")
    extra = [member for member in members if member not in named]
    _refuse(extra, "is named by no row", "are named by no row", name, "leave them out")
    found = _contents(archive, name, members)
    filled: dict[str, Sequence[Any]] = {
        column: [found[cell] if isinstance(cell, str) else cell for cell in cells] if column in columns else cells
        for column, cells in table.columns.items()
    }
    return Table(filled, table.source, table.lines)


def _named(table: Table, columns: Sequence[str]) -> dict[str, None]:
    """The files that cells name, each once. Raises ScoreError for a path that leads elsewhere."""
    named: dict[str, None] = {}
    for column in columns:
        for row, cell in enumerate(table.columns[column]):
            if not isinstance(cell, str):
                continue
            parts = PurePosixPath(cell).parts
            if not cell.startswith(FOLDER) or ".." in parts or "\\" in cell or ":" in cell or "\0" in cell:
                raise ScoreError(
                    f"{cell[:60]!r} is no file under {FOLDER}", where=table.where(row, column),
                    todo=f"name it {FOLDER}1.wav or the like",
                )  # fmt: skip
            named[cell] = None
    return named


def _contents(archive: zipfile.ZipFile, name: str, members: Sequence[str]) -> dict[str, bytes]:
    """Of all members, whatever their heads say of their sizes."""
    found, total = {}, 0
    for member in members:
        data = member_bytes(archive, member, LARGEST_FILE_BYTES)
        total += len(data)
        if len(data) > LARGEST_FILE_BYTES:
            raise ScoreError(f"{member[:60]} has more than {LARGEST_FILE_BYTES >> 20:,} MiB unpacked", where=name)
        if total > LARGEST_IN_ALL_BYTES:
            raise ScoreError(
                f"its files have more than {LARGEST_IN_ALL_BYTES >> 20:,} MiB unpacked", where=name,
                todo="give FLAC or JPEG",
            )  # fmt: skip
        found[member] = data
    return found


def _is_system(member: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(member).parts)


def _refuse(files: Sequence[str], one: str, many: str, name: str, todo: str) -> None:
    if files:
        shown = ", ".join(f[:60] for f in files[:_SHOWN]) + (", …" if len(files) > _SHOWN else "")
        what = f"1 file {one}" if len(files) == 1 else f"{len(files):,} files {many}"
        raise ScoreError(f"{what} ({shown})", where=name, todo=todo)


def write_submission(
    path: Path | str, table: Table, kinds: Mapping[str, KindName], manifest: Manifest | None = None
) -> None:
    """A zip of predictions.csv, the files that it names under `files/`, and a manifest where one is given.

    A file is named after its row's id, as far as that is a plain word. The same predictions give the same bytes.

    Args:
        kinds: column -> kind, beside `id`.
    """
    plain: dict[str, KindName] = {column: "text" if kind in MEDIA else kind for column, kind in kinds.items()}
    columns = dict(table.columns)
    files: dict[str, bytes] = {}
    taken: set[str] = set()
    for column in (column for column, kind in kinds.items() if kind in MEDIA):
        names = []
        for row_id, cell in zip(table.ids, table.columns[column], strict=True):
            data = media_bytes(cell)
            names.append(_free(taken, str(row_id), data))
            files[names[-1]] = data
        columns[column] = names
    with tempfile.TemporaryDirectory(prefix="deepdojo-") as folder:
        made = Path(folder) / "predictions.csv"
        write_table(made, Table(columns), plain)
        packed = Path(folder) / "out.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            _add(archive, "predictions.csv", made.read_bytes())
            if manifest is not None:
                told = {key: value for key, value in asdict(manifest).items() if value is not None}
                _add(archive, "manifest.json", json.dumps(told, ensure_ascii=False).encode())
            for name, data in files.items():
                _add(archive, name, data)
        write_bytes(Path(path), packed.read_bytes())


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)


def _free(taken: set[str], row_id: str, data: bytes) -> str:
    """A name under `files/` that no other file has, also where case does not count."""
    suffix = next((ending for head, ending in _KINDS if data.startswith(head)), ".bin")
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", row_id).strip("_")[:80] or "row"
    name, number = f"{FOLDER}{stem}{suffix}", 1
    while name.lower() in taken:
        number += 1
        name = f"{FOLDER}{stem}-{number}{suffix}"
    taken.add(name.lower())
    return name
