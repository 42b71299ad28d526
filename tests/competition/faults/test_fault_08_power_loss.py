"""What a power cut would leave: copies of the files at random moments open and hold every 202 older than the copy, and
no 202 leaves before what it promises was handed to the disk.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepdojo.competition.database.engine import open_database
from tests.competition.faults.processes import Site, site
from tests.competition.faults.under_fire import children, sending

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
FILES = ("server.sqlite", "server.sqlite-wal", "server.sqlite-shm")


def stand_still(served: Site) -> list[int]:
    """Stop all that writes, at once; a copy of several files is of one moment then, as a disk is when power goes."""
    pids = [process.pid for process in served.running.values()]
    for pid in pids:
        served.hold(pid)
    return pids


def test_fault_08_copies_at_random_moments_open_and_hold_what_was_acknowledged(tmp_path: Path):
    draws = random.Random(5)
    copies: list[tuple[Path, set[str]]] = []
    with site(str(tmp_path / "server.sqlite"), tmp_path) as served:
        served.web()
        served.worker()
        with sending(served, 3, 0.0) as senders:
            for number in range(8):
                time.sleep(draws.uniform(0.05, 0.4))
                pids = stand_still(served)
                older = {name for sender in senders for name in dict(sender.acknowledged).values()}
                place = tmp_path / f"copy {number}"
                place.mkdir()
                for name in FILES[: 2 if number % 2 else 3]:  # the third is rebuilt where it is missing
                    if (tmp_path / name).exists():
                        shutil.copyfile(tmp_path / name, place / name)
                copies.append((place, older))
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
    assert len(copies[-1][1]) > 3
    for place, older in copies:
        with sqlite3.connect(place / "server.sqlite") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            there = {name for (name,) in connection.execute("SELECT public_id FROM submissions")}
            payloads = connection.execute("SELECT count(*) FROM payloads").fetchone()[0]
            jobs = connection.execute("SELECT count(*) FROM jobs WHERE kind = 'score'").fetchone()[0]
        connection.close()
        assert older <= there
        assert payloads == jobs == len(there)  # an accept is there whole


def test_fault_08_every_connection_waits_for_the_disk(tmp_path: Path):
    """NORMAL would give an answer that a power cut takes back."""
    database = open_database(tmp_path / "server.sqlite")
    with database.write() as one, database.read() as other:
        for connection in (one, other):
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    database.close()


def test_fault_08_no_202_leaves_before_the_log_is_on_the_disk(tmp_path: Path):
    """Seen by the system calls of the server: between the last write to SQLite's log and the answer stands a sync."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    with site(str(tmp_path / "server.sqlite"), tmp_path) as served:
        served.token("ada")
        web = served.web()
        assert not children(web.pid)
        seen = tmp_path / "calls"
        calls = "trace=pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg"
        tracing = subprocess.Popen(
            ["strace", "-f", "-y", "-s", "40", "-e", calls, "-o", str(seen), "-p", str(web.pid)],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert tracing.stderr is not None
            if "attached" not in tracing.stderr.readline():
                pytest.skip("processes may not be traced here")
            for number in range(5):
                assert served.post("ada", served.arena.table(0.5, number), f"k{number}").status == 202
        finally:
            tracing.send_signal(signal.SIGINT)
            tracing.communicate(timeout=20)
        answers, unsynced = 0, 0
        for line in seen.read_text(errors="replace").splitlines():
            if re.search(r"pwrite64\(\d+<[^>]*-wal>", line):
                unsynced += 1
            elif re.search(r"f(data)?sync\(\d+<[^>]*-wal>", line):
                unsynced = 0
            elif "HTTP/1.1 202" in line:
                answers += 1
                assert unsynced == 0, line
        assert answers == 5
