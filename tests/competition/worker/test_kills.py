"""kill -9 of workers at any moment: nothing is lost, nothing is scored twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.tables import boards, jobs, ladders, scores, submissions
from deepdojo.competition.ladder import Ladder
from tests.competition.arena import Arena

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 on Windows")


def start(address: str, arena: Arena) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "deepdojo.competition.worker",
        "-",
        str(arena.events),
        "--lease",
        "1.0",
        "--most",
        "4",
    ]
    return subprocess.Popen(
        command, env={**os.environ, "DEEPDOJO_DATABASE": address}, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )


def under_fire(address: str, database: Database, arena: Arena, kills: int, *, stopped: bool = False) -> list[str]:
    """Send while workers are killed at random moments; the ids that were acknowledged."""
    draws = np.random.default_rng(11)
    sent, number = [], 0
    workers = [start(address, arena) for _ in range(2)]
    try:
        for _ in range(kills):
            until = time.monotonic() + float(draws.uniform(0.3, 1.6))
            while time.monotonic() < until:
                sent.append(
                    arena.send(f"team {'abcde'[number % 5]}", arena.table(0.4 + 0.005 * (number % 100), number))
                )
                number += 1
                time.sleep(0.02)
            at = int(draws.integers(0, 2))
            if stopped:  # it wakes after its lease has run out, and finishes late
                os.kill(workers[at].pid, signal.SIGSTOP)
                time.sleep(1.5)
                os.kill(workers[at].pid, signal.SIGCONT)
            else:
                workers[at].kill()
                workers[at].wait()
                workers[at] = start(address, arena)
        until = time.monotonic() + 60
        while time.monotonic() < until and waiting(database):
            time.sleep(0.2)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(20)
    return sent


def waiting(database: Database) -> int:
    with database.read() as connection:
        open_jobs = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.state.in_(("queued", "leased")))
        return int(connection.execute(open_jobs).scalar_one())


def audit(database: Database, sent: list[str]) -> None:
    with database.read() as connection:
        kept = connection.execute(sa.select(submissions.c.public_id, submissions.c.state)).all()
        assert sorted(row.public_id for row in kept) == sorted(sent)
        assert {row.state for row in kept} == {"scored"}
        count = connection.execute(sa.select(sa.func.count()).select_from(scores)).scalar_one()
        assert count == 2 * len(sent)
        offered = 0
        for row in connection.execute(sa.select(ladders.c.team_id, ladders.c.state, ladders.c.data)):
            ladder = Ladder.from_json(row.state, row.data)
            offers = [offer.submission for offer in (*ladder.steps, *ladder.since)]
            assert len(set(offers)) == len(offers)
            offered += ladder.offered
            standing = connection.execute(sa.select(boards).where(boards.c.team_id == row.team_id)).mappings().one()
            assert standing["value"] == ladder.shown
            assert standing["submissions"] == ladder.offered
            assert standing["rank"] is not None
        assert offered == len(sent)


@pytest.mark.parametrize(
    "stopped",
    [pytest.param(False, id="killed"), pytest.param(True, id="stopped past the lease", marks=pytest.mark.slow)],
)
def test_killed_workers_lose_and_double_nothing(address: str, database: Database, tmp_path: Path, stopped: bool):
    arena = Arena(database, tmp_path / "events", n=300)
    for name in "abcde":
        arena.team(f"team {name}")
    audit(database, under_fire(address, database, arena, 2 if stopped else 4, stopped=stopped))


@pytest.mark.slow
def test_a_hundred_kills_lose_and_double_nothing(address: str, database: Database, tmp_path: Path):
    arena = Arena(database, tmp_path / "events", n=300)
    for name in "abcde":
        arena.team(f"team {name}")
    audit(database, under_fire(address, database, arena, 100))


def test_a_job_that_takes_workers_down_is_given_up_in_the_end(database: Database, tmp_path: Path):
    from deepdojo.competition.database.lease import MOST_LEASES, give_up_worn_out, lease

    arena = Arena(database, tmp_path / "events", n=30)
    arena.send("ada", arena.table(0.5))
    for _ in range(MOST_LEASES):
        assert len(give_up_worn_out(database, lease(database, 1, lease_s=-1.0))) == 1
    assert give_up_worn_out(database, lease(database, 1)) == []
    assert not waiting(database)
