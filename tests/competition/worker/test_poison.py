"""Submissions that crash, hang, exhaust or confuse the scoring process: they fail, the others are scored."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepdojo.competition.database.boards import submission
from deepdojo.competition.database.engine import Database, open_database
from deepdojo.competition.database.tables import jobs
from deepdojo.competition.worker.process import Died, ScoringLimits, ScoringProcess
from tests.competition.arena import Arena

PROGRAM = (str(Path(__file__).with_name("poisonous.py")),)
LIMITS = ScoringLimits(wall_s=3, cpu_s=1, memory_bytes=1 << 30)
posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits on Windows")


@pytest.fixture
def database(tmp_path: Path):
    opened = open_database(tmp_path / "server.sqlite")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("poison", "why"),
    [
        pytest.param("crash", "signal 11", marks=posix),
        ("hang", "took longer than 3 s"),
        pytest.param("spin", "signal 24", marks=[posix, pytest.mark.slow]),
        pytest.param("memory", "more memory", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux alone")),
        ("leave", "exit code 3"),
        ("raise", "RuntimeError: canary of the host"),
    ],
)
def test_a_poison_submission_fails_after_three_attempts_while_others_are_scored(
    database: Database, tmp_path: Path, poison: str, why: str
):
    arena = Arena(database, tmp_path / "events", n=60, per_day=1)
    bad = arena.send("mallory", f"id,label\n{poison},amber\n".encode())
    good = [arena.send(name, arena.table(0.6, number)) for number, name in enumerate(("ada", "bob", "cy"))]
    wall = 3 if poison == "hang" else 30  # a busy machine must not take one for the other
    worker = arena.worker(limits=replace(LIMITS, wall_s=wall))
    worker.process.program = PROGRAM
    try:
        arena.drain(worker)
        arena.send("mallory", arena.table(0.5, 9))  # the quota was given back
        arena.drain(worker)
    finally:
        worker.close()
    with database.read() as connection:
        told, seen = submission(connection, bad), submission(connection, bad, host=True)
        assert told["state"] == "failed"
        assert told["fault"] == {"error": "this submission could not be scored", "where": None, "todo": "ask the host",
                                 "code": "unavailable"}  # fmt: skip
        assert "canary" not in str(told)
        assert why in seen["fault_host"]
        row = connection.execute(sa.select(jobs.c.attempts, jobs.c.failures, jobs.c.state).where(jobs.c.id == 1)).one()
        assert tuple(row) == (3, 3, "failed")
        assert [submission(connection, each)["state"] for each in good] == ["scored"] * 3


def test_what_a_library_prints_does_not_get_between_the_messages(database: Database, tmp_path: Path):
    arena = Arena(database, tmp_path / "events", n=60)
    bad = arena.send("ada", b"id,label\nprint,amber\n")
    worker = arena.worker(limits=LIMITS)
    worker.process.program = PROGRAM
    try:
        arena.drain(worker)
    finally:
        worker.close()
    with database.read() as connection:
        told = submission(connection, bad)
    assert told["state"] == "refused"
    assert "missing" in told["fault"]["error"]


def test_the_scoring_process_goes_with_its_worker(tmp_path: Path):
    process = ScoringProcess(LIMITS)
    assert "unfit" in process.ask({"ask": "facts", "private": str(tmp_path / "none")})[0]
    pid = process.pid
    assert pid is not None
    process.close()
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_process_that_was_killed_is_replaced(tmp_path: Path):
    process = ScoringProcess(LIMITS)
    head = {"ask": "facts", "private": str(tmp_path / "none")}
    process.ask(dict(head))
    before = process.pid
    assert process._running is not None
    process._running.kill()
    with pytest.raises(Died):
        process.ask(dict(head))
    assert "unfit" in process.ask(dict(head))[0]
    assert process.pid != before
    process.close()


def test_no_secret_of_the_server_is_in_the_environment_of_the_scoring_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if not Path("/proc/self/environ").exists():
        pytest.skip("there is no /proc here")
    for name in ("PGPASSWORD", "DEEPDOJO_DATABASE", "MY_TOKEN", "SECRET_KEY"):
        monkeypatch.setenv(name, "canary-zq7")
    process = ScoringProcess(LIMITS)
    process.ask({"ask": "facts", "private": str(tmp_path)})
    assert b"canary-zq7" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    process.close()


def test_a_long_job_keeps_its_lease(database: Database, tmp_path: Path):
    """Leases of 4 s, a file that takes 9 s: another worker must not get it meanwhile."""
    arena = Arena(database, tmp_path / "events", n=60)
    arena.send("ada", b"id,label\nhang,amber\n")
    slow, other = arena.worker(limits=ScoringLimits(wall_s=9.0), lease_s=4.0), arena.worker()
    slow.process.program = PROGRAM
    import threading

    thread = threading.Thread(target=slow.once)
    thread.start()
    time.sleep(0.3)
    taken = 0
    while thread.is_alive():
        with database.read() as connection:
            held = connection.execute(sa.select(jobs.c.state, jobs.c.failures)).one()
        if tuple(held) == ("leased", 0):
            taken += other.once()
        time.sleep(0.1)
    thread.join()
    for worker in (slow, other):
        worker.close()
    assert taken == 0


def test_the_scoring_process_loads_no_database_and_no_torch():
    asked = "import sys, deepdojo.competition.worker.scoring; print(sorted({'sqlalchemy', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True).stdout.strip() == "[]"


def test_answers_that_cannot_be_read_are_no_submissions_fault(database: Database, tmp_path: Path, monkeypatch):
    from deepdojo.competition.worker import loop

    monkeypatch.setattr(loop, "_UNFIT_S", 0.0)
    arena = Arena(database, tmp_path / "events", n=60)
    sent = arena.send("ada", arena.table(0.6))
    answers = arena.events / arena.name / "private" / "solution.parquet"
    answers.rename(answers.with_suffix(".away"))
    worker = arena.worker(limits=LIMITS)
    try:
        for _ in range(5):
            worker.once()
        with database.read() as connection:
            assert submission(connection, sent)["state"] == "queued"
            row = connection.execute(sa.select(jobs.c.why, jobs.c.failures, jobs.c.attempts)).one()
        assert "solution.parquet: this file does not exist" in row.why
        assert (row.failures, row.attempts) == (0, 0)
        answers.with_suffix(".away").rename(answers)
        arena.drain(worker)
    finally:
        worker.close()
    with database.read() as connection:
        assert submission(connection, sent)["state"] == "scored"
