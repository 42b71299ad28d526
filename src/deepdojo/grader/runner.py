"""Runs a job in a process of its own and follows it to its end: what it sent, what it printed, how it ended.

Linux forks from a warm nursery; elsewhere, and where asked for, a spare process waits with torch loaded and is used
once. Both speak the same protocol.
"""

from __future__ import annotations

import atexit
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from deepdojo.grader.limits import MEMORY_BYTES, WALL_S
from deepdojo.grader.protocol import HEADER, MAX_BYTES, ProtocolError, frame, pack, unpack

__all__ = ["OUTPUT_BYTES", "Mode", "Reply", "Runner", "shared_runner"]

OUTPUT_BYTES = 64 << 10
_GRACE_S = 2.0  # after the wall limit a process may say at which line it was
_START_S = 60.0  # a spare process loads torch, on a machine that may be busy
_CHUNK = 1 << 16

Mode = Literal["fork", "spare"]


@dataclass
class Reply:
    """What came of a job.

    Attributes:
        frames: what the process sent, in order.
        output: the first 64 KiB that it printed.
        done: it came to its end by itself. closed: its end of the pipe is closed, so it is ending.
        exit_code: negative: the signal that ended it; None: it had to be ended.
    """

    frames: list[dict[str, Any]] = field(default_factory=list)
    output: str = ""
    done: bool = False
    closed: bool = False
    exit_code: int | None = None
    seconds: float = 0.0
    wall_s: float = 0.0


class Runner:
    """Gives jobs to processes, one job at a time.

    Args:
        mode: "fork" (Linux) or "spare".
        wall_s, memory_bytes: limits of each job.
    """

    def __init__(self, mode: Mode | None = None, *, wall_s: float = WALL_S, memory_bytes: int = MEMORY_BYTES) -> None:
        self.mode: Mode = mode or ("fork" if sys.platform == "linux" else "spare")
        self.wall_s, self.memory_bytes = wall_s, memory_bytes
        self._lock = threading.Lock()
        self._nursery: Any = None
        self._spare: subprocess.Popen[bytes] | None = None
        self._working: int | None = None  # the process of the job that runs now
        self.warm_up()

    def warm_up(self) -> None:
        """Have the next process ready."""
        if self.mode == "spare" and self._spare is None:
            self._spare = _start_spare()
        elif self.mode == "fork" and self._nursery is None:
            from deepdojo.grader.nursery import Nursery

            self._nursery = Nursery()

    def run(self, job: Mapping[str, Any]) -> Reply:
        """Blocks until the job has ended; nothing of it is left running then."""
        scratch = tempfile.mkdtemp(prefix="dojo-grade-")
        content = {**job, "wall_s": self.wall_s, "memory_bytes": self.memory_bytes, "scratch": scratch}
        try:
            with self._lock:
                self.warm_up()
                reply = self._forked(pack(content)) if self.mode == "fork" else self._spared(pack(content))
                reply.wall_s = self.wall_s
                return reply
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def stop(self) -> None:
        """Ends the job that runs now, from another thread: it comes back as one whose process was killed."""
        pid = self._working
        if pid is not None and not _kill_group(pid):
            with suppress(OSError):  # it has no group yet, or the system knows none
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def close(self) -> None:
        if self._nursery is not None:
            self._nursery.close()
            self._nursery = None
        if self._spare is not None:
            _end_spare(self._spare)
            self._spare = None

    def _forked(self, job: bytes) -> Reply:
        reply_read, reply_write = os.pipe()
        output_read, output_write = os.pipe()
        try:
            self._working = pid = self._begin(job, reply_write, output_write)
        except OSError:
            os.close(reply_read)
            os.close(output_read)
            return Reply()
        finally:
            os.close(reply_write)
            os.close(output_write)
        try:
            return self._follow_child(pid, _Follower(reply_read, output_read))
        except BaseException:  # Ctrl-C: nothing is left running
            _kill_group(pid)
            self._drop_nursery()
            raise

    def _begin(self, job: bytes, reply: int, output: int) -> int:
        try:
            return int(self._nursery.begin(job, reply, output))
        except OSError:  # something ended it between two jobs
            self._drop_nursery()
            self.warm_up()
            return int(self._nursery.begin(job, reply, output))

    def _follow_child(self, pid: int, follower: _Follower) -> Reply:
        reply = follower.follow(self.wall_s + _GRACE_S)
        if reply.done:
            follower.pause_for_exit()
        if reply.closed:  # it is ending, unless it closed the pipe itself
            reply.exit_code = self._nursery.end(1.0)
        if reply.exit_code is None:
            _kill_group(pid)
            reply.exit_code = self._nursery.end(10.0)
        self._working = None
        if reply.exit_code is None:  # the learner's code ended the nursery, too
            self._drop_nursery()
        follower.finish(reply)
        return reply

    def _drop_nursery(self) -> None:
        self._nursery.close()
        self._nursery = None

    def _spared(self, job: bytes) -> Reply:
        process, self._spare = self._spare, None
        assert process is not None
        self._working = process.pid
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        follower = _Follower(os.dup(process.stdout.fileno()), os.dup(process.stderr.fileno()))
        with suppress(OSError):
            process.stdin.write(frame(job))
            process.stdin.close()
        reply = follower.follow(self.wall_s + _GRACE_S, start_s=_START_S)
        if reply.done or reply.closed:
            with suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
        reply.exit_code = process.poll()
        self._working = None
        _end_spare(process)
        follower.finish(reply)
        return reply


class _Follower:
    """Reads both pipes on threads: selectors know no pipes on Windows."""

    def __init__(self, reply: int, output: int) -> None:
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._output = bytearray()
        self._output_thread = threading.Thread(target=self._read_output, args=(output,), daemon=True)
        self._reply_thread = threading.Thread(target=self._read_reply, args=(reply,), daemon=True)
        self._output_thread.start()
        self._reply_thread.start()

    def follow(self, wall_s: float, *, start_s: float = 0.0) -> Reply:
        begun, reply = time.monotonic(), Reply()
        deadline = begun + wall_s + start_s
        while True:
            try:
                got = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if start_s:  # the first frame shows that it runs
                start_s, deadline = 0.0, time.monotonic() + wall_s
            if got is None:
                reply.closed = True
                break
            if got.get("kind") == "done":
                reply.done = True
                break
            reply.frames.append(got)
            if got.get("kind") == "stopped":
                break
        reply.seconds = time.monotonic() - begun
        return reply

    def pause_for_exit(self) -> None:
        """What was printed last may still be in the pipe."""
        self._output_thread.join(0.02)

    def finish(self, reply: Reply) -> None:
        self._output_thread.join(0.5)
        self._reply_thread.join(0.5)
        reply.output = bytes(self._output).decode("utf-8", "replace")

    def _read_output(self, descriptor: int) -> None:
        for part in _parts(descriptor):
            self._output += part[: OUTPUT_BYTES - len(self._output)]

    def _read_reply(self, descriptor: int) -> None:
        held = bytearray()
        for part in _parts(descriptor):
            held += part
            while len(held) >= HEADER.size:
                size = HEADER.unpack_from(held)[0]
                if size > MAX_BYTES:
                    self._queue.put(None)
                    return
                if len(held) < HEADER.size + size:
                    break
                body = bytes(held[HEADER.size : HEADER.size + size])
                del held[: HEADER.size + size]
                self._queue.put(_read_frame(body))
        self._queue.put(None)


def _kill_group(pid: int) -> bool:
    """Whether there was such a group."""
    with suppress(ProcessLookupError, PermissionError, AttributeError):
        os.killpg(pid, signal.SIGKILL)
        return True
    return False


def _read_frame(body: bytes) -> dict[str, Any] | None:
    try:
        value = unpack(body)
    except ProtocolError:
        return None
    return value if isinstance(value, dict) else None


def _parts(descriptor: int) -> Any:
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        while part := pipe.read(_CHUNK):
            yield part


def _start_spare() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "deepdojo.grader.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=os.name == "posix",
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def _end_spare(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


@cache
def shared_runner() -> Runner:
    """The one that this program uses. Ask for it before any check is loaded: its processes then know no answers."""
    runner = Runner()
    atexit.register(runner.close)
    return runner
