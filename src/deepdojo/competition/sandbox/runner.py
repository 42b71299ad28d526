"""`Sandbox.run`: one program, confined, watched, ended, its output taken through a pipe."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from deepdojo.competition.sandbox.cgroups import Group, make_group, parents
from deepdojo.competition.sandbox.descriptors import Descriptors
from deepdojo.competition.sandbox.launch import Launched, launch, output_path
from deepdojo.competition.sandbox.limits import Limits, Outcome, SandboxError, Stopped
from deepdojo.competition.sandbox.mounts import environment
from deepdojo.competition.sandbox.owner import sweep
from deepdojo.competition.sandbox.rlimits import resource_limits
from deepdojo.competition.sandbox.slots import sandbox_uid
from deepdojo.competition.sandbox.watchdog import Watchdog

__all__ = ["Sandbox", "find_bubblewrap"]

_TICK_S = 0.02
_START_S = 30.0  # a machine under load; unconfined code has not run yet
_END_S = 10.0  # to give back memory
_RECORD_BYTES = 4096
_RECORD = re.compile(r"(-?\d{1,3})\t(\d{1,12})\t(.*)")
_FAULTS = ("it is missing", "it is a symbolic link", "it is no ordinary file", "it cannot be read")
_CHUNK = 1 << 16


def find_bubblewrap() -> str:
    """The path of bwrap. Raises SandboxError where it cannot run."""
    if sys.platform != "linux":
        raise SandboxError(
            f"there is no sandbox on {sys.platform}", todo="host code competitions on Linux with bubblewrap"
        )
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxError("bubblewrap is not installed", todo="install it (apt install bubblewrap)")
    return found


@cache
def _sweep_once() -> int:
    return sweep(parents())


@dataclass(frozen=True)
class Sandbox:
    """Runs programs that nobody trusts: no network, no file of the host but the interpreter's and the inputs'.

    As root each run takes a uid that no other has; as another user it keeps that user's, which sees no file of his.

    Attributes:
        limits: of each run that gives none of its own.
        use_cgroup: hold memory and processes by a control group too, where one can be made.
    """

    limits: Limits = field(default_factory=Limits)
    use_cgroup: bool = True
    _filtered: bool = field(default=True, repr=False)  # off in the tests that show what the filter is for

    def run(
        self,
        command: Sequence[str],
        *,
        binds: Mapping[str, Path] | None = None,
        files: Mapping[str, bytes] | None = None,
        output: str = "output",
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str = "/tmp",
    ) -> Outcome:
        """Run one program to its end, or to the end of a limit; blocks, and leaves nothing running.

        Args:
            command: program (absolute) and arguments, as seen inside.
            binds: absolute path inside -> file or folder of the host, read-only. Root's sandboxes get a copy of what
                not everybody may read.
            files: absolute path inside -> content.
            output: name of the file in `/tmp/output` that the program leaves.
            env: further environment variables.

        Raises:
            SandboxError: when the sandbox cannot start; the program has not run then.
        """
        bwrap = find_bubblewrap()
        _sweep_once()
        limits = limits or self.limits
        plan = {
            "command": list(command), "env": environment() | dict(env or {}), "cwd": cwd, "file": output_path(output),
            "output_bytes": limits.output_bytes, "limits": resource_limits(limits),
        }  # fmt: skip
        begun = time.monotonic()
        with ExitStack() as stack:
            uid = stack.enter_context(sandbox_uid())
            opened = stack.enter_context(Descriptors())
            group = make_group(limits.memory_bytes, limits.processes) if self.use_cgroup else None
            if group is not None:
                stack.callback(group.remove)
            given = launch(stack, opened, bwrap, plan, binds or {}, files or {}, limits, uid, filtered=self._filtered)
            watched = _Run(given, opened, limits, group, begun)
            stack.callback(watched.end)
            return watched.follow()


class _Run:
    """One run from bubblewrap's start to its end."""

    def __init__(self, given: Launched, opened: Descriptors, limits: Limits, group: Group | None, begun: float) -> None:
        self._given, self._opened, self._limits, self._group, self._begun = given, opened, limits, group, begun
        kept = limits.kept_bytes
        self._tails = {
            given.info: _Tail(_RECORD_BYTES), given.status: _Tail(_RECORD_BYTES), given.stdout: _Tail(kept),
            given.stderr: _Tail(kept), given.output: _Tail(limits.output_bytes + 1),
        }  # fmt: skip
        self._poll = select.poll()
        for each in self._tails:
            self._poll.register(each, select.POLLIN)
        self._reading = set(self._tails)
        self._handle = -1
        self._watchdog: Watchdog | None = None

    def follow(self) -> Outcome:
        self._start()
        started = time.monotonic()
        stopped = self._watch(started + self._limits.wall_s)
        seconds = time.monotonic() - started
        self.end()
        self._drain()
        return self._outcome(stopped, seconds, started - self._begun)

    def end(self) -> None:
        """Kill the process namespace through its first process, and wait until all of it is gone."""
        if self._handle >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            gone = select.poll()
            gone.register(self._handle, select.POLLIN)
            gone.poll(_END_S * 1000)
            self._opened.close(self._handle)
            self._handle = -1
        else:
            self._given.process.kill()  # of a start that failed; what it started dies with it
        try:
            self._given.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._given.process.kill()
            self._given.process.wait()
        if self._watchdog is not None:
            self._watchdog.close()

    def _start(self) -> None:
        """The first process is put into its group before it has read a line, and goes on when it is watched."""
        deadline = time.monotonic() + _START_S
        info = self._tails[self._given.info]
        while b"}" not in info.data:  # bubblewrap writes it piece by piece
            self._wait_for_start(deadline, self._given.info)
        child = int(json.loads(bytes(info.data))["child-pid"])
        try:
            handle = os.pidfd_open(child)
            self._opened.keep(handle)
            if _parent_of(child) != self._given.process.pid:
                raise ProcessLookupError
            self._handle = handle
            if self._group is not None:
                self._group.add(child)
        except OSError:
            raise self._failed() from None
        status = self._tails[self._given.status]
        while b"\n" not in status.data:
            self._wait_for_start(deadline, self._given.status)
        status.data.clear()
        self._watchdog = Watchdog(child, self._limits)
        with suppress(OSError):  # the self-test finds out
            self._watchdog.open_disks()
        os.write(self._given.go, b"g")

    def _wait_for_start(self, deadline: float, needed: int) -> None:
        if needed not in self._reading or time.monotonic() > deadline:
            raise self._failed()
        self._read(100)

    def _failed(self) -> SandboxError:
        self.end()
        self._drain()
        said = bytes(self._tails[self._given.stderr].data).decode("utf-8", "replace").strip().splitlines()
        return SandboxError(f"the sandbox does not start ({said[-1] if said else 'bubblewrap ended'})")

    def _watch(self, deadline: float) -> Stopped | None:
        assert self._watchdog is not None
        pause, next_look = _TICK_S, time.monotonic() + _TICK_S
        status = self._tails[self._given.status]
        while self._given.status in self._reading and b"\n" not in status.data:
            now = time.monotonic()
            if now > deadline:
                return "wall"
            if now >= next_look:
                broken = self._watchdog.exceeded()
                if broken or (self._group is not None and self._group.out_of_memory):
                    return broken or "memory"
                # A look at many processes costs: never more than a tenth of a core.
                pause = max(_TICK_S, 10 * (time.monotonic() - now))
                next_look = now + pause
            self._read(1000 * max(0.0, min(next_look, deadline) - now))
            if self._too_much():
                return "output"
        return None

    def _too_much(self) -> bool:
        printed = self._tails[self._given.stdout].total + self._tails[self._given.stderr].total
        output = self._tails[self._given.output].total
        return printed > self._limits.printed_bytes or output > self._limits.output_bytes

    def _read(self, timeout_ms: float) -> None:
        for descriptor, _ in self._poll.poll(timeout_ms):
            try:
                data = os.read(descriptor, _CHUNK)
            except BlockingIOError:
                continue
            if data:
                self._tails[descriptor].add(data)
            else:
                self._poll.unregister(descriptor)
                self._reading.discard(descriptor)

    def _drain(self) -> None:
        """What is left in the pipes; nobody writes any more."""
        deadline = time.monotonic() + 1
        while self._reading and time.monotonic() < deadline:
            self._read(100)

    def _outcome(self, stopped: Stopped | None, seconds: float, start_s: float) -> Outcome:
        output = self._tails[self._given.output]
        exit_code, claimed_bytes, fault = _record(bytes(self._tails[self._given.status].data))
        if stopped is None and self._too_much():
            stopped = "output"
        if stopped is None:
            stopped = self._cause(exit_code)
        if exit_code is None or stopped is not None:
            fault = "it was not written" if stopped != "output" else "it is too large"
        assert self._watchdog is not None
        peak = max(self._watchdog.peak_bytes, self._group.peak_bytes if self._group is not None else 0)
        return Outcome(
            exit_code, bytes(self._tails[self._given.stdout].data), bytes(self._tails[self._given.stderr].data),
            None if fault else bytes(output.data), fault or None, stopped, seconds,
            peak or min(claimed_bytes, self._limits.memory_bytes), start_s,
        )  # fmt: skip

    def _cause(self, exit_code: int | None) -> Stopped | None:
        if self._group is not None and self._group.out_of_memory:
            return "memory"
        by_signal: dict[int | None, Stopped] = {
            None: "killed", -signal.SIGKILL: "killed", -signal.SIGXCPU: "cpu", -signal.SIGXFSZ: "disk",
        }  # fmt: skip
        return by_signal.get(exit_code)


class _Tail:
    """The last `kept` bytes of a stream, and how many there were."""

    def __init__(self, kept: int) -> None:
        self.data, self.total, self._kept = bytearray(), 0, kept

    def add(self, data: bytes) -> None:
        self.total += len(data)
        self.data += data
        if len(self.data) > self._kept:
            del self.data[: len(self.data) - self._kept]


def _record(line: bytes) -> tuple[int | None, int, str]:
    """Exit code, peak bytes and fault of the output, as process 1 says. A program can forge it, about itself alone: so
    each is one of few values, and none can carry to the sender what the program has read."""
    found = _RECORD.fullmatch(line.decode("utf-8", "replace").split("\n")[0])
    if found is None or abs(int(found[1])) > 255:
        return None, 0, ""
    fault = found[3]
    return int(found[1]), int(found[2]) << 10, fault if fault in ("", *_FAULTS) else _FAULTS[-1]


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
