"""Is the sandbox whole on this machine? Found out by trying, since every layer depends on kernel and configuration."""

from __future__ import annotations

import json
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

from deepdojo.competition.sandbox.limits import Limits, Outcome, SandboxError
from deepdojo.competition.sandbox.mounts import environment
from deepdojo.competition.sandbox.runner import Sandbox, find_bubblewrap
from deepdojo.competition.sandbox.syscalls import MACHINES

__all__ = ["examine", "self_test"]

_LIMITS = Limits(wall_s=20, cpu_s=10, memory_bytes=128 << 20, processes=24, disk_bytes=4 << 20, open_files=64)
_FAMILIES = (2, 10, 16, 17, 40)  # IPv4, IPv6, netlink, raw packets, vsock
_REFUSED = (
    "ptrace", "unshare", "mount", "setns", "bpf", "keyctl", "userfaultfd", "perf_event_open", "io_uring_setup",
    "process_vm_readv", "clone3", "memfd_create", "open_by_handle_at", "pidfd_getfd",
)  # fmt: skip
_FAULTS = {
    "user": "a program inside is root",
    "capabilities": "a program inside keeps capabilities",
    "privileges": "a program inside can gain privileges by set-user-id files",
    "filter": "the seccomp filter is not in force",
    "sockets": "a program inside can open sockets other than AF_UNIX",
    "calls": "a program inside can make system calls that the filter should refuse",
    "network": "a program inside sees network interfaces of the host",
    "processes": "a program inside sees processes of the host",
    "environment": "a program inside sees environment variables of the host",
    "writing": "a program inside can write outside of its own disk",
    "host files": "a program inside sees files of the host",
    "disk": "the sandbox's disks have no size limit",
    "files": "the limit of open files does not hold",
    "threads": "the limit of processes does not hold",
}
_HUNGRY = "import time\nkept = []\nwhile True:\n    kept.append(bytearray(4 << 20))\n    time.sleep(0.002)\n"
_STUBBORN = """
import os, signal, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
if os.fork() == 0:
    os.setsid()
time.sleep(3600)
"""


def self_test() -> list[str]:
    """What is missing or not whole, one sentence each; empty: code may run. Tried once a process, in about a second."""
    return list(_tested())


@cache
def _tested() -> tuple[str, ...]:
    return tuple(examine(Sandbox()))


def examine(sandbox: Sandbox) -> list[str]:
    """`self_test` of a given sandbox."""
    try:
        find_bubblewrap()
        if platform.machine() not in MACHINES:
            return [f"no seccomp filter is known for {platform.machine()}"]
        with ThreadPoolExecutor(3) as pool:  # each thread lives until its sandbox has ended, as --die-with-parent wants
            found = [pool.submit(check, sandbox) for check in (_confined, _memory_held, _ended)]
            return [fault for each in found for fault in each.result()]
    except SandboxError as error:
        return [str(error)]


def _confined(sandbox: Sandbox) -> list[str]:
    numbers = MACHINES[platform.machine()].numbers
    plan = {
        "families": _FAMILIES, "refused": [numbers[name] for name in _REFUSED], "disk_bytes": _LIMITS.disk_bytes,
        "environment": [*environment(), "PWD", "LC_CTYPE"], "processes": _LIMITS.processes,
        "open_files": _LIMITS.open_files, "output": "/tmp/output/found.json",
    }  # fmt: skip
    probe = Path(__file__).with_name("probe.py")
    done = sandbox.run(
        [sys.executable, "-I", "-S", "-B", "/input/probe.py", json.dumps(plan)],
        files={"/input/probe.py": probe.read_bytes()}, output="found.json", limits=_LIMITS,
    )  # fmt: skip
    try:
        found = json.loads(done.output or b"")
        return [sentence for name, sentence in _FAULTS.items() if found[name] is not True]
    except (ValueError, KeyError, TypeError):
        return [f"Python does not run inside ({_last_line(done)})"]


def _memory_held(sandbox: Sandbox) -> list[str]:
    done = sandbox.run([sys.executable, "-I", "-S", "-c", _HUNGRY], limits=replace(_LIMITS, memory_bytes=48 << 20))
    held = done.stopped == "memory" and done.peak_bytes < 96 << 20
    return [] if held else [f"the limit of memory does not hold ({_last_line(done)})"]


def _ended(sandbox: Sandbox) -> list[str]:
    done = sandbox.run([sys.executable, "-I", "-S", "-c", _STUBBORN], limits=replace(_LIMITS, wall_s=0.3))
    held = done.stopped == "wall" and done.seconds < 5
    return [] if held else [f"a program that ignores signals is not ended ({_last_line(done)})"]


def _last_line(done: Outcome) -> str:
    lines = done.stderr.decode("utf-8", "replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return said[:200] or f"exit code {done.exit_code}, stopped by {done.stopped}"
