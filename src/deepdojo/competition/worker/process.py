"""The worker's side of a scoring process: started, asked, watched by the wall clock, killed and replaced."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from deepdojo.competition.worker.frames import read_frame, write_frame

__all__ = ["Died", "ScoringLimits", "ScoringProcess"]

_LOOK_S = 0.1
_SECRET = ("PASS", "SECRET", "TOKEN", "KEY", "DATABASE", "PGSERVICE")


@dataclass(frozen=True)
class ScoringLimits:
    """Of each job. Memory and processor time are held where the system can (Linux; macOS the latter alone).

    Attributes:
        custom_wall_s: for a metric of the host's own, which has its own limits inside.
        start_s: until a new process is ready.
    """

    wall_s: float = 60.0
    cpu_s: float = 60.0
    memory_bytes: int = 3 << 30
    custom_wall_s: float = 180.0
    start_s: float = 120.0


class Died(Exception):
    """The scoring process is gone: killed by a limit, or crashed. Its text is for the host."""


@dataclass
class ScoringProcess:
    """One scoring process at a time; a new one takes the place of one that has gone. Not for several threads.

    Attributes:
        program: what is started; tests put hostile ones here.
    """

    limits: ScoringLimits = field(default_factory=ScoringLimits)
    program: tuple[str, ...] = ("-m", "deepdojo.competition.worker.scoring")
    _running: subprocess.Popen[bytes] | None = None
    _deadline: float | None = None
    _late: bool = False
    _watching: threading.Thread | None = None
    _closed: threading.Event = field(default_factory=threading.Event)

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return None if self._running is None else self._running.pid

    def ask(
        self, head: dict[str, Any], body: bytes = b"", *, wall_s: float | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """One message there and its answer.

        Raises:
            Died: no answer came. The next call starts a new process.
        """
        if self._running is None:
            self._start()
            self._exchange(None, b"", self.limits.start_s)
        answer = self._exchange(head, body, wall_s or self.limits.wall_s)
        if answer[0].pop("end", False):
            self.end()
        return answer

    def _exchange(self, head: dict[str, Any] | None, body: bytes, wall_s: float) -> tuple[dict[str, Any], bytes]:
        """Send, unless there is nothing to say, and receive, within the time."""
        running = self._running
        assert running is not None
        assert running.stdin is not None
        assert running.stdout is not None
        self._late = False
        self._deadline = time.monotonic() + wall_s
        try:
            if head is not None:
                write_frame(running.stdin, head, body)  # type: ignore[arg-type]
            answer = read_frame(running.stdout)  # type: ignore[arg-type]
        except (OSError, ValueError):
            answer = None
        finally:
            self._deadline = None
        if answer is None:
            raise Died(self._why_it_ended(wall_s))
        return answer

    def close(self) -> None:
        """End it."""
        self._closed.set()
        self.end()

    def _start(self) -> None:
        told = {name: value for name, value in asdict(self.limits).items() if name in ("cpu_s", "memory_bytes")}
        environment = {
            key: value for key, value in os.environ.items() if not any(word in key.upper() for word in _SECRET)
        }
        self._running = subprocess.Popen(
            [sys.executable, *self.program, json.dumps(told)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        if self._watching is None:
            self._watching = threading.Thread(target=self._watch, name="scoring-clock", daemon=True)
            self._watching.start()

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_S):
            deadline, running = self._deadline, self._running
            if deadline is not None and running is not None and time.monotonic() > deadline:
                self._late = True
                running.kill()

    def _why_it_ended(self, wall_s: float) -> str:
        running, late = self._running, self._late
        if running is None:  # by another thread, since the worker ends
            return "the process was ended"
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(5.0)
        code = running.returncode
        self.end()
        if late:
            return f"scoring took longer than {wall_s:g} s"
        if code is not None and code < 0:
            return f"the scoring process was ended by signal {-code} (24: processor time, 9: memory or from outside)"
        return f"the scoring process ended with exit code {code}"

    def end(self) -> None:
        """End the process; the next question starts another."""
        running, self._running = self._running, None
        if running is None:
            return
        running.kill()
        running.wait()
        pipes: tuple[IO[bytes] | None, ...] = (running.stdin, running.stdout)
        for pipe in pipes:
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
