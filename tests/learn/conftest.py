"""`dojo learn` in a process and a terminal of its own: what is pressed, what is seen."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

RIGHT = "def softmax(x, dim):\n    e = (x - x.amax(dim, keepdim=True)).exp()\n    return e / e.sum(dim, keepdim=True)\n"
LAST_AXIS = RIGHT.replace("e = (", "dim = -1\n    e = (")
WAIT_S = 90.0  # a busy machine loads torch in twenty seconds


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS", "NO_COLOR")}
    own = {"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "TERM": "xterm", "LANG": "en_US.UTF-8",
           "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", "DEEPDOJO_CONFIG": str(home / "config")}  # fmt: skip
    return {**kept, **own, **more}


class Run:
    """What a command without a terminal said."""

    def __init__(self, folder: Path, *words: str, keys: str = "", **more: str) -> None:
        command = [sys.executable, "-m", "deepdojo.cli", "learn", *words]
        done = subprocess.run(command, cwd=folder, env=environment(folder.parent, **more), input=keys.encode(),
                              capture_output=True, timeout=2 * WAIT_S)  # fmt: skip
        self.code, self.out, self.err = done.returncode, done.stdout.decode(), done.stderr.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    """A watch at a pseudo-terminal."""

    def __init__(self, folder: Path, *words: str, columns: int = 80, **more: str) -> None:
        import fcntl
        import pty
        import termios

        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self._raw = bytearray()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deepdojo.cli", "learn", *words], cwd=folder, stdin=theirs, stdout=theirs,
            stderr=theirs, env=environment(folder.parent, **more), start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        self._theirs = theirs
        threading.Thread(target=self._read, daemon=True).start()

    def mode(self) -> list[Any]:
        """The terminal's, as termios tells it."""
        import termios

        return termios.tcgetattr(self._theirs)

    @property
    def text(self) -> str:
        """All that was written, without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._raw.decode("utf-8", "replace")).replace("\r\n", "\n")

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def until(self, said: str | Callable[[str], bool], *, since: int = 0, within_s: float = WAIT_S) -> str:
        """Waits for a text behind the sign `since`. Returns what was written since then."""
        end = time.monotonic() + within_s
        while True:
            seen = self.text[since:]
            if said(seen) if callable(said) else said in seen:
                return seen
            assert time.monotonic() < end, f"{said!r} did not come:\n{seen}"
            assert self.process.poll() is None, f"it ended before {said!r}:\n{seen}"
            time.sleep(0.01)

    def mark(self) -> int:
        return len(self.text)

    def ended(self, within_s: float = WAIT_S) -> int:
        return self.process.wait(within_s)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._theirs)

    def _read(self) -> None:
        try:
            while data := os.read(self._ours, 65536):
                self._raw += data
        except OSError:
            return


def state(folder: Path) -> dict[str, Any]:
    return json.loads((folder / ".dojo" / "learn.json").read_text(encoding="utf-8"))


def save(path: Path, text: str) -> None:
    """As an editor does that replaces files."""
    temporary = path.with_name(path.name + "~")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    found = tmp_path / "place"
    found.mkdir()
    return found


@pytest.fixture
def terminal(place: Path) -> Iterator[Callable[..., Terminal]]:
    begun: list[Terminal] = []

    def begin(*words: str, folder: Path = place, **more: Any) -> Terminal:
        begun.append(Terminal(folder, *words, **more))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()
