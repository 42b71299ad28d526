"""A disk that is full: refused with a sentence, the board still served, everything taken again once there is room."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.competition.faults.processes import site

ROWS, LARGE = 30, 40_000


@pytest.fixture
def small_disk(tmp_path: Path):
    """A tmpfs of 3 MB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can make a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_fault_04_a_full_disk_is_said_the_board_is_served_and_room_is_enough_to_go_on(small_disk: Path, tmp_path: Path):
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1 << 20))
    with site(str(small_disk / "server.sqlite"), small_disk, n=ROWS) as served:
        served.logs = tmp_path
        served.token("ada")
        served.web()
        served.worker()
        taken, refused = [], []
        for number in range(200):
            noise = os.urandom(LARGE).hex().encode()  # does not compress below half
            answer = served.post("ada", served.arena.table(0.6, number) + noise, f"k{number}")
            if answer.status == 202:
                taken.append(answer.json["id"])
            else:
                refused.append(answer)
            if len(refused) == 3:
                break
        assert taken
        assert [answer.status for answer in refused] == [507] * 3, [answer.body for answer in refused]
        assert refused[0].json["code"] == "disk_full"
        assert refused[0].json["error"] == "the server's disk is full"
        assert served.board().status == 200
        assert served.told("ada", taken[0])["state"] in ("queued", "refused")
        filler.unlink()
        good = served.post("ada", served.arena.table(0.9), "after")
        assert good.status == 202
        served.drained()
        assert served.told("ada", good.json["id"])["state"] == "scored"
        assert [row["team"] for row in served.board().json["rows"]] == ["ada"]
        assert sorted(served.ids()) == sorted([*taken, good.json["id"]])
        assert {served.running[name].poll() for name in ("web", "worker")} == {None}
    with sqlite3.connect(small_disk / "server.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
