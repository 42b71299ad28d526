"""The limits that the kernel keeps for each process, as process 1 sets them before the program starts."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path

from deepdojo.competition.sandbox.limits import Limits

__all__ = ["resource_limits"]

_PER_NAMESPACE = (5, 14)  # from this kernel on, RLIMIT_NPROC counts the processes of a user namespace


def resource_limits(limits: Limits) -> list[tuple[int, int]]:
    """(resource, hard and soft value) pairs.

    Addresses are not memory: threads and torch reserve gigabytes that they never touch, so RLIMIT_AS is wide. What is
    writable (RLIMIT_DATA) is held near the limit: one huge allocation is refused politely, before the kill.
    """
    import resource

    return [
        (resource.RLIMIT_AS, 2 * limits.memory_bytes + (4 << 30)),
        (resource.RLIMIT_DATA, limits.memory_bytes + (512 << 20)),
        (resource.RLIMIT_CPU, math.ceil(limits.cpu_s) + 1),  # the watchdog's sum over all comes first, and says so
        (resource.RLIMIT_FSIZE, limits.disk_bytes),
        (resource.RLIMIT_NPROC, limits.processes + 1 + _others()),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ]


def _others() -> int:
    """On an old kernel all threads of the user count; root's sandboxes have uids of their own."""
    version = tuple(int("".join(filter(str.isdigit, part)) or 0) for part in platform.release().split(".")[:2])
    if version >= _PER_NAMESPACE or os.geteuid() == 0:
        return 0
    return sum(_threads(Path("/proc") / name) for name in os.listdir("/proc") if name.isdigit())


def _threads(process: Path) -> int:
    try:
        return len(os.listdir(process / "task")) if process.stat().st_uid == os.geteuid() else 0
    except OSError:
        return 0
