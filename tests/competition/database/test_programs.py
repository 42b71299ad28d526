"""What a program came to is kept once, by whoever still has the job, and is what is scored from then on."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import sqlalchemy as sa

from deepdojo.competition.database.boards import submission
from deepdojo.competition.database.lease import lease, postpone, program_waits
from deepdojo.competition.database.programs import ProgramRun, keep_fault, keep_table, kept_table, sizes, to_score
from deepdojo.competition.database.tables import jobs, program_runs
from deepdojo.competition.packing import unpack
from deepdojo.competition.refusal import Refusal
from tests.competition.database.room import room_in

RAN = ProgramRun("code", 1.5, 3 << 20, "exit code 0", "predictions.csv", b"id,label\n1,a\n")


@pytest.fixture
def room(database):
    return room_in(database, code=True, broken_per_day=2)


def run_job(room, text: str = "zip"):
    room.send(text, kind="code", file_name="p.zip")
    return lease(room.database, 1, programs=True)[0]


def kinds(room) -> list[tuple[str, str]]:
    with room.database.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(jobs.c.kind, jobs.c.state).order_by(jobs.c.id))]


def test_programs_and_what_is_scored_are_leased_apart(room):
    room.send("zip", kind="code", file_name="p.zip")
    assert lease(room.database, 10) == []
    assert program_waits(room.database)
    (job,) = lease(room.database, 10, programs=True)
    assert job.kind == "run"
    assert not program_waits(room.database)  # it is held


def test_a_table_is_kept_and_put_into_the_queue_in_one_step(room):
    job = run_job(room)
    assert keep_table(room.database, job, RAN)
    assert kinds(room) == [("run", "done"), ("score", "queued")]
    with room.database.read() as connection:
        table = to_score(connection, [job.submission_id])[job.submission_id]
        assert sizes(connection, [job.submission_id]) == {job.submission_id: len(RAN.table)}
        assert kept_table(connection, job.submission_id) == table
    assert unpack(table.data, table.encoding) == RAN.table
    assert (table.file_name, table.kind) == ("predictions.csv", "code")


def test_a_table_that_was_sent_is_scored_as_it_is(database):
    room = room_in(database)
    room.send()
    (job,) = lease(database, 1)
    with database.read() as connection:
        table = to_score(connection, [job.submission_id])[job.submission_id]
        assert kept_table(connection, job.submission_id) is None
    assert unpack(table.data, table.encoding) == b"id,label\n1,a\n"


def test_a_worker_whose_lease_ran_out_writes_nothing(room):
    job = run_job(room)
    postpone(room.database, job, "", 0.0)
    late = replace(job, token="another")
    assert not keep_table(room.database, late, RAN)
    assert not keep_fault(room.database, late, RAN, {"error": "x", "where": None, "todo": None})
    assert kinds(room) == [("run", "queued")]
    with room.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(program_runs)).scalar_one() == 0


def test_a_fault_reaches_the_sender_the_log_the_host_and_the_quota_is_given_back(room):
    public_id, _ = room.send("zip", kind="code", file_name="p.zip")
    (job,) = lease(room.database, 1, programs=True)
    fault = {"error": "ended with exit code 1", "where": "predict.py", "todo": None}
    assert keep_fault(room.database, job, replace(RAN, table=None, log="secret"), fault)
    with room.database.read() as connection:
        sender, host = (submission(connection, public_id, host=who) for who in (False, True))
    assert (sender["state"], sender["fault"]) == ("refused", fault)
    assert sender["ran"] == {"kind": "code", "seconds": 1.5, "peak_bytes": 3 << 20}
    assert host["ran"]["log"] == "secret"


def test_failures_have_a_limit_of_their_own(room):
    for number in range(2):
        job = run_job(room, f"zip {number}")
        keep_fault(room.database, job, None, {"error": "x", "where": None, "todo": None})
    with pytest.raises(Refusal, match="2 of your team's programs have failed today") as caught:
        room.send("another", kind="code", file_name="p.zip")
    assert caught.value.code == "quota"


def test_a_teams_further_programs_stand_behind_by_as_long_as_one_may_run(room):
    for number in range(3):
        room.send(f"zip {number}", kind="code", file_name="p.zip")
    with room.database.read() as connection:
        turns = list(connection.execute(sa.select(jobs.c.order_key).order_by(jobs.c.id)).scalars())
    assert [round((b - a) / room.rules.run_s) for a, b in pairwise(turns)] == [1, 1]
