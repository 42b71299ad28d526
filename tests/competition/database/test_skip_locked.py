"""Two workers that lease at the same moment, seen without chance: the first holds still before its commit."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepdojo.competition.database.engine import open_database
from deepdojo.competition.database.lease import lease
from tests.competition.arena import Arena

WAIT_S = 10.0


@pytest.fixture
def address(postgresql_server) -> str:
    return postgresql_server.fresh()


def test_two_leases_at_once_take_different_jobs_and_do_not_wait_for_each_other(address: str, tmp_path: Path):
    first, second = open_database(address), open_database(address)
    arena = Arena(first, tmp_path / "events", n=30)
    for number in range(4):
        arena.send("ada", arena.table(0.5, number))
    taken, goes_on, done = threading.Event(), threading.Event(), threading.Event()
    found: dict[str, list[int]] = {}

    def hold_still(_connection: sa.Connection) -> None:
        taken.set()
        goes_on.wait(30)

    def slow() -> None:
        found["first"] = [job.id for job in lease(first, 2)]

    def quick() -> None:
        found["second"] = [job.id for job in lease(second, 2)]
        done.set()

    sa.event.listen(first.engine, "commit", hold_still, once=True)
    threads = [threading.Thread(target=slow), threading.Thread(target=quick)]
    threads[0].start()
    assert taken.wait(30)
    threads[1].start()
    waited = not done.wait(WAIT_S)
    goes_on.set()
    for thread in threads:
        thread.join(30)
    first.close()
    second.close()
    assert sorted(found["first"] + found["second"]) == [1, 2, 3, 4], found
    assert not waited
