"""A store as one file and back, on SQLite and PostgreSQL; what is no backup, or not the one that was made."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from deepdojo.competition.audit import audit_event
from deepdojo.competition.backup import back_up, restore
from deepdojo.competition.database.engine import Database, open_database
from deepdojo.competition.database.events import event_of
from deepdojo.errors import DojoError

from .arena import Arena


@pytest.fixture
def arena(database: Database, tmp_path: Path) -> Arena:
    made = Arena(database, tmp_path / "store" / "events", n=120)
    worker = made.worker()
    for k, team in enumerate(("ada", "bob", "ada", "cyd")):
        made.send(team, made.table(0.6 + 0.1 * k, k))
    made.drain(worker)
    worker.close()
    return made


@pytest.fixture
def backup(arena: Arena, address: str, tmp_path: Path) -> Path:
    db = address if address.startswith("postgresql") else None
    if db is not None and not list(Path("/usr/lib/postgresql").glob("*/bin/pg_dump")) and not shutil.which("pg_dump"):
        pytest.skip("pg_dump is not installed")
    back_up(arena.database, tmp_path / "store", tmp_path / "b.zip", db=db)
    return tmp_path / "b.zip"


def test_what_is_restored_is_equal_and_its_answers_are_closed(
    arena: Arena, backup: Path, address: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    db = None
    if address.startswith("postgresql"):
        db = request.getfixturevalue("postgresql_server").fresh()
    told = restore(backup, tmp_path / "second", db=db)
    assert (told["events"], told["submissions"]) == (["reviews"], 4)
    opened = open_database(db or tmp_path / "second" / "server.sqlite", create=False)
    try:
        with opened.read() as connection:
            found = audit_event(opened, tmp_path / "second" / "events", event_of(connection, "reviews"))
    finally:
        opened.close()
    assert (found["equal"], found["submissions"], found["rows"]) == (True, 4, 3), found["different"]
    if sys.platform != "win32":
        private = tmp_path / "second" / "events" / "reviews" / "private"
        assert all(path.stat().st_mode & 0o077 == 0 for path in [private, *private.rglob("*")])


def test_a_database_that_is_not_empty_or_of_another_kind_is_refused(backup: Path, address: str, tmp_path: Path) -> None:
    if address.startswith("postgresql"):
        with pytest.raises(DojoError, match="tables already"):
            restore(backup, tmp_path / "second", db=address)
        with pytest.raises(DojoError, match="of PostgreSQL"):
            restore(backup, tmp_path / "second")
    else:
        with pytest.raises(DojoError, match="of SQLite"):
            restore(backup, tmp_path / "second", db="postgresql://127.0.0.1/none")
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("address", ["sqlite"])
def test_a_backup_made_while_others_write_holds_every_answered_submission(tmp_path: Path, address: str) -> None:
    store = tmp_path / "store"
    database = open_database(store / "server.sqlite")
    arena = Arena(database, store / "events", n=60)
    arena.team("ada")
    answered: list[str] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            answered.append(arena.send("ada", arena.table(0.5, len(answered))))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while len(answered) < 5:
            stop.wait(0.01)
        before = list(answered)
        back_up(database, store, tmp_path / "b.zip")
    finally:
        stop.set()
        thread.join()
    told = restore(tmp_path / "b.zip", tmp_path / "second")
    assert told["submissions"] >= len(before)
    opened = open_database(tmp_path / "second" / "server.sqlite", create=False)
    with opened.read() as connection:
        found = set(connection.exec_driver_sql("SELECT public_id FROM submissions").scalars())
    opened.close()
    database.close()
    assert set(before) <= found


def changed(backup: Path, target: Path, members: dict[str, bytes | None]) -> Path:
    """The same archive with members replaced, added, or (None) left out."""
    names = dict(members)
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            data = names.pop(info.filename, old.read(info))
            if data is not None:
                new.writestr(info.filename, data)
        for name, data in names.items():
            new.writestr(name, data or b"")
    return target


@pytest.fixture
def sqlite_backup(tmp_path: Path) -> Path:
    database = open_database(tmp_path / "store" / "server.sqlite")
    Arena(database, tmp_path / "store" / "events", n=30)
    back_up(database, tmp_path / "store", tmp_path / "b.zip")
    database.close()
    return tmp_path / "b.zip"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"events/reviews/private/key": b"x"}, "damaged"),
        ({"events/reviews/private/key": None}, "alike"),
        ({"events/more": b"x"}, "alike"),
        ({"server.sqlite": b"x"}, "damaged"),
        ({"manifest.json": b"{}"}, "no backup"),
        ({"manifest.json": None}, "no backup"),
        ({"manifest.json": b"\xff"}, "no backup"),
        ({"manifest.json": json.dumps({"kind": "deepdojo-backup-1", "schema": 99, "files": {}}).encode()}, "schema"),
        ({"../x": b"x"}, "no plain path"),
    ],
)
def test_what_is_not_the_backup_that_was_made_is_refused(
    sqlite_backup: Path, tmp_path: Path, members: dict[str, bytes | None], said: str
) -> None:
    made = changed(sqlite_backup, tmp_path / "c.zip", members)
    with pytest.raises(DojoError, match=said):
        restore(made, tmp_path / "second")
    assert not (tmp_path / "second").exists()
    assert not (tmp_path / "x").exists()
    assert not list(tmp_path.glob(".second*"))


def test_nothing_is_written_over(sqlite_backup: Path, tmp_path: Path) -> None:
    with pytest.raises(DojoError, match="already"):
        restore(sqlite_backup, tmp_path / "store")
    database = open_database(tmp_path / "store" / "server.sqlite")
    with pytest.raises(DojoError, match="already"):
        back_up(database, tmp_path / "store", sqlite_backup)
    with pytest.raises(DojoError, match="would lie in"):
        back_up(database, tmp_path / "store", tmp_path / "store" / "events" / "b.zip")
    database.close()
