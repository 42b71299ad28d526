"""What may happen to a server while programs run: kill -9, an end, other events, a sandbox that is not whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
import sqlalchemy as sa

from deepdojo import api
from deepdojo.competition.database.tables import jobs, program_runs, scores
from tests.competition.attacks.code_room import (
    GOOD,
    code_room,
    gone_within,
    needs_sandbox,
    running_with,
    seen_by_host,
    told,
    zipped,
)  # fmt: skip
from tests.competition.server.running import free_port

needs_sandbox()
_SLOW = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", {mark!r}])
time.sleep({seconds})
"""


def start_worker(room, lease: float = 2.0) -> subprocess.Popen[bytes]:
    words = [str(room.store / "server.sqlite"), str(room.store / "events"), "--lease", str(lease), "--with-parent"]
    return subprocess.Popen(
        [sys.executable, "-m", "deepdojo.competition.worker", *words], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()
    assert worker.stdin is not None
    worker.stdin.close()


def waited_for(what, seconds: float = 30.0):
    """The first true value of `what()`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")


@pytest.fixture
def room(tmp_path):
    with code_room(tmp_path, workers=0, run_s=30.0) as found:
        yield found


def send(room, program: str, name: str = "ada") -> str:
    token = room.join(name)
    sent = room.send(token, zipped({"predict.py": program}), "p.zip", content_type="application/zip")
    assert sent.status == 202, sent.body
    return str(sent.json["id"])


def rows_of(room, table: sa.Table) -> list[sa.Row]:
    with room.database.read() as connection:
        return list(connection.execute(sa.select(table)).all())


@pytest.mark.slow
def test_kill_9_of_the_worker_ends_the_program_and_another_worker_does_it_once(room):
    mark = f"slow-{time.monotonic_ns()}"
    sent = send(room, _SLOW.format(mark=mark, seconds=3) + GOOD)
    worker = start_worker(room)
    try:
        waited_for(lambda: running_with(mark))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert not gone_within(mark, 1.5)
    finally:
        end(worker)
    assert room.ask("GET", f"/api/v1/submissions/{sent}", token=room.join("ada")).json["state"] == "queued"
    worker = start_worker(room)
    try:
        found = room.result(room.join("ada"), sent)
    finally:
        end(worker)
    assert found["state"] == "scored", found
    assert [job.attempts for job in rows_of(room, jobs) if job.kind == "run"] == [2]
    assert len(rows_of(room, program_runs)) == 1
    assert len(rows_of(room, scores)) == 2  # public and private
    assert not gone_within(mark, 1.5)


@pytest.mark.slow
def test_a_worker_that_is_asked_to_end_leaves_nothing_running_and_gives_the_job_back_at_once(room):
    mark = f"slow-{time.monotonic_ns()}"
    send(room, _SLOW.format(mark=mark, seconds=20) + GOOD)
    worker = start_worker(room, lease=60.0)
    try:
        waited_for(lambda: running_with(mark))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
        assert not gone_within(mark, 1.5)
    finally:
        end(worker)
    job = next(job for job in rows_of(room, jobs) if job.kind == "run")
    assert (job.state, job.attempts, job.failures) == ("queued", 0, 0)


@pytest.mark.slow
def test_a_program_may_run_longer_than_a_lease_and_nothing_waits_behind_it(room, tmp_path):
    tables = api.host(str(tmp_path / "project"), store=room.store, name="tables", per_day=100)
    worker = start_worker(room, lease=1.0)
    second = start_worker(room, lease=1.0)
    try:
        sent = send(room, "import time; time.sleep(12)\n" + GOOD)
        joined = room.ask("POST", "/api/v1/events/tables/join", {"code": tables["code"], "name": "grete"})
        token = joined.json["token"]
        public = Path(tables["public"]) / "sample_submission.csv"
        answer = room.ask("POST", "/api/v1/events/tables/submissions?file_name=p.csv", public.read_bytes(), token,
                          {"content-type": "text/csv"})  # fmt: skip
        assert room.result(token, answer.json["id"])["state"] == "scored"
        waits = room.ask("GET", f"/api/v1/submissions/{sent}", token=room.join("ada")).json
        assert waits["state"] == "queued"  # it still runs
        found = room.result(room.join("ada"), sent)
        assert found["state"] == "scored"
        assert found["ran"]["seconds"] > 12
    finally:
        end(worker)
        end(second)
    assert [job.attempts for job in rows_of(room, jobs) if job.kind == "run"] == [1]  # the lease was kept


@pytest.mark.slow
def test_teams_take_turns_and_a_team_with_many_programs_waits_behind_its_own(room):
    for number in range(4):
        send(room, f"# {number}\n{GOOD}", "mallory")
    send(room, GOOD, "ada")
    worker = start_worker(room)
    try:
        token = room.join("ada")
        waited_for(lambda: all(
            each["state"] == "scored" for name in ("mallory", "ada")
            for each in room.api("GET", "/submissions", token=room.join(name)).json
        ))  # fmt: skip
        ada = room.api("GET", "/submissions", token=token).json[0]["scored"]
        mallory = sorted(each["scored"] for each in room.api("GET", "/submissions", token=room.join("mallory")).json)
    finally:
        end(worker)
    assert mallory[0] < ada < mallory[1]


@pytest.mark.slow
def test_a_team_whose_programs_fail_and_fail_waits_until_midnight(tmp_path):
    with code_room(tmp_path, broken_per_day=2) as room:
        for number in range(2):
            assert told(room, {"predict.py": f"raise ValueError  # {number}"})["state"] == "refused"
        refused = room.send(room.join("mallory"), zipped({"predict.py": GOOD}), "p.zip")
        assert (refused.status, refused.json["code"]) == (429, "quota")
        assert "2 of your team's programs have failed today" in refused.json["error"]
        assert int(refused.headers["retry-after"]) > 0
        assert told(room, {"predict.py": GOOD}, "ada")["state"] == "scored"
        shutil.rmtree(room.store / "events" / room.event / "private" / "inputs")
        sent = send(room, f"# again\n{GOOD}", "grete")
        time.sleep(2)
        assert seen_by_host(room, sent)["state"] == "queued"  # the machine's fault costs nobody anything


@pytest.mark.slow
def test_where_the_sandbox_is_not_whole_programs_are_refused_and_the_rest_goes_on(tmp_path):
    """No bubblewrap on the path of the server: what a machine without it, or Windows and macOS, would say."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    with mock.patch.dict(os.environ, {"PATH": str(folder)}), code_room(tmp_path) as room:
        token = room.join("ada")
        refused = room.send(token, zipped({"predict.py": GOOD}), "p.zip")
        assert (refused.status, refused.json["code"]) == (503, "no_sandbox")
        assert refused.json["error"].startswith("this server runs no programs: bubblewrap is not installed")
        assert refused.json["todo"] == "tell the host"
        assert room.api("GET", "/submissions", token=token).json == []  # nothing was kept, no quota used
        assert room.api("GET", "/board").status == 200
        assert room.ask("GET", f"/{room.event}/rules").status == 200
    port = free_port()
    words = ["serve", "--store", str(room.store), "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    served = subprocess.Popen(
        [sys.executable, "-m", "deepdojo.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PATH": str(folder)},
    )  # fmt: skip
    try:
        assert served.stdout is not None
        assert served.stdout.readline().startswith("Serving at")
        time.sleep(0.5)
    finally:
        served.send_signal(signal.SIGINT)
    said = served.communicate(timeout=30)[1]
    assert "the sandbox is not whole, so nobody's code is run here" in said
    assert "bubblewrap is not installed" in said


def test_tables_are_refused_where_programs_are_asked_for(room):
    refused = room.send(room.join("ada"), room.table())
    assert (refused.status, refused.json["code"]) == (415, "wrong_type")
    assert refused.json["todo"] == "send a zip with predict.py, or of a run"
