"""A sandbox where there can be one, and what is left running of it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deepdojo.competition.sandbox import Limits, Outcome, Sandbox, SandboxError

ABUSE = Path(__file__).parent / "abuse"
SMALL = Limits(
    wall_s=10, cpu_s=8, memory_bytes=160 << 20, processes=32, disk_bytes=16 << 20, output_bytes=1 << 20,
    printed_bytes=8 << 20,
)  # fmt: skip


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """Skips where none can start; a sandbox that starts and is not whole must fail its tests."""
    if sys.platform != "linux" or shutil.which("bwrap") is None:
        pytest.skip("needs Linux with bubblewrap (bwrap)")
    made = Sandbox(SMALL)
    try:
        made.run(["/bin/true"])
    except SandboxError as error:
        pytest.skip(f"no sandbox can start here: {error}")
    return made


@pytest.fixture
def abuse(sandbox: Sandbox) -> Callable[..., Outcome]:
    """`abuse(name, *arguments)` runs one hostile program; afterwards nothing of it may run for a second."""
    token = f"abuse-{os.getpid()}-{time.monotonic_ns()}"

    def run(name: str, *arguments: str, by: Sandbox = sandbox, limits: Limits = SMALL) -> Outcome:
        program = f"/input/{name}.py"
        done = by.run(
            [sys.executable, "-I", "-B", program, token, *arguments],
            files={program: (ABUSE / f"{name}.py").read_bytes()}, limits=limits,
        )  # fmt: skip
        deadline = time.monotonic() + 1
        while (left := running(token)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left, f"{name} left processes {left}"
        return done

    return run


def running(token: str) -> list[int]:
    """Processes with this text in their command line; a fork keeps its parent's."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and token.encode() in Path(f"/proc/{entry}/cmdline").read_bytes():
                found.append(int(entry))
        except OSError:
            continue
    return found
