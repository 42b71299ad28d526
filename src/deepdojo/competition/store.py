"""`board.sqlite`: what the run folders of one project say, kept ready for ranking. It can be thrown away at any time.

The folders are the truth; the file only saves reading them again. Hence the rule for every trouble with it: build it
anew.
Several processes may write at once: WAL, a busy timeout, and BEGIN IMMEDIATE around every change.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from deepdojo.competition.entry import Entry, entry_stamp, read_entry
from deepdojo.errors import DojoError

__all__ = ["FILE_NAME", "Store", "with_store"]

FILE_NAME = "board.sqlite"
_VERSION = 5
_BUSY_MS = 30_000
_COLUMNS = (
    "id", "kind", "name", "metric", "digest", "score", "low", "high", "n", "higher_is_better", "seed", "parameters",
    "train_flops", "seconds", "peak_bytes", "inference_ms", "data_share", "seeds", "sd", "folds", "created", "trained",
    "trials", "own",
)  # fmt: skip
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS entries (
  folder TEXT PRIMARY KEY, stamp TEXT NOT NULL, {", ".join(_COLUMNS)}, influence BLOB, groups BLOB
);
PRAGMA user_version = {_VERSION};
"""
T = TypeVar("T")


class Store:
    """One open `board.sqlite`.

    Args:
        runs: the folder whose subfolders are the runs.
        path: the database; None keeps it in memory (a folder that cannot be written).
    """

    def __init__(self, runs: Path, path: Path | None) -> None:
        self.runs = runs
        self._db = sqlite3.connect(path or ":memory:", timeout=_BUSY_MS / 1000, isolation_level=None)
        try:
            self._db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            _patiently(lambda: self._db.execute("PRAGMA journal_mode = WAL").fetchone())
            self._db.execute("PRAGMA synchronous = NORMAL")
            with self._writing():
                found = self._db.execute("PRAGMA user_version").fetchone()[0]
                if found not in (0, _VERSION):
                    self._db.execute("DROP TABLE IF EXISTS entries")
                for statement in _SCHEMA.strip().split(";\n"):
                    self._db.execute(statement)
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One change, whole or not at all; waits for other processes before it reads what it will change."""
        _patiently(lambda: self._db.execute("BEGIN IMMEDIATE"))
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def record(self, folder: Path) -> None:
        """Enter one run, or what has become of it; a folder without a score (still training, unscored) is left out."""
        stamp = entry_stamp(folder)  # before reading: a score written meanwhile is then read again by `refresh`
        entry = read_entry(folder)
        with self._writing():
            self._put(folder.name, stamp, entry)

    def refresh(self) -> None:
        """Make the table say what the folders say: new and changed ones are read, vanished ones go."""
        there = _stamps(self.runs)
        known = dict(self._db.execute("SELECT folder, stamp FROM entries").fetchall())
        if there == known:
            return
        changed = {name: stamp for name, stamp in there.items() if known.get(name) != stamp}
        read: dict[str, Entry | None] = {}
        for name in changed:  # outside the transaction: other processes need not wait for our reading
            with contextlib.suppress(DojoError):
                read[name] = read_entry(self.runs / name)
        with self._writing():
            for name in known.keys() - there.keys():
                if not (self.runs / name / "score.json").is_file():
                    self._db.execute("DELETE FROM entries WHERE folder = ?", [name])
            for name, entry in read.items():
                self._put(name, changed[name], entry)

    def _put(self, name: str, stamp: str, entry: Entry | None) -> None:
        if entry is None:
            self._db.execute("DELETE FROM entries WHERE folder = ?", [name])
            return
        values = [getattr(entry, column) for column in _COLUMNS]
        vectors = [None if v is None else v.astype("<f8").tobytes() for v in (entry.influence, entry.groups)]
        marks = ", ".join("?" * (len(_COLUMNS) + 4))
        columns = ", ".join(("folder", "stamp", *_COLUMNS, "influence", "groups"))
        statement = f"INSERT OR REPLACE INTO entries ({columns}) VALUES ({marks})"
        self._db.execute(statement, [name, stamp, *values, *vectors])

    def entries(self) -> list[tuple[str, Entry]]:
        """All entries with the name of their folder, the oldest first."""
        chosen = ", ".join(("folder", *_COLUMNS, "influence", "groups"))
        found = self._db.execute(f"SELECT {chosen} FROM entries ORDER BY created, folder").fetchall()
        entries = []
        for folder, *values, influence, groups in found:
            fields: dict[str, Any] = dict(zip(_COLUMNS, values, strict=True))
            fields["higher_is_better"] = bool(fields["higher_is_better"])
            entries.append((folder, Entry(**fields, influence=_vector(influence), groups=_vector(groups))))
        return entries


def with_store(runs: Path, action: Callable[[Store], T]) -> T:
    """Do something with the store beside the runs.

    A file that is no (whole) database is thrown away and built anew; where the file cannot be opened or written, a
    store in memory takes its place, filled from the folders by `Store.refresh`.
    """
    path = runs / FILE_NAME
    try:
        with Store(runs, path) as store:
            return action(store)
    except sqlite3.OperationalError:
        pass
    except sqlite3.DatabaseError:
        with contextlib.suppress(OSError):
            for name in (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):
                path.with_name(name).unlink(missing_ok=True)
        with contextlib.suppress(sqlite3.DatabaseError), Store(runs, path) as store:
            return action(store)
    with Store(runs, None) as store:
        return action(store)


def _stamps(runs: Path) -> dict[str, str]:
    """Folder name -> what changes when its score does."""
    if not runs.is_dir():
        return {}
    return {f.parent.name: entry_stamp(f.parent) for f in runs.glob("*/score.json") if not _ignored(f.parent)}


def _ignored(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.name.endswith(".partial")


def _vector(blob: bytes | None) -> np.ndarray | None:
    return None if blob is None else np.frombuffer(blob, dtype="<f8")


def _patiently(step: Callable[[], T]) -> T:
    """Repeat while another process holds the file: SQLite's own timeout does not cover the switch to WAL."""
    end = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            return step()
        except sqlite3.OperationalError as error:
            busy = "locked" in str(error) or "busy" in str(error)
            if not busy or time.monotonic() > end:
                raise
            time.sleep(0.02)
