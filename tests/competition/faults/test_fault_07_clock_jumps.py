"""Clocks that are an hour off, or jump by one while all is running: no double, and no lease that holds for an hour.

PostgreSQL's own clock counts there, whatever a worker's says. On SQLite the machine's clock counts, and a lease that
holds longer than any can was made before the clock was put back.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepdojo.competition.database.lease import LONGEST_S, lease
from deepdojo.competition.database.tables import jobs
from tests.competition.faults.processes import Site, site
from tests.competition.faults.under_fire import children, count, sending

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
needs_faketime = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")


def shifted(by: str) -> dict[str, str]:
    """The environment of a process whose clock is off by that much; what measures time that passes is not touched."""
    return {"LD_PRELOAD": str(LIBRARY), "FAKETIME": by, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


def from_file(path: Path) -> dict[str, str]:
    """The same, by what the file says at the moment."""
    told = shifted("")
    del told["FAKETIME"]
    return told | {"FAKETIME_TIMESTAMP_FILE": str(path), "FAKETIME_NO_CACHE": "1"}


@needs_faketime
@pytest.mark.slow
def test_fault_07_workers_an_hour_early_and_late_score_everything_once(address: str, tmp_path: Path):
    with site(address, tmp_path) as served:
        served.token("ada")
        served.web()
        early = served.worker("early", **shifted("+1h"))
        served.worker("late", **shifted("-1h"))
        with sending(served, 2, 0.05) as senders:
            time.sleep(2)
        served.drained()
        toll = count(served, senders, Counter())
        assert toll.clean, toll
        # Killed with a lease in its hands, which by its own clock holds an hour more:
        served.kill("late")
        served.post("ada", served.arena.table(0.9), "warm")
        served.drained()
        served.hold(children(early.pid)[0])
        sent = served.post("ada", served.arena.table(0.7, 9), "k").json["id"]
        until = time.monotonic() + 60
        while leased(served) == 0:
            assert time.monotonic() < until
            time.sleep(0.02)
        served.kill("early")
        served.worker("right")
        served.drained()
        assert served.told("ada", sent)["state"] == "scored"


def leased(served: Site) -> int:
    with served.arena.database.read() as connection:
        chosen = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.state == "leased", jobs.c.kind == "score")
        return int(connection.execute(chosen).scalar_one())


@needs_faketime
@pytest.mark.parametrize(
    ("before", "after"), [("+3600", "+0"), pytest.param("+0", "+3600", marks=pytest.mark.slow)], ids=["back", "forth"]
)
def test_fault_07_the_machines_clock_jumps_while_all_is_running(tmp_path: Path, before: str, after: str):
    clock = tmp_path / "clock"
    clock.write_text(before + "\n")
    environ = from_file(clock)
    with site(str(tmp_path / "server.sqlite"), tmp_path, environ=environ) as served:
        served.web()
        for name in ("a", "b"):
            served.worker(name)
        with sending(served, 2, 0.05) as senders:
            time.sleep(1.5)
            clock.write_text(after + "\n")
            time.sleep(1.5)
        served.drained()
        toll = count(served, senders, Counter())
        assert toll.clean, toll
        assert toll.acknowledged > 2
        assert all(row["rank"] is not None for row in served.board().json["rows"])


def test_fault_07_a_lease_from_a_clock_that_was_put_back_does_not_hold(address: str, tmp_path: Path):
    with site(address, tmp_path) as served:
        database, arena = served.arena.database, served.arena
        arena.send("ada", arena.table(0.5))
        first = lease(database, 1)[0]
        with database.write() as connection:
            hour = database.now(connection) + 3630
            connection.execute(jobs.update().where(jobs.c.id == first.id).values(lease_until=hour))
        again = lease(database, 1)
        assert [job.id for job in again] == [first.id]
        assert again[0].token != first.token
        assert lease(database, 1) == []  # an ordinary lease holds
        with database.write() as connection:
            longest = database.now(connection) + LONGEST_S - 5
            connection.execute(jobs.update().where(jobs.c.id == first.id).values(lease_until=longest))
        assert lease(database, 1) == []
