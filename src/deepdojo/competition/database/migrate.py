"""An older database brought to the schema of this version: a copy first, then all steps in one transaction.

A change of `tables.py` that an existing database lacks raises `tables.SCHEMA_VERSION` by one and adds its statements
here. New tables need no statement: they are made.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from deepdojo.competition.database import tables
from deepdojo.competition.database.engine import Database, copy_sqlite
from deepdojo.competition.database.events import log
from deepdojo.competition.database.pg_programs import run_pg

__all__ = ["migrate"]

_log = logging.getLogger("deepdojo.server")
# From a schema to the next one.
STEPS: Mapping[int, tuple[str, ...]] = {
    1: (),  # meta names the version that serves (`versions.py`): a row, which the server writes
    2: (),  # program_runs: a new table
}


def migrate(database: Database, found: int, *, keep: Path | None, db: str | None = None) -> Path | None:
    """Bring a database of schema `found` to `SCHEMA_VERSION`, whole or not at all.

    Args:
        keep: the folder in which a copy of the database as it is stays (mode 0600); None: there is one already.
        db: the PostgreSQL address, where the database is one.

    Returns:
        the copy.

    Raises:
        DojoError: no copy could be made; nothing was changed then.
    """
    copy = None if keep is None else _copy(database, found, keep, db)
    with database.write() as connection:
        if not database.sqlite:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(5023417)"))  # two that start at once
        meta = tables.meta
        now = connection.execute(sa.select(meta.c.value).where(meta.c.key == "schema")).scalar_one()
        if now != str(found):  # another process was faster
            return copy
        for schema in range(found, tables.SCHEMA_VERSION):
            for statement in STEPS[schema]:
                connection.execute(sa.text(statement))
        tables.metadata.create_all(connection)
        connection.execute(meta.update().where(meta.c.key == "schema").values(value=str(tables.SCHEMA_VERSION)))
        told = {"from": found, "to": tables.SCHEMA_VERSION, "copy": None if copy is None else copy.name}
        log(database, connection, None, "dojo", "the database was brought to another schema", told)
    if copy is not None:
        _log.warning("the database was brought from schema %d to %d; as it was, it is in %s", found,
                     tables.SCHEMA_VERSION, copy)  # fmt: skip
    return copy


def _copy(database: Database, found: int, keep: Path, db: str | None) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%S")
    ending = "sqlite" if database.sqlite else "dump"
    copy = keep / f"schema-{found}-{stamp}-{os.getpid()}.{ending}"
    try:
        if database.sqlite:
            copy_sqlite(database, copy)
        else:
            run_pg("pg_dump", str(db), "--format=custom", "--no-owner", f"--file={copy}")
        copy.chmod(0o600)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return copy
