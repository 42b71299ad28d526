"""What a program in the sandbox may use, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from deepdojo.errors import DojoError, UsageError

__all__ = ["Limits", "Outcome", "SandboxError", "Stopped"]

Stopped = Literal["wall", "cpu", "memory", "output", "disk", "killed"]


class SandboxError(DojoError):
    """The sandbox itself could not start: the host's to mend, never the entrant's."""


@dataclass(frozen=True)
class Limits:
    """The limits of one run. All hold for the whole tree of processes, but where it says otherwise.

    Attributes:
        wall_s: seconds on the clock.
        cpu_s: CPU seconds, summed over all processes.
        memory_bytes: memory of all processes and of what they wrote (`/tmp` lies in memory).
        processes: processes and threads at a time; numpy and torch start one thread a core.
        disk_bytes: what `/tmp` holds, where the output lies too, each file counted as 1 KiB more; `/dev/shm` as much.
        open_files: file descriptors of one process.
        output_bytes: the output file.
        printed_bytes: stdout and stderr together; more of it ends the run.
        kept_bytes: the last bytes of stdout, and of stderr, that are kept.
    """

    wall_s: float = 60.0
    cpu_s: float = 60.0
    memory_bytes: int = 1 << 30
    processes: int = 64
    disk_bytes: int = 64 << 20
    open_files: int = 256
    output_bytes: int = 16 << 20
    printed_bytes: int = 64 << 20
    kept_bytes: int = 64 << 10

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not value > 0:
                raise UsageError(f"{each.name} is {value!r}, not above 0", where="the limits of the sandbox")


@dataclass(frozen=True)
class Outcome:
    """What a run left. Everything but `stopped` and `seconds` is the program's own word.

    Attributes:
        exit_code: of the program; negative: the signal that ended it; None: it was stopped from outside.
        stdout, stderr: the last `kept_bytes` of each.
        output: the bytes of the output file, or None where there is none.
        output_fault: why there is none, or None.
        stopped: the limit that ended the run; "killed": a signal from nowhere; None: it ended by itself.
        seconds: wall time from the program's start to its end.
        peak_bytes: the most memory that was seen (every 20 ms, or by the cgroup).
        start_s: seconds from the call to the program's start.
    """

    exit_code: int | None
    stdout: bytes
    stderr: bytes
    output: bytes | None
    output_fault: str | None
    stopped: Stopped | None
    seconds: float
    peak_bytes: int
    start_s: float

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and self.stopped is None
