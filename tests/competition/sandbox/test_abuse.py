"""Programs that want out, or too much: each is run for real, what stops it is named, nothing of it stays."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import replace

import pytest

from deepdojo.competition.sandbox import Sandbox
from deepdojo.competition.sandbox.cgroups import parents

from .conftest import ABUSE, SMALL

# Program -> what ends the run, and what it must have printed. A word in capitals is what no program may ever print.
PRINTED = {
    "read_files": (None, r"NotFound\w+ /etc/shadow\n"),
    "connect": (None, r"\A(refused \d+\n){5}\Z"),
    "vsock": (None, r"\A(refused EAFNOSUPPORT\n){3}\Z"),
    "fork_bomb": (None, r"refused 11 after (2\d|3[0-2])\n"),
    "thread_bomb": (None, r"refused after (2\d|3[0-2])\n"),
    "memory_one": ("memory", r""),
    "memory_huge": (None, r"refused"),
    "memory_many": ("memory", r""),
    "memory_shared": ("memory", r"shmget -1\nmemfd refused 38\n"),
    "disk_tmp": (None, r"\AENOSPC 1[56]\n\Z"),
    "disk_shm": (None, r"\AENOSPC /dev/shm 16\nEROFS /dev 0\n\Z"),
    "many_files": ("disk", r""),
    "sparse_file": (None, r"EFBIG"),
    "flood": ("output", r""),
    "write_outside": (None, r"\A((OSError|PermissionError|FileNotFoundError) \S+\n){7}\Z"),
    "admin_calls": (None, r"\A(refused [^\n]+\n){22}\Z"),
    "trace": (None, r"\A(refused \w+\n){3}pids \[1, 2\]\n\Z"),
    "secrets": (None, r"self environ "),
    "ignore_signals": ("wall", r"ready"),
    "daemon": (None, r"gone"),
    "kill_init": (None, r"still here"),
    "busy_tree": ("cpu", r""),
    "terminal_and_devices": (None, r"\Arefused EPERM\n"),
    "foreign_calls": (None, r"\Atrying\n\Z"),
}
SHORT = {
    "ignore_signals": replace(SMALL, wall_s=0.5),
    "busy_tree": replace(SMALL, cpu_s=0.8),
    "many_files": replace(SMALL, disk_bytes=4 << 20),
}


@pytest.mark.parametrize("name", PRINTED)
def test_hostile_program_is_stopped(name, abuse, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://canary-zq7")
    labels = tmp_path / "labels.csv"
    labels.write_text("canary-zq7")
    done = abuse(name, str(labels), str(tmp_path), limits=SHORT.get(name, SMALL))
    said = done.stdout.decode()
    stopped, pattern = PRINTED[name]
    assert done.stopped == stopped, (done.stopped, done.exit_code, said[-300:], done.stderr[-300:])
    assert re.search(pattern, said), said
    assert not re.search(r"^(READ|CONNECTED|OPENED|FORKED|STARTED|GOT|MEMFD|WROTE|MADE|ALLOWED|PUSHED)\b", said, re.M)
    assert b"canary-zq7" not in done.stdout + done.stderr + (done.output or b"")
    assert not (tmp_path / "x").exists()
    assert done.seconds < 8
    if name.startswith("memory"):
        # Without a cgroup what is filled between two looks comes on top.
        assert done.peak_bytes < (1.25 if parents() else 2.5) * SMALL.memory_bytes


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("output_link", ["/etc/shadow"], "it is a symbolic link"),
        ("output_link", ["/proc/self/environ"], "it is a symbolic link"),
        ("output_link", ["/dev/zero"], "it is a symbolic link"),
        ("output_fifo", [], "it is no ordinary file"),
        ("output_folder", [], "it is no ordinary file"),
        ("output_large", [], "it is too large"),
    ],
)
def test_output_is_an_ordinary_small_file_or_nothing(name, arguments, fault, abuse):
    done = abuse(name, *arguments)
    assert (done.output, done.output_fault) == (None, fault)
    assert done.stopped == ("output" if name == "output_large" else None)


def test_every_program_of_the_suite_is_run():
    names = {path.stem for path in ABUSE.glob("*.py")}
    assert names == {*PRINTED, "output_link", "output_fifo", "output_folder", "output_large"}
    assert len(names) >= 24


@pytest.mark.parametrize("name", ["memory_one", "memory_many", "memory_shared"])
def test_watchdog_alone_holds_memory_where_no_cgroup_can_be_made(name, abuse):
    done = abuse(name, by=Sandbox(SMALL, use_cgroup=False))
    assert done.stopped == "memory"
    assert done.peak_bytes < 2.5 * SMALL.memory_bytes


@pytest.mark.parametrize("name", ["vsock", "admin_calls", "trace", "memory_shared"])
def test_without_the_seccomp_filter_this_suite_turns_red(name, abuse):
    """The mutation: each layer above must be seen to be what stops these."""
    done = abuse(name, by=Sandbox(SMALL, _filtered=False), limits=replace(SMALL, wall_s=4))
    assert re.search(r"^(OPENED|ALLOWED|MEMFD)\b", done.stdout.decode(), re.M), done.stdout


def test_nobody_inside_reaches_a_listener_of_the_host(abuse):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0deepdojo-test")
        listener.listen()
        listener.settimeout(0.2)
        done = abuse("connect")
        assert b"CONNECTED" not in done.stdout
        with pytest.raises(TimeoutError):
            listener.accept()


def test_process_one_shows_no_path_of_the_host_but_the_interpreter(abuse, tmp_path):
    said = abuse("secrets", str(tmp_path)).stdout.decode()
    first = next(line for line in said.splitlines() if line.startswith("1 cmdline"))
    assert "bwrap" not in first
    assert str(os.getpid()) not in first.split()
    assert "fd 3" not in said
