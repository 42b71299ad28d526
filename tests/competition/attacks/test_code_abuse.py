"""The abuse programs of tests/competition/sandbox/abuse, each sent by HTTP to a real server: stopped, named, gone."""

from __future__ import annotations

import os
import re
import time

import pytest

from tests.competition.attacks.code_room import (
    CANARY,
    GOOD,
    code_room,
    gone_within,
    needs_sandbox,
    seen_by_host,
    shown,
    stdout_of,
    told,
)  # fmt: skip
from tests.competition.sandbox.conftest import ABUSE

needs_sandbox()
# It becomes the abuse program, so that a mark in its command line tells of all that it leaves behind.
_START = """
import os, sys
source = open("/code/abuse.txt").read().replace("/tmp/output/output", sys.argv[2])
os.chdir("/tmp")
open("/tmp/abuse.py", "w").write(source)
os.execv(sys.executable, [sys.executable, "-I", "-B", "/tmp/abuse.py", {mark!r}, *{arguments!r}])
"""
_NOTHING = "there is no table: it is missing"
_MEMORY = "it used more than 256 MiB of memory"
# Program -> what its sender must read (a pattern of the sentence).
TOLD = {
    "read_files": _NOTHING,
    "connect": _NOTHING,
    "vsock": _NOTHING,
    "fork_bomb": _NOTHING,
    "thread_bomb": _NOTHING,
    "memory_one": _MEMORY,
    "memory_huge": _NOTHING,
    "memory_many": _MEMORY,
    "memory_shared": _MEMORY,
    "disk_tmp": f"{_MEMORY}|{_NOTHING}",
    "disk_shm": f"{_MEMORY}|{_NOTHING}",
    "many_files": f"{_MEMORY}|very many files|it took longer than 6 s",
    "sparse_file": _NOTHING,
    "flood": "printed more than 64 MiB",
    "write_outside": _NOTHING,
    "admin_calls": _NOTHING,
    "trace": _NOTHING,
    "secrets": _NOTHING,
    "ignore_signals": "it took longer than 6 s",
    "daemon": _NOTHING,
    "kill_init": _NOTHING,
    "busy_tree": "it used more than 6 CPU seconds|it took longer than 6 s",
    "terminal_and_devices": _NOTHING,
    "foreign_calls": "was ended by a signal|ended with exit code",
    "output_link": "it is a symbolic link",
    "output_fifo": "it is no ordinary file",
    "output_folder": "it is no ordinary file",
    "output_large": "it wrote more than 1 MiB of output",
}
ALWAYS = ("connect", "daemon", "flood", "kill_init", "memory_many", "output_link", "read_files", "secrets")
_SUCCESS = re.compile(r"^(READ|CONNECTED|OPENED|FORKED|STARTED|GOT|MEMFD|WROTE|MADE|ALLOWED|PUSHED)\b", re.MULTILINE)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    with code_room(tmp_path_factory.mktemp("abuse")) as found:
        yield found


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[] if name in ALWAYS else [pytest.mark.slow]) for name in TOLD
])  # fmt: skip
def test_abuse_that_is_sent_is_stopped_named_and_leaves_nothing(room, name):
    mark = f"abuse-{os.getpid()}-{time.monotonic_ns()}"
    answers = str(room.store / "events" / room.event / "private" / "answers.csv")
    arguments = ["/etc/shadow", "/etc"] if name == "output_link" else [answers, str(room.store)]
    start = _START.format(mark=mark, arguments=arguments)
    found = told(room, {"predict.py": start, "abuse.txt": (ABUSE / f"{name}.py").read_text()})
    left = gone_within(mark, 1.0)
    assert not left, f"{name} left processes {left}"
    assert found["state"] == "refused", found
    assert re.search(TOLD[name], found["fault"]["error"]), found["fault"]
    host = seen_by_host(room, found["id"])
    said = stdout_of(host["ran"]["log"])
    assert not _SUCCESS.search(said), said
    assert CANARY not in host["ran"]["log"] + shown(room, found["id"])
    assert host["ran"]["seconds"] < 9
    if _MEMORY in found["fault"]["error"]:
        assert host["ran"]["peak_bytes"] < 2.5 * (256 << 20)


def test_every_abuse_program_is_sent():
    assert {path.stem for path in ABUSE.glob("*.py")} == set(TOLD)


@pytest.mark.slow
def test_after_all_that_an_honest_program_is_scored_and_nothing_cost_quota(room):
    found = told(room, {"predict.py": GOOD}, "ada")
    assert found["state"] == "scored"
    sent = room.api("GET", "/submissions", token=room.join("mallory")).json
    assert all(each["state"] == "refused" for each in sent)
    assert room.api("GET", "/board").json["rows"][0]["team"] == "ada"
