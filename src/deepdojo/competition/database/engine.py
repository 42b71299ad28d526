"""A database opened the one way that is safe here: SQLite with WAL, FULL and BEGIN IMMEDIATE, or PostgreSQL.

SQLite: Python's driver would begin transactions as DEFERRED, where a reader that turns writer is refused at once
whatever the timeout (445 of 600 in a trial with four processes). Hence: the driver begins nothing, and we say BEGIN
IMMEDIATE before a write. synchronous FULL: NORMAL loses the last commits when the power goes, and what was answered
with 202 must stay.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, DataError, OperationalError

from deepdojo.competition.database import tables
from deepdojo.competition.refusal import Refusal

__all__ = ["Database", "copy_sqlite", "dump", "open_database", "open_when_there", "unkept"]

BEGIN_WRITE = "BEGIN IMMEDIATE"
_BUSY_MS = 30_000
_STATEMENT_MS = 60_000
_AGAIN_S = 0.5


class Database:
    """One open database. Threads may share it; each transaction has a connection of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.sqlite = engine.dialect.name == "sqlite"
        self._upserts: dict[str, Any] = {}
        self._now: sa.Select[Any] = sa.select(
            sa.literal_column("(julianday('now') - 2440587.5) * 86400.0")
            if self.sqlite
            else sa.literal_column("extract(epoch from clock_timestamp())::double precision")
        )

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One change, whole or not at all; it waits for other writers before it reads what it will change."""
        with _refusals(), self.engine.connect() as connection:
            if self.sqlite:
                connection.exec_driver_sql(BEGIN_WRITE)
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One view of everything, as of its first statement."""
        with _refusals(), self.engine.connect() as connection:
            if self.sqlite:
                connection.exec_driver_sql("BEGIN")
            yield connection

    def upsert(self, table: sa.Table) -> Any:
        """INSERT of whole rows that replaces the row of the same primary key."""
        if table.name not in self._upserts:
            insert: Any = (sqlite if self.sqlite else postgresql).insert(table)
            keys = [column.name for column in table.primary_key]
            values = {c.name: insert.excluded[c.name] for c in table.c if c.name not in keys}
            self._upserts[table.name] = insert.on_conflict_do_update(index_elements=keys, set_=values)
        return self._upserts[table.name]

    def now(self, connection: sa.Connection) -> float:
        """Seconds since 1970 by the database's clock: machines' own clocks differ, and leases must not."""
        return float(connection.execute(self._now).scalar_one())

    def close(self) -> None:
        self.engine.dispose()


def open_database(
    address: str | Path, *, create: bool = True, upgrade: Callable[[Database, int], object] | None = None
) -> Database:
    """Open, and make the tables where there are none.

    Args:
        address: a file for SQLite, or a URL `postgresql://…`.
        create: whether a missing file may be made.
        upgrade: called with a database of an older schema, and that schema; `migrate.migrate` brings it to ours.

    Raises:
        Refusal: no such file, no such server, or a schema of another version.
    """
    text = str(address)
    if text.startswith(("postgresql:", "postgres:")):
        database = Database(_postgresql(text))
    elif "://" in text and not text.startswith("sqlite:"):
        raise Refusal("bad_request", f"no database of this kind is known: {text.split(':')[0]}",
                      todo="give a file, or postgresql://user@host/name")  # fmt: skip
    else:
        path = Path(text.removeprefix("sqlite:///"))
        if not create and not path.is_file():
            raise Refusal("not_found", "there is no competition server's database here", where=str(path),
                          todo="run it on the server's machine, or give --store FOLDER; the first event is made by"
                          " dojo host PROJECT")  # fmt: skip
        database = Database(_sqlite(path))
    try:
        found = _prepare(database)
        if found < tables.SCHEMA_VERSION and upgrade is not None:
            upgrade(database, found)
            found = _prepare(database)
        _refuse_other_schema(found)
    except BaseException:
        database.close()
        raise
    return database


def open_when_there(address: str | Path, *, most_s: float = 60.0) -> Database:
    """`open_database` for a process that is started by itself: a server that cannot be reached is waited for, since it
    may be starting too. Raises what `open_database` raises."""
    until = time.monotonic() + most_s
    while True:
        try:
            return open_database(address, create=False)
        except Refusal as refusal:
            if refusal.retry_after_s is None or time.monotonic() > until:
                raise
        time.sleep(_AGAIN_S)


def _sqlite(path: Path) -> sa.Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    engine = sa.create_engine(
        f"sqlite:///{path}", pool_size=8, max_overflow=8,
        connect_args={"timeout": _BUSY_MS / 1000, "isolation_level": None, "check_same_thread": False},
    )  # fmt: skip

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        for pragma in (
            f"busy_timeout = {_BUSY_MS}", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON",
            "cache_size = -500", "temp_store = MEMORY",
        ):  # fmt: skip
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


def _postgresql(url: str) -> sa.Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise Refusal("bad_request", "PostgreSQL needs psycopg", todo='pip install "deepdojo[postgresql]"') from None
    url = "postgresql+psycopg:" + url.partition(":")[2]
    return sa.create_engine(
        url, pool_size=8, max_overflow=8, pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "options": f"-c statement_timeout={_STATEMENT_MS}"},
    )  # fmt: skip


def _prepare(database: Database) -> int:
    """Make the tables where there are none; the schema that is there."""
    meta = tables.meta
    with database.write() as connection:
        if not database.sqlite:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(5023417)"))  # two servers that start at once
        found = {}
        if sa.inspect(connection).has_table(meta.name):
            found = {row.key: row.value for row in connection.execute(sa.select(meta.c.key, meta.c.value))}
        if not found:
            tables.metadata.create_all(connection)
            found = {"schema": str(tables.SCHEMA_VERSION), "secret": secrets.token_hex(32)}
            connection.execute(meta.insert(), [{"key": key, "value": value} for key, value in found.items()])
    schema = found.get("schema", "")
    return int(schema) if schema.isdecimal() else 0


def _refuse_other_schema(found: int) -> None:
    ours = tables.SCHEMA_VERSION
    if found != ours:
        older = "start dojo serve once: it makes a copy of the database and then brings it to the new schema"
        newer = "update DeepDojo on every machine of this server, or restore a backup of the same version"
        raise Refusal("unavailable", f"the database has schema {found or 'unknown'}, this DeepDojo {ours}",
                      todo=older if 0 < found < ours else newer)  # fmt: skip


def copy_sqlite(database: Database, copy: Path) -> None:
    """The whole database as one file (mode 0600), of one moment while others write: the file alone would lack the
    newest rows."""
    with database.engine.connect() as connection:
        connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
    copy.chmod(0o600)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What the store itself cannot do, said so that a person and a program know what to do."""
    try:
        yield
    except OperationalError as error:
        text = str(error.orig).lower()
        if "disk is full" in text or "no space left" in text or "disk full" in text:
            raise Refusal("disk_full", "the server's disk is full", todo="tell the host") from error
        raise Refusal(
            "unavailable", "the server's database cannot be reached", todo="try again in some seconds",
            retry_after_s=5,
        ) from error  # fmt: skip
    except (DataError, UnicodeEncodeError) as error:
        raise unkept() from error
    except DatabaseError as error:
        if "malformed" in str(error.orig) or "not a database" in str(error.orig):
            raise Refusal("unavailable", "the server's database is broken",
                          todo="the host restores a backup: dojo host EVENT restore FILE") from error  # fmt: skip
        raise


def unkept() -> Refusal:
    """What is said of a text with NUL (PostgreSQL takes none) or half a surrogate pair (nothing can encode it)."""
    return Refusal("bad_request", "a text holds signs that cannot be kept", todo="leave out NUL and broken signs")


def dump(value: Any) -> str:
    """JSON as it stands in the tables."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
