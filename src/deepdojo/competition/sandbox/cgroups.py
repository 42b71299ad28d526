"""A control group for each sandbox, where this process may make one: the kernel's own hold on memory and processes.

Version 2 where the memory and pids controllers are delegated to us (under systemd: `Delegate=yes` with
`DelegateSubgroup=`), version 1 where root has them. Elsewhere the watchdog alone holds memory.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepdojo.competition.sandbox.owner import mark

__all__ = ["Group", "make_group", "parents"]

_ROOT = Path("/sys/fs/cgroup")
_NUMBER = itertools.count()


@dataclass(frozen=True)
class Group:
    """The folders of one sandbox's group: one (version 2), or one for each controller (version 1)."""

    memory: Path
    pids: Path
    version: int

    def add(self, pid: int) -> None:
        """Put a process there; what it forks from now on is there, too. Raises OSError."""
        for folder in {self.memory, self.pids}:
            (folder / "cgroup.procs").write_text(str(pid))

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel has ended a process of it for want of memory."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        return any(line.split()[0] == "oom_kill" and line.split()[1] != "0" for line in _lines(self.memory / name))

    @property
    def peak_bytes(self) -> int:
        name = "memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"
        return int(next(iter(_lines(self.memory / name)), "0"))

    def remove(self) -> None:
        for folder in {self.memory, self.pids}:
            with suppress(OSError):
                folder.rmdir()


def make_group(memory_bytes: int, processes: int) -> Group | None:
    """A new group with its limits, or None where we may not make one."""
    where = parents()
    if not where:
        return None
    name = f"{mark()}-{next(_NUMBER)}"
    group = Group(where[0] / name, where[-1] / name, 2 if len(where) == 1 else 1)
    try:
        for folder in dict.fromkeys((group.memory, group.pids)):
            folder.mkdir()
        if group.version == 2:
            (group.memory / "memory.max").write_text(str(memory_bytes))
            _try_write(group.memory / "memory.swap.max", "0")
        else:
            (group.memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
            _try_write(group.memory / "memory.memsw.limit_in_bytes", str(memory_bytes))
        (group.pids / "pids.max").write_text(str(processes + 1))  # process 1 is ours
    except OSError:
        group.remove()
        return None
    return group


@cache
def parents() -> tuple[Path, ...]:
    """Where groups can be made: one folder (version 2), memory's and pids' (version 1), or nothing.

    Below our own group, so that limits on the server hold for its sandboxes, too.
    """
    own: dict[str, str] = {}
    for line in _lines(Path("/proc/self/cgroup")):
        _, names, path = line.split(":", 2)
        own.update(dict.fromkeys(names.split(","), path))
    unified = _ROOT / own.get("", "/").lstrip("/")
    for folder in (unified, unified.parent):
        given = next(iter(_lines(folder / "cgroup.subtree_control")), "").split()
        if {"memory", "pids"} <= set(given) and os.access(folder, os.W_OK):
            return (folder,)
    both = tuple(_ROOT / name / own.get(name, "/").lstrip("/") for name in ("memory", "pids"))
    return both if all(os.access(folder / "cgroup.procs", os.W_OK) for folder in both) else ()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _try_write(path: Path, value: str) -> None:
    with suppress(OSError):  # no swap accounting in this kernel
        path.write_text(value)
