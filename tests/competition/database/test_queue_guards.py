"""The queue's guards, and that each of them is needed: with one switched off, the check of its name fails."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from deepdojo.competition.database import engine
from deepdojo.competition.database import lease as queue
from deepdojo.competition.database.boards import submission
from deepdojo.competition.database.engine import Database, open_database
from deepdojo.competition.database.finish import Facts, Refused, Scored, finish
from deepdojo.competition.database.lease import Job, fail, lease
from deepdojo.competition.database.tables import boards, jobs, ladders, scores, submissions
from deepdojo.competition.refusal import Refusal
from tests.competition.arena import Arena

FACTS = Facts({"public": 4, "private": 4}, True, {"public": None, "private": None}, b"seed")


def scored(job: Job, value: float) -> Scored:
    part = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 4, "interval": "wilson"}
    right = np.arange(4) < round(4 * value)
    return Scored(job, {"public": part, "private": part}, (right - value).astype(np.float32), FACTS)


def state_of(database: Database) -> list[object]:
    with database.read() as connection:
        return [
            connection.execute(sa.select(table).order_by(*table.primary_key)).all()
            for table in (jobs, submissions, scores, ladders, boards)
        ]


def at_once(count: int, work: Callable[[int], object]) -> list[object]:
    """What `count` threads that start together return, or raise."""
    gate, found = threading.Barrier(count), list[object]()

    def one(number: int) -> None:
        gate.wait()
        try:
            found.append(work(number))
        except Refusal as error:
            found.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def check_late_worker(database: Database, tmp_path: Path) -> None:
    arena = Arena(database, tmp_path / "events", n=30)
    arena.send("ada", arena.table(0.5))
    late = lease(database, 1, lease_s=-1.0)[0]
    now = lease(database, 1)[0]
    assert now.id == late.id
    assert now.token != late.token
    before = state_of(database)
    assert finish(database, [scored(late, 0.25)]) == set()
    assert finish(database, [Refused(late, {"error": "x"})]) == set()
    assert fail(database, late, "late") == "late"
    assert state_of(database) == before
    assert finish(database, [scored(now, 0.75)]) == {now.id}
    before = state_of(database)
    assert finish(database, [scored(late, 0.25)]) == set()
    assert state_of(database) == before


def check_no_double_leases(database: Database, tmp_path: Path) -> None:
    arena = Arena(database, tmp_path / "events", n=30)
    for number in range(60):
        arena.send(f"team {'abcdefghij'[number % 10]}", arena.table(0.5, number))

    def take(_: int) -> list[int]:
        found: list[int] = []
        while some := [job.id for job in lease(database, 3)]:
            found += some
        return found

    taken = Counter(number for found in at_once(8, take) for number in found)  # type: ignore[attr-defined]
    assert sorted(taken) == list(range(1, 61))
    assert max(taken.values()) == 1


def check_writers_never_meet(address: str, tmp_path: Path) -> None:
    """Four connections that read and then write what they have read."""
    opened = [open_database(address) for _ in range(4)]
    arena = Arena(opened[0], tmp_path / "events", n=30)
    for name in "abcd":
        arena.team(f"team {name}")
    try:
        found = at_once(4, lambda number: [
            arena_send(opened[number], arena, f"team {'abcd'[number]}", turn) for turn in range(25)
        ])  # fmt: skip
    finally:
        for database in opened:
            database.close()
    assert not [error for error in found if isinstance(error, Refusal)]


def arena_send(database: Database, arena: Arena, team: str, seed: int) -> str:
    mine = Arena.__new__(Arena)
    mine.__dict__ = {**arena.__dict__, "database": database}
    return mine.send(team, arena.table(0.5, seed))


def test_a_late_worker_with_an_old_token_changes_nothing(database: Database, tmp_path: Path):
    check_late_worker(database, tmp_path)


def test_without_the_token_the_late_worker_is_caught(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(queue, "FENCED", False)
    with pytest.raises(AssertionError):
        check_late_worker(database, tmp_path)


def test_without_the_token_the_primary_key_still_stands_against_a_second_score(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    arena = Arena(database, tmp_path / "events", n=30)
    arena.send("ada", arena.table(0.5))
    late, now = lease(database, 1, lease_s=-1.0)[0], lease(database, 1)[0]
    assert finish(database, [scored(now, 0.75)]) == {now.id}
    before = state_of(database)
    monkeypatch.setattr(queue, "FENCED", False)
    with pytest.raises(sa.exc.IntegrityError):
        finish(database, [scored(late, 0.25)])
    assert state_of(database) == before


def test_eight_threads_lease_every_job_once(database: Database, tmp_path: Path):
    check_no_double_leases(database, tmp_path)


def test_without_skip_locked_double_leases_are_caught(
    postgresql_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One board of 60 jobs shows doubles in most trials; ten without any would be a chance below 1e-3."""
    monkeypatch.setattr(queue, "SKIP_LOCKED", False)
    caught = 0
    for trial in range(10):
        database = open_database(postgresql_server.fresh())
        try:
            check_no_double_leases(database, tmp_path / str(trial))
        except AssertionError:
            caught += 1
        finally:
            database.close()
        if caught:
            break
    assert caught


def test_writers_wait_for_each_other(address: str, tmp_path: Path):
    check_writers_never_meet(address, tmp_path)


def test_with_a_deferred_begin_writers_are_caught_meeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "BEGIN_WRITE", "BEGIN")
    with pytest.raises(AssertionError):
        check_writers_never_meet(str(tmp_path / "server.sqlite"), tmp_path)


def test_twenty_at_once_get_exactly_the_quota(database: Database, tmp_path: Path):
    arena = Arena(database, tmp_path / "events", n=30, per_day=5)
    arena.team("ada")
    files = [arena.table(0.5, seed) for seed in range(20)]
    found = at_once(20, lambda number: arena.send("ada", files[number]))
    refused = [error for error in found if isinstance(error, Refusal)]
    assert len(found) - len(refused) == 5
    assert {error.code for error in refused} == {"quota"}


def test_the_same_key_is_one_submission_however_often_it_comes(database: Database, tmp_path: Path):
    arena = Arena(database, tmp_path / "events", n=30)
    arena.team("ada")
    data = arena.table(0.5)
    assert len(set(at_once(8, lambda _: arena.send("ada", data, key="k")))) == 1


def test_a_refused_file_costs_no_quota_and_a_failed_one_gives_it_back(database: Database, tmp_path: Path):
    arena = Arena(database, tmp_path / "events", n=30, per_day=1)
    arena.send("ada", b"id,label\n")
    finish(database, [Refused(lease(database, 1)[0], {"error": "no rows", "where": None, "todo": None})])
    arena.send("ada", arena.table(0.5))
    for attempt in range(3):
        job = lease(database, 1)[0]
        assert fail(database, job, "crashed") == ("failed" if attempt == 2 else "queued")
    arena.send("ada", arena.table(0.6))
    with pytest.raises(Refusal, match="1 of 1"):
        arena.send("ada", arena.table(0.7))


def test_a_failed_attempt_goes_behind_what_waits(database: Database, tmp_path: Path):
    arena = Arena(database, tmp_path / "events", n=30)
    arena.send("ada", arena.table(0.5))
    arena.send("bob", arena.table(0.5, 1))
    first = lease(database, 1)[0]
    fail(database, first, "crashed")
    second = lease(database, 1)[0]
    assert second.id != first.id
    assert lease(database, 1)[0].id == first.id


def test_nothing_that_a_worker_or_a_sender_does_reads_all_jobs_there_ever_were(tmp_path: Path):
    """SQLite's own plans: with a million jobs done, the next one is found among the open ones."""
    database = open_database(tmp_path / "server.sqlite")
    arena, seen = Arena(database, tmp_path / "events", n=30), list[tuple[str, tuple[object, ...]]]()
    sa.event.listen(database.engine, "before_cursor_execute", lambda *a: seen.append((a[2], a[3])))
    worker = arena.worker()
    for number, name in enumerate(("ada", "bob", "ada")):
        sent = arena.send(name, arena.table(0.5 + number / 5, number))
    with database.read() as connection:
        assert submission(connection, sent)["place"] == 2
    arena.drain(worker)
    worker.close()
    asked = {text: values for text, values in seen if "jobs" in text and text.startswith(("SELECT", "UPDATE"))}
    assert len(asked) > 5
    with database.read() as connection:
        for text, values in asked.items():
            one = values[0] if values and isinstance(values[0], tuple) else values
            for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text, one).all():
                assert not re.search(r"SCAN jobs(?! USING)", str(row)), text
    database.close()
