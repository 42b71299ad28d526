"""PostgreSQL goes away and comes back: said with 503 and when to come again; nothing that was acknowledged is lost."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.competition.databases import Server, postgresql
from tests.competition.faults.processes import Site, site
from tests.competition.faults.under_fire import children, count, sending

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals on Windows")


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL of this module's own: it will be stopped."""
    with postgresql() as found:
        yield found


@pytest.fixture
def served(server: Server, tmp_path: Path):
    with site(server.fresh(), tmp_path) as made:
        made.token("ada")
        made.web()
        made.worker()
        yield made


def test_fault_05_while_it_is_away_503_and_afterwards_all_goes_on_by_itself(server: Server, served: Site):
    first = served.post("ada", served.arena.table(0.6), "k1")
    assert first.status == 202
    server.stop()
    try:
        data = served.arena.table(0.8, 2)
        away = [served.post("ada", data, "k2") for _ in range(12)]  # none of them is a wrong try
        assert [answer.status for answer in away] == [503] * 12, away
        assert [answer.headers.get("retry-after") for answer in away] == ["5"] * 12
        assert away[0].json["code"] == "unavailable"
        assert away[0].json["error"] == "the server's database cannot be reached"
        assert served.ask("GET", "/api/v1/events").status == 503
        assert served.board().status in (200, 503)
        served.worker("late worker")  # one that is started meanwhile waits for it
        time.sleep(3)  # the other meets it too
    finally:
        server.start()
    again = served.post("ada", data, "k2")
    assert (again.status, again.json["before"]) == (202, False)
    served.drained()
    assert sorted(served.ids()) == sorted([first.json["id"], again.json["id"]])
    assert {served.told("ada", each)["state"] for each in served.ids()} == {"scored"}
    assert {served.running[name].poll() for name in ("web", "worker", "late worker")} == {None}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["restarted", "crashed"])
def test_fault_05_restarted_under_load_nothing_acknowledged_is_lost(server: Server, served: Site, number: int):
    """Three times, while four teams send; a change that was being committed is repeated with its key."""
    with sending(served, 4, 0.02) as senders:
        for _ in range(3):
            time.sleep(0.7)
            server.stop(number)
            time.sleep(0.3)
            server.start()
    served.drained()
    toll = count(served, senders, Counter())
    assert toll.clean, toll
    assert toll.acknowledged > 4
    assert toll.repeated > 0


@pytest.mark.slow
def test_fault_05_a_database_that_hangs_is_waited_for(server: Server, served: Site):
    """Its processes stand still for two seconds: answers come late, not wrong."""
    postmaster = server.running[-1].pid
    backends = [postmaster, *children(postmaster)]
    answers: list[int] = []

    def send() -> None:
        try:
            answers.append(served.post("ada", served.arena.table(0.7, 3), "k3").status)
        except (OSError, http.client.HTTPException):
            answers.append(0)

    for pid in backends:
        served.hold(pid)
    thread = threading.Thread(target=send)
    thread.start()
    time.sleep(2)
    told_meanwhile = list(answers)
    for pid in backends:
        os.kill(pid, signal.SIGCONT)
    thread.join(60)
    assert told_meanwhile == []
    assert answers in ([202], [503])
    assert served.post("ada", served.arena.table(0.7, 3), "k3").status == 202
    served.drained()
    assert len(served.ids()) == 1
