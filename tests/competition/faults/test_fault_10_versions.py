"""A database of an older DeepDojo is brought up after a copy of it was made; processes of different versions do not
work on one database.

schema_1.sql is a database as DeepDojo wrote it at schema 1: one event, three submissions scored, one still waiting.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import time
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepdojo import __version__
from deepdojo.competition.audit import audit_event
from deepdojo.competition.backup import restore
from deepdojo.competition.database.engine import open_database
from deepdojo.competition.database.events import event_of
from deepdojo.competition.database.migrate import migrate
from deepdojo.competition.database.tables import SCHEMA_VERSION, meta
from deepdojo.competition.refusal import Refusal
from deepdojo.errors import DojoError
from tests.competition.arena import Arena
from tests.competition.faults import both
from tests.competition.faults.processes import PROJECT, Site, free_port, site

OLD = Path(__file__).with_name("schema_1.sql")
OTHER = ("import sys, deepdojo; deepdojo.__version__ = '9.9.9'; "
         "from deepdojo.competition.worker.__main__ import main; sys.exit(main(sys.argv[1:]))")  # fmt: skip


def old_store(folder: Path) -> Path:
    """A store of schema 1, with the answers that belong to it."""
    database = open_database(folder.parent / "aside.sqlite")
    arena = Arena(database, folder / "events", n=30)
    database.close()
    public = arena.events / "reviews" / "public"
    public.mkdir()
    (public / "project.toml").write_text(PROJECT)
    with sqlite3.connect(folder / "server.sqlite") as connection:
        connection.executescript(OLD.read_text())
    connection.close()
    return folder


def schema_of(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()[0]
    connection.close()
    return str(found)


def rows_of(path: Path) -> dict[str, list[object]]:
    with sqlite3.connect(path) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}
    connection.close()
    return found


@pytest.mark.slow
def test_fault_10_dojo_serve_brings_an_old_database_up_after_a_copy(tmp_path: Path):
    store = old_store(tmp_path / "store")
    before = rows_of(store / "server.sqlite")
    served = Site.__new__(Site)
    served.__dict__.update(port=free_port(), running={}, logs=tmp_path, environ={}, address="")
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)}
    words = ("serve", "--store", str(store), "--host", "127.0.0.1", "--port", str(served.port), "--workers", "1")
    try:
        served.start("web", "-m", "deepdojo.cli", *words, **config)
        served.await_web()
        until = time.monotonic() + 60
        sent: dict[str, int] = {}
        while sent != {"ada": 2, "bob": 2}:  # the one that waited is scored too
            assert time.monotonic() < until, sent
            time.sleep(0.1)
            board = served.ask("GET", "/api/v1/events/reviews/board").json
            sent = {row["team"]: row["submissions"] for row in board["rows"]}
    finally:
        served.running["web"].terminate()
        served.running["web"].wait(30)
    assert schema_of(store / "server.sqlite") == str(SCHEMA_VERSION)
    copy = next(store.glob("schema-1-*.sqlite"))
    assert rows_of(copy) == before
    assert sys.platform == "win32" or copy.stat().st_mode & 0o077 == 0
    assert str(copy) in served.log("web")
    opened = open_database(store / "server.sqlite", create=False)
    with opened.read() as connection:
        found = audit_event(opened, store / "events", event_of(connection, "reviews"))
    opened.close()
    assert (found["different"], found["submissions"]) == ([], 4)


def test_fault_10_nothing_else_touches_an_old_database(tmp_path: Path):
    store = old_store(tmp_path / "store")
    before = rows_of(store / "server.sqlite")
    with pytest.raises(Refusal, match=r"has schema 1, this DeepDojo .*start dojo serve once"):
        open_database(store / "server.sqlite", create=False)
    assert rows_of(store / "server.sqlite") == before


def open_upgrading(address: object, keep: Path, db: str | None = None) -> None:
    open_database(address, create=False, upgrade=lambda opened, found: migrate(opened, found, keep=keep, db=db)).close()


def test_fault_10_a_copy_that_fails_stops_the_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from deepdojo.competition.database import migrate as module

    def full(*_: object) -> None:
        raise Refusal("disk_full", "the server's disk is full")

    store = old_store(tmp_path / "store")
    monkeypatch.setattr(module, "copy_sqlite", full)
    with pytest.raises(Refusal, match="disk is full"):
        open_upgrading(store / "server.sqlite", keep=store)
    assert schema_of(store / "server.sqlite") == "1"
    assert not list(store.glob("schema-*"))


def test_fault_10_postgresql_is_copied_by_pg_dump_and_brought_up(postgresql_server, tmp_path: Path):
    address = postgresql_server.fresh()
    database = open_database(address)
    with database.write() as connection:
        connection.execute(meta.update().where(meta.c.key == "schema").values(value="1"))
    database.close()
    open_upgrading(address, tmp_path, db=address)
    copy = next(tmp_path.glob("schema-1-*.dump"))
    assert copy.read_bytes().startswith(b"PGDMP")
    database = open_database(address, create=False)
    with database.read() as connection:
        chosen = sa.select(meta.c.value).where(meta.c.key == "schema")
        assert connection.execute(chosen).scalar_one() == str(SCHEMA_VERSION)
    database.close()


def test_fault_10_a_database_of_a_newer_deepdojo_is_refused(address: str):
    database = open_database(address)
    with database.write() as connection:
        connection.execute(meta.update().where(meta.c.key == "schema").values(value=str(SCHEMA_VERSION + 1)))
    database.close()
    with pytest.raises(Refusal, match="update DeepDojo on every machine"):
        open_database(address, upgrade=lambda *_: pytest.fail("it is newer"))


def test_fault_10_a_backup_of_an_older_schema_is_restored_and_brought_up(tmp_path: Path):
    store = old_store(tmp_path / "store")
    files = {path.relative_to(store).as_posix(): path for path in store.rglob("*") if path.is_file()}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    told = {"kind": "deepdojo-backup-1", "version": "0.1.0", "schema": 1, "made": 0.0, "files": digests}
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name, path in files.items():
            archive.write(path, name)
        archive.writestr("manifest.json", json.dumps(told))
    found = restore(tmp_path / "b.zip", tmp_path / "second")
    assert (found["events"], found["submissions"]) == (["reviews"], 4)
    assert schema_of(tmp_path / "second" / "server.sqlite") == str(SCHEMA_VERSION)
    told["schema"] = SCHEMA_VERSION + 1
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for name, path in files.items():
            archive.write(path, name)
        archive.writestr("manifest.json", json.dumps(told))
    with pytest.raises(DojoError, match="schema"):
        restore(tmp_path / "c.zip", tmp_path / "third")


@both
def test_fault_10_a_worker_of_another_version_refuses_to_run(address: str, tmp_path: Path):
    with site(address, tmp_path) as served:
        served.token("ada")
        served.web()
        words = ("-", str(served.arena.events), "--lease", "1")
        other = served.start("other", "-c", OTHER, *words)
        sent = served.post("ada", served.arena.table(0.7), "k").json["id"]
        assert other.wait(60) == 2
        said = served.log("other").strip().splitlines()
        assert said == [
            f"this worker is DeepDojo 9.9.9, the server {__version__}; "
            f'install the server\'s here: pip install "deepdojo=={__version__}"'
        ]
        assert served.told("ada", sent)["state"] == "queued"
        served.worker()
        served.drained()
        assert served.told("ada", sent)["state"] == "scored"


@pytest.mark.slow
def test_fault_10_a_worker_ends_when_a_server_of_another_version_takes_over(tmp_path: Path):
    with site(str(tmp_path / "server.sqlite"), tmp_path) as served:
        served.token("ada")
        served.web()
        old = served.worker("old")
        served.post("ada", served.arena.table(0.7), "k")
        served.drained()
        served.kill("web")
        newer = OTHER.replace("competition.worker", "competition.server")
        served.web("-c", newer)
        assert old.wait(60) == 2
        assert f"this worker is DeepDojo {__version__}, the server 9.9.9" in served.log("old")
        sent = served.post("ada", served.arena.table(0.8, 1), "k2").json["id"]
        served.start("new", "-c", OTHER, "-", str(served.arena.events))
        served.drained()
        assert served.told("ada", sent)["state"] == "scored"
