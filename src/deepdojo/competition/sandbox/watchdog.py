"""What a tree of processes uses, seen from outside: memory, CPU seconds, disk. Holds where no cgroup can be made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deepdojo.competition.sandbox.limits import Limits, Stopped

__all__ = ["Watchdog"]

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_INODE_BYTES = 1024  # an empty file on a tmpfs costs the kernel about this much, and counts nowhere else
_SPARE_FRAC = 0.02  # of the host's memory: below this, whoever is watched has to go
_DISKS = ("tmp", "dev/shm")


@dataclass
class Watchdog:
    """Looks at the tree under process 1 of a sandbox.

    Attributes:
        root: the host's number of the sandbox's process 1; all others descend from it.
        peak_bytes: the most memory seen.
    """

    root: int
    limits: Limits
    peak_bytes: int = 0
    _disks: list[int] = field(default_factory=list)

    def open_disks(self) -> None:
        """Hold on to the sandbox's two disks, once they are mounted. Raises OSError."""
        for name in _DISKS:
            self._disks.append(os.open(f"/proc/{self.root}/root/{name}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))

    def close(self) -> None:
        while self._disks:
            os.close(self._disks.pop())

    def exceeded(self) -> Stopped | None:
        """The limit that is broken, or None."""
        disk, full = self._disk_use()
        tree = list(_tree(self.root))
        memory = sum(map(_quick_bytes, tree)) + disk
        if memory > self.limits.memory_bytes:  # pages that forks share were counted for each: look closely
            private, shared = (sum(parts) for parts in zip(*map(_shared_out, tree), strict=True))
            memory = private + max(shared, disk)
        self.peak_bytes = max(self.peak_bytes, memory)
        if memory > self.limits.memory_bytes or _host_is_full():
            return "memory"
        if full:
            return "disk"
        return "cpu" if sum(map(_cpu_s, tree)) > self.limits.cpu_s else None

    def _disk_use(self) -> tuple[int, bool]:
        """Bytes on both disks, and whether one holds more than it may with its files counted."""
        total, full = 0, False
        for disk in self._disks:
            now = os.fstatvfs(disk)
            used = (now.f_blocks - now.f_bfree) * now.f_frsize
            files = (now.f_files - now.f_ffree) * _INODE_BYTES
            total += used + files
            full = full or used + files > self.limits.disk_bytes + 64 * _INODE_BYTES
        return total, full


def _tree(root: int) -> Iterator[int]:
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for thread in threads:
            waiting += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())


def _quick_bytes(pid: int) -> int:
    """Anonymous and shared memory by the process's own page tables."""
    total = 0
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith(("RssAnon:", "RssShmem:", "VmSwap:", "VmPTE:")):
            total += int(line.split()[1]) << 10
    return total


def _shared_out(pid: int) -> tuple[int, int]:
    """Private and shared memory, a page of several processes divided among them."""
    text = _read(f"/proc/{pid}/smaps_rollup")
    if not text:  # a program can close this view; then it is counted in full
        return _quick_bytes(pid), 0
    found = {line.split(":")[0]: int(line.split()[1]) << 10 for line in text.splitlines() if line.endswith(" kB")}
    return found.get("Pss_Anon", 0) + found.get("SwapPss", 0), found.get("Pss_Shmem", 0)


def _cpu_s(pid: int) -> float:
    """User and system time, with that of children who were waited for."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS if len(fields) > 15 else 0.0


def _host_is_full() -> bool:
    """Memory that no view of the tree shows (pipes, sockets) fills the host all the same."""
    found = {line.split(":")[0]: int(line.split()[1]) for line in _read("/proc/meminfo").splitlines()[:5]}
    return found.get("MemAvailable", 1) < _SPARE_FRAC * found.get("MemTotal", 1)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
