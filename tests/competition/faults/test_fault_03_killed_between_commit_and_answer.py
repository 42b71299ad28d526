"""The server dies around the commit of an accept; the client, which cannot know, repeats with its key."""

from __future__ import annotations

import http.client
import sys
import threading
from pathlib import Path

import pytest

from deepdojo.competition.client import Client
from tests.competition.faults import both, dying_server_path
from tests.competition.faults.processes import Site, site

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 on Windows")


@pytest.fixture
def served(address: str, tmp_path: Path):
    with site(address, tmp_path) as made:
        made.token("ada")
        yield made


def dies(served: Site, moment: str, data: bytes) -> None:
    """Send to a server that dies at that moment: no answer may come."""
    served.web(dying_server_path, moment)
    with pytest.raises((OSError, http.client.HTTPException)):
        served.post("ada", data, "k1")
    assert served.running["web"].wait(20) == -9


@both
def test_fault_03_killed_after_the_commit_the_same_key_gets_the_first_submission(served: Site):
    data = served.arena.table(0.7)
    dies(served, "after", data)
    there = served.ids()
    assert len(there) == 1
    served.web()
    again = served.post("ada", data, "k1")
    assert (again.status, again.json["id"], again.json["before"]) == (202, there[0], True)
    assert served.ids() == there


@both
def test_fault_03_killed_before_the_commit_nobody_was_told_and_nothing_is_there(served: Site):
    """An answer that does not wait for the commit would have left in the second before the kill."""
    data = served.arena.table(0.7)
    dies(served, "before", data)
    assert served.ids() == []
    served.web()
    again = served.post("ada", data, "k1")
    assert (again.status, again.json["before"]) == (202, False)
    assert served.ids() == [again.json["id"]]


@pytest.mark.slow
def test_fault_03_our_own_client_repeats_by_itself(tmp_path: Path):
    with site(str(tmp_path / "server.sqlite"), tmp_path) as served:
        token, file = served.token("ada"), tmp_path / "mine.csv"
        file.write_bytes(served.arena.table(0.7))
        dying = served.web(dying_server_path, "after")

        def reborn() -> None:
            dying.wait(30)
            served.web()

        thread = threading.Thread(target=reborn)
        thread.start()
        told = Client(f"http://127.0.0.1:{served.port}", token).submit("reviews", file)
        thread.join()
        assert told["before"] is True
        assert served.ids() == [told["id"]]
