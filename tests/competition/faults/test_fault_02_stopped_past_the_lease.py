"""A worker that stands still past its lease and wakes: the other one's score stays, the late result is thrown away.

Kills of workers at random moments are in tests/competition/worker/test_kills.py and, with the web process, in
test_fault_01_kills_under_load.py.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepdojo.competition.database.tables import jobs, scores
from tests.competition.faults import both
from tests.competition.faults.processes import Site, site
from tests.competition.faults.under_fire import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")


def first_job(served: Site) -> tuple[str, float]:
    """State of the submission's job, and how many seconds its lease still holds."""
    database = served.arena.database
    with database.read() as connection:
        row = connection.execute(sa.select(jobs.c.state, jobs.c.lease_until).where(jobs.c.kind == "score")).one()
        return row.state, row.lease_until - database.now(connection)


def until(met, most_s: float = 60.0) -> None:
    end = time.monotonic() + most_s
    while not met():
        assert time.monotonic() < end
        time.sleep(0.02)


@both
def test_fault_02_a_worker_stopped_past_its_lease_is_late_and_says_so(address: str, tmp_path: Path):
    with site(address, tmp_path) as served:
        served.token("ada")
        served.web()
        late = served.worker("late")
        warm = served.post("ada", served.arena.table(0.9), "k0").json["id"]  # its scoring process runs from now on
        served.drained()
        scoring = children(late.pid)[0]
        served.hold(scoring)  # what it is asked next it answers when we let it
        with served.arena.database.write() as connection:
            connection.execute(jobs.delete())
        sent = served.post("ada", served.arena.table(0.7, 1), "k1").json["id"]
        until(lambda: first_job(served)[0] == "leased")
        served.hold(late.pid)  # no sign of life any more
        until(lambda: first_job(served)[1] < 0)
        served.worker("other")
        until(lambda: served.told("ada", sent)["state"] == "scored")
        before = served.told("ada", sent)
        for pid in (scoring, late.pid):
            os.kill(pid, signal.SIGCONT)
        until(lambda: "came too late: another worker has it" in served.log("late"))
        served.drained()
        assert served.told("ada", sent) == before
        with served.arena.database.read() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(scores)).scalar_one() == 4
        assert late.poll() is None
        third = served.post("ada", served.arena.table(0.8, 2), "k2").json["id"]  # and it goes on working
        served.kill("other")
        served.drained()
        assert {served.told("ada", each)["state"] for each in (warm, third)} == {"scored"}
