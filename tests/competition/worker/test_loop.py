"""What a worker holds in memory together, and how often it ranks."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from deepdojo.competition.database.engine import Database, open_database
from deepdojo.competition.database.tables import jobs
from deepdojo.competition.worker import loop
from tests.competition.arena import Arena


@pytest.fixture
def database(tmp_path: Path):
    opened = open_database(tmp_path / "server.sqlite")
    yield opened
    opened.close()


def test_large_files_are_not_held_together():
    mib = 1 << 20
    sized = [(1, mib), (2, 20 * mib), (3, 20 * mib), (4, 64 * mib), (5, 0), (6, mib)]
    assert list(loop._groups(sized)) == [[1, 2], [3], [4], [5, 6]]
    assert list(loop._groups([])) == []


def test_files_come_in_the_order_of_their_jobs_whatever_the_groups(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "_TOGETHER_BYTES", 500)
    arena = Arena(database, tmp_path / "events", n=30)
    for number in range(5):
        arena.send("ada", arena.table(0.5, number), name=f"file {number}.csv")
    worker = arena.worker()
    held = loop.lease(database, 10)
    assert [file.file_name for file in worker._files(held)] == [f"file {number}.csv" for number in range(5)]
    assert list(worker._files([])) == []
    worker.close()


def test_a_ranking_that_took_long_is_not_done_again_at_once(database: Database, tmp_path: Path):
    arena = Arena(database, tmp_path / "events", n=30)
    worker = arena.worker()
    arena.send("ada", arena.table(0.9))
    worker.once()
    time.sleep(0.1)
    worker._ranked[(arena.event.id, 1)] = (time.monotonic(), 100.0)
    assert worker.once() == 1
    with database.read() as connection:
        row = connection.execute(jobs.select().where(jobs.c.kind == "rank")).one()
    assert (row.state, row.attempts, row.failures) == ("queued", 0, 0)
    worker.close()
