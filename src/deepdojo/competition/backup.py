"""A server's whole store as one .zip with the SHA-256 of each file, and back again into a new store.

The database is copied by VACUUM INTO (of SQLite, in one transaction while others write; a copy of the file alone would
lack the newest rows) or by pg_dump; then events/. Nothing there is changed once the database names it, so the copy is
of one moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from deepdojo import __version__
from deepdojo.competition.database.engine import Database, copy_sqlite, open_database
from deepdojo.competition.database.events import log
from deepdojo.competition.database.migrate import migrate
from deepdojo.competition.database.pg_programs import run_pg
from deepdojo.competition.database.tables import SCHEMA_VERSION, metadata
from deepdojo.competition.hosting.solution import close_to_others
from deepdojo.competition.hosting.staging import staged
from deepdojo.competition.unzip import unzip
from deepdojo.errors import DataError, UsageError
from deepdojo.places import cannot_write

__all__ = ["back_up", "restore"]

KIND = "deepdojo-backup-1"
_SQLITE, _DUMP, _MANIFEST = "server.sqlite", "database.dump", "manifest.json"
_CHUNK = 1 << 20


def back_up(
    database: Database, folder: Path, file: Path, *, db: str | None = None, who: str = "host"
) -> dict[str, Any]:
    """Write the backup (mode 0600: it holds the answers), whole or not at all.

    Args:
        folder: the store. db: the PostgreSQL address, where the database is one.

    Returns:
        file, bytes, files.

    Raises:
        UsageError: the file is there, or lies in the store. DojoError: pg_dump is missing or fails.
    """
    target = Path(file).expanduser().absolute()
    if target.exists():
        raise UsageError("there is a file of this name already", where=str(target), todo="give another name")
    if (folder / "events").resolve() in target.resolve().parents:
        raise UsageError("the backup would lie in what it holds", where=str(target), todo="give another place")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".backup.", dir=target.parent) as place:
            copy = Path(place) / (_SQLITE if database.sqlite else _DUMP)
            if database.sqlite:
                copy_sqlite(database, copy)
            else:
                run_pg("pg_dump", str(db), "--format=custom", "--no-owner", f"--file={copy}")
            handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            with os.fdopen(handle, "w+b") as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
                files = {copy.name: _add(z, copy, copy.name)}
                for path in sorted((folder / "events").rglob("*")):
                    if path.is_file() and not path.is_symlink() and not _unfinished(path, folder):
                        name = path.relative_to(folder).as_posix()
                        files[name] = _add(z, path, name)
                z.writestr(_MANIFEST, json.dumps({
                    "kind": KIND, "version": __version__, "schema": SCHEMA_VERSION, "made": time.time(), "files": files,
                }, indent=1))  # fmt: skip
        _to_disk(part)
        os.replace(part, target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        part.unlink(missing_ok=True)
    with database.write() as connection:
        log(database, connection, None, who, "backed up", {"file": target.name})
    return {"file": str(target), "bytes": target.stat().st_size, "files": len(files)}


def restore(file: Path, folder: Path, *, db: str | None = None) -> dict[str, Any]:
    """Make a store out of a backup, whole or not at all.

    Args:
        folder: of the new store, which must not hold anything. db: an empty PostgreSQL database, for a backup of one.

    Returns:
        folder, events (names), submissions (how many), files.

    Raises:
        UsageError: a store is there already; the kinds of databases do not fit.
        DataError: no backup, another version's, a file that is not what the manifest says, a path outside.
    """
    source, target = Path(file).expanduser().absolute(), Path(folder).expanduser().absolute()
    if not source.is_file():
        raise UsageError("there is no such file", where=str(source), todo="give the backup's file")
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    with staged(target, what="store", todo="move it away, or give another folder with --store") as place:
        unzip(source, place, say=source.name)
        told = _manifest(place, source.name)
        _check(place, told["files"], source.name)
        (place / _MANIFEST).unlink()
        if (place / _SQLITE).is_file() == (db is not None):
            kinds = ("SQLite", "without --db") if db is not None else ("PostgreSQL", "with --db postgresql://…")
            raise UsageError(f"the backup is of {kinds[0]}", where=source.name, todo=f"restore it {kinds[1]}")
        (place / "events").mkdir(exist_ok=True)
        _close(place)
        if db is not None:
            _fill(db, place / _DUMP)
            (place / _DUMP).unlink()
        database = _opened(db if db is not None else place / _SQLITE, source.name)
        try:
            counts = _counts(database)
        finally:
            database.close()
        place.chmod(0o755)
    return {"folder": str(target), "files": len(told["files"]), **counts}


def _unfinished(path: Path, folder: Path) -> bool:
    """In a folder that is being made just now."""
    parts = path.relative_to(folder).parts
    return any(part.startswith(".") and (part.endswith(".partial") or part.startswith(".anew.")) for part in parts)


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> str:
    """The file's SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
        while data := source.read(_CHUNK):
            digest.update(data)
            target.write(data)
    return digest.hexdigest()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _manifest(place: Path, name: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((place / _MANIFEST).read_text(encoding="utf-8"))
        kind, schema = told["kind"], told["schema"]
        if not all(isinstance(key, str) and isinstance(value, str) for key, value in told["files"].items()):
            raise TypeError("files")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DataError("this is no backup of a competition server", where=name, todo="give another file") from None
    if kind != KIND or not isinstance(schema, int) or not 0 < schema <= SCHEMA_VERSION:  # older ones are brought up
        raise DataError(f"the backup has schema {schema}, this DeepDojo {SCHEMA_VERSION}", where=name,
                        todo=f"restore it with DeepDojo {str(told.get('version'))[:20]}")  # fmt: skip
    return told


def _check(place: Path, files: dict[str, str], name: str) -> None:
    there = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()} - {_MANIFEST}
    if there != set(files):
        odd = sorted(there ^ set(files))[0]
        raise DataError(f"{odd[:80]!r} is not in the backup and its manifest alike", where=name,
                        todo="take another copy of it")  # fmt: skip
    for each, digest in files.items():
        if not (each in (_SQLITE, _DUMP) or each.startswith("events/")):
            raise DataError(f"{each[:80]!r} does not belong into a backup", where=name, todo="do not use this file")
        found = hashlib.sha256()
        with (place / each).open("rb") as file:
            while data := file.read(_CHUNK):
                found.update(data)
        if found.hexdigest() != digest:
            raise DataError(f"{each[:80]!r} is damaged: its SHA-256 is another than the manifest's", where=name,
                            todo="take another copy of the backup")  # fmt: skip


def _close(place: Path) -> None:
    """Modes as hosting gives them: a zip made here does not carry them."""
    if (place / _SQLITE).is_file():
        (place / _SQLITE).chmod(0o600)
    for event in (place / "events").iterdir():
        for path in [event, *(p for p in event.rglob("*"))]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        if (event / "private").is_dir():
            close_to_others(event / "private")


def _opened(address: str | Path, name: str) -> Database:
    if isinstance(address, Path):
        try:
            connection = sqlite3.connect(address)
            try:
                found = connection.execute("PRAGMA integrity_check").fetchone()
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            found = (str(error),)
        if found != ("ok",):
            raise DataError(f"its database is damaged ({found[0]})", where=name, todo="take another backup")
    return open_database(address, create=False, upgrade=lambda opened, found: migrate(opened, found, keep=None))


def _counts(database: Database) -> dict[str, Any]:
    events, submissions = metadata.tables["events"], metadata.tables["submissions"]
    with database.read() as connection:
        names = connection.execute(sa.select(events.c.name).order_by(events.c.name)).scalars().all()
        count = connection.execute(sa.select(sa.func.count()).select_from(submissions)).scalar_one()
    return {"events": list(names), "submissions": int(count)}


def _fill(db: str, dump: Path) -> None:
    """Into an empty database alone: pg_restore would mix two servers."""
    engine = sa.create_engine("postgresql+psycopg:" + db.partition(":")[2])
    try:
        taken = sa.inspect(engine).get_table_names()
    finally:
        engine.dispose()
    if taken:
        raise UsageError(f"the database holds {len(taken)} tables already", where="--db", todo="give an empty one")
    run_pg("pg_restore", db, "--no-owner", "--exit-on-error", "--single-transaction", str(dump))
