"""Each test of the memory runs on SQLite, and on PostgreSQL where it is installed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from deepdojo.competition.database import tables
from deepdojo.competition.database.engine import open_database
from tests.competition.database.room import postgresql_server, room_in


@pytest.fixture(scope="session")
def postgresql():
    yield from postgresql_server()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        address = tmp_path / "server.sqlite"
    else:
        address = request.getfixturevalue("postgresql")
        if address is None:
            pytest.skip("PostgreSQL is not installed here")
    opened = open_database(address)
    yield opened
    if not opened.sqlite:
        with opened.write() as connection:
            names = ", ".join(f'"{table.name}"' for table in tables.metadata.sorted_tables if table.name != "meta")
            connection.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY"))
    opened.close()


@pytest.fixture
def room(database):
    return room_in(database)
