"""Linux: a warm process that forks one child for each job, so that a verdict does not wait for torch to load.

It is begun before any check is read, so no child's memory holds an oracle, and it takes in what children leave behind.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from deepdojo.grader.limits import confine, die_with_parent, enter_scratch, take_orphans
from deepdojo.grader.protocol import HEADER, frame, unpack

__all__ = ["Nursery", "serve"]


class Nursery:
    """The parent's end. One job at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line, self._process = ours, None
        if _may_fork():
            self._pid = _fork(ours, theirs)
        else:
            command = [sys.executable, "-m", "deepdojo.grader.nursery", str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
            self._pid = self._process.pid
        theirs.close()

    def begin(self, job: bytes, reply: int, output: int) -> int:
        """Forks a child for a job. Returns its process id. Raises OSError when the nursery is gone."""
        socket.send_fds(self._line, [b"J"], [reply, output])
        self._line.sendall(frame(job))
        return HEADER.unpack(_receive(self._line, HEADER.size))[0]

    def end(self, timeout_s: float) -> int | None:
        """The child's exit code (negative: a signal) once it and all that it started are gone; None: no answer."""
        self._line.settimeout(timeout_s)
        try:
            return int.from_bytes(_receive(self._line, 4), "big", signed=True)
        except OSError:
            return None
        finally:
            self._line.settimeout(None)

    def close(self) -> None:
        with suppress(OSError):
            self._line.shutdown(
                socket.SHUT_RDWR
            )  # a nursery begun later holds a copy of this end: closing is not enough
        self._line.close()
        if self._process is not None:
            self._process.wait()
        else:
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)


def serve(line: socket.socket) -> None:
    """The nursery itself: fork, wait, sweep, until the parent hangs up."""
    from deepdojo.grader.child import warm_up

    torch.set_num_threads(1)
    warm_up()
    take_orphans()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    while True:
        head, descriptors, _, _ = socket.recv_fds(line, 1, 2)
        if not head:
            return
        job = _receive(line, HEADER.unpack(_receive(line, HEADER.size))[0])
        pid = os.fork()
        if pid == 0:
            _child(job, descriptors)
        for each in descriptors:
            os.close(each)
        line.sendall(HEADER.pack(pid))
        _, status = os.waitpid(pid, 0)
        _sweep(pid)
        line.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))


def _child(job: bytes, descriptors: Sequence[int]) -> None:
    code = 1
    try:
        os.setsid()
        die_with_parent()
        reply, output = descriptors
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, each in ((0, nothing), (1, output), (2, output)):
            os.dup2(each, number)
        os.closerange(3, reply)  # files of the parent are none of the learner's
        os.closerange(reply + 1, 1024)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        for name in ("stdout", "stderr"):
            stream = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        from deepdojo.grader.child import answer

        content = unpack(job)
        enter_scratch(Path(content["scratch"]))
        confine(content["wall_s"], content["memory_bytes"])
        answer(content, reply)
        sys.stdout.flush()
        code = 0
    finally:
        os._exit(code)


def _sweep(pid: int) -> None:
    """End the child's group, and whatever left it: orphans are this process's children now."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for _ in range(5000):
        for each in _children():
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)  # a killed one's children arrive a moment later


def _children() -> list[int]:
    me = str(os.getpid())
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            with suppress(OSError):
                if (each / "stat").read_text().rpartition(")")[2].split()[1] == me:
                    found.append(int(each.name))
    return found


def _may_fork() -> bool:
    """A fork copies one thread and no device context: with others about, a fresh process is begun instead."""
    return threading.active_count() == 1 and not torch.cuda.is_initialized()


def _fork(ours: socket.socket, theirs: socket.socket) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of libraries, which hold no lock of Python's
        pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()  # Ctrl-C is the parent's
        ours.close()
        _close_terminal()
        serve(theirs)
    finally:
        os._exit(0)


def _close_terminal() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


def _receive(line: socket.socket, size: int) -> bytes:
    parts: list[Any] = []
    while size:
        part = line.recv(min(size, 1 << 20))
        if not part:
            raise ConnectionError("the nursery is gone")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def main() -> None:
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
