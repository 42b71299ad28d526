"""How long a learner waits: from a file's save to its verdict in a terminal, and how much memory `dojo learn` takes.

    python benchmarks/verdicts.py                    every lesson, 7 saves each
    python benchmarks/verdicts.py a2-softmax --saves 21

A real `dojo learn` at a pseudo-terminal (POSIX). The file is replaced as editors do it; right and wrong answers (the
lesson's solution and its mistakes) take turns. The clock runs from the rename to the first byte of the verdict. The
first verdict of a lesson is not counted: its cases may still be drawn.
"""

from __future__ import annotations

import argparse
import fcntl
import itertools
import os
import pty
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deepdojo.grader.lessons import Lesson, all_lessons, find_lesson
from deepdojo.grader.loading import load_check, mutated

WAIT_S = 120.0


class Watch:
    """`dojo learn LESSON` in a folder, read byte by byte."""

    def __init__(self, folder: Path, lesson: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.seen = ""
        environment = {**os.environ, "TERM": "dumb", "LANG": "en_US.UTF-8", "PYTHONUTF8": "1"}
        command = [sys.executable, "-m", "deepdojo.cli", "learn", lesson]
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):
            while data := os.read(self._ours, 65536):
                self.seen += data.decode("utf-8", "replace")

    def until(self, pattern: str, since: int) -> float:
        """The moment at which it was there."""
        end = time.perf_counter() + WAIT_S
        while not re.search(pattern, self.seen[since:]):
            if time.perf_counter() > end or self.process.poll() is not None:
                raise SystemExit(f"{pattern!r} did not come:\n{self.seen[since:]}")
            time.sleep(0.001)
        return time.perf_counter()

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._ours)


@contextmanager
def watching(lesson: Lesson) -> Iterator[tuple[Watch, Path, float]]:
    """The watch, the learner's folder, and the seconds until the lesson's text and until a verdict could be given."""
    with tempfile.TemporaryDirectory() as name:
        begun = time.perf_counter()
        watch = Watch(Path(name), lesson.id)
        try:
            watch.until("q quit", 0)
            yield watch, Path(name), time.perf_counter() - begun
        finally:
            watch.close()


def answers(lesson: Lesson) -> list[str]:
    """The solution before each mistake that is an edit of it."""
    wrong = [mutated(lesson.solution, m) for m in load_check(lesson).mutants if m.edits]
    return list(itertools.chain.from_iterable((lesson.solution, each) for each in wrong)) or [lesson.solution]


def measured(lesson: Lesson, saves: int) -> tuple[list[float], float, int]:
    """Seconds from save to verdict, seconds until ready, bytes (proportional set size of all its processes)."""
    texts = itertools.cycle(answers(lesson))
    times = []
    with watching(lesson) as (watch, folder, ready_s):
        file = folder / f"{lesson.id.replace('-', '_')}.py"
        for number in range(saves + 1):
            since, temporary = len(watch.seen), folder / ".temporary"
            temporary.write_text(f"{next(texts)}# {number}\n", encoding="utf-8")
            begun = time.perf_counter()
            temporary.replace(file)
            times.append(watch.until("[✓✗] ", since) - begun)
            time.sleep(0.3)
        return times[1:], ready_s, _memory(watch.process.pid)


def _memory(session: int) -> int:
    total = 0
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if int((each / "stat").read_text().rpartition(")")[2].split()[3]) == session or _parent_in(each, session):
                found = re.search(r"^Pss:\s+(\d+) kB", (each / "smaps_rollup").read_text(), re.MULTILINE)
                total += int(found[1]) * 1024 if found else 0
    return total


def _parent_in(process: Path, session: int) -> bool:
    """The warm process has a session of its own: it is told by its parent."""
    return int((process / "stat").read_text().rpartition(")")[2].split()[1]) == session


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("lessons", nargs="*")
    parser.add_argument("--saves", type=int, default=7)
    given = parser.parse_args()
    every: list[float] = []
    print(f"{'lesson':24} {'median s':>9} {'worst s':>8} {'ready s':>8} {'MiB':>5}")
    for lesson in [find_lesson(each) for each in given.lessons] or all_lessons():
        times, ready_s, size = measured(lesson, given.saves)
        every += times
        print(f"{lesson.id:24} {statistics.median(times):9.3f} {max(times):8.3f} {ready_s:8.1f} {size >> 20:5}")
    print(f"{'all':24} {statistics.median(every):9.3f} {max(every):8.3f}   {len(every)} saves")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
