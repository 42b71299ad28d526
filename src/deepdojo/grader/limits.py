"""Limits that a learner's process puts on itself before it runs the learner's code."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["FILE_BYTES", "MEMORY_BYTES", "WALL_S", "confine", "die_with_parent", "enter_scratch", "take_orphans"]

WALL_S = 10.0
MEMORY_BYTES = 2 << 30
FILE_BYTES = 16 << 20
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def confine(wall_s: float, memory_bytes: int = MEMORY_BYTES) -> None:
    """CPU time, address space beyond what is mapped now, file size, no core files; where the system knows them."""
    try:
        import resource
    except ImportError:  # Windows: the wall limit alone holds there
        return
    cpu = int(wall_s) + 3  # beyond the wall limit, which can say at which line the code was
    for kind, limit in (("CPU", cpu), ("FSIZE", FILE_BYTES), ("CORE", 0), ("AS", _mapped_bytes() + memory_bytes)):
        if kind == "AS" and sys.platform != "linux":
            continue  # macOS counts the shared cache of the system
        with suppress(ValueError, OSError):
            hard = resource.getrlimit(getattr(resource, f"RLIMIT_{kind}"))[1]
            bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (bound, bound))


def enter_scratch(folder: Path) -> None:
    """An empty folder of its own, so that a file opened by a bare name hits nothing of the learner's."""
    with suppress(OSError):
        os.chdir(folder)


def die_with_parent() -> None:
    """Linux: the process gets SIGKILL when its parent ends, however that ends."""
    _prctl(_PR_SET_PDEATHSIG, 9)


def take_orphans() -> None:
    """Linux: what descendants leave behind becomes this process's child, however it detached itself."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _mapped_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
