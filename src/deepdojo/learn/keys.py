"""Keys, one press each, from a terminal; lines where there is none. They go into a queue from a thread."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import unicodedata
from contextlib import suppress
from typing import Any

__all__ = ["Keys"]


class Keys:
    """A context: inside, presses go into `events` as ("key", sign), the end of the input as ("key", "").

    The terminal's mode is put back at the end, and taken again when the process comes back from Ctrl-Z.
    """

    def __init__(self, events: queue.SimpleQueue[tuple[str, Any]]) -> None:
        self._events = events
        self.terminal = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
        self._before: Any = None

    def __enter__(self) -> Keys:
        if self.terminal and os.name == "posix":
            import termios

            self._before = termios.tcgetattr(sys.stdin.fileno())
            self._single_keys()
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGCONT, lambda *_: self._single_keys())
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            import termios

            with suppress(termios.error, ValueError):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGCONT, signal.SIG_DFL)

    def listen(self) -> None:
        """Begins to read. Presses that came before are read, too."""
        read = self._read_lines if not self.terminal else self._read_windows if os.name == "nt" else self._read_presses
        threading.Thread(target=read, name="keys", daemon=True).start()

    def _single_keys(self) -> None:
        import termios
        import tty

        with suppress(termios.error, ValueError):
            tty.setcbreak(sys.stdin.fileno())

    def _read_presses(self) -> None:
        with suppress(OSError, ValueError):
            while data := os.read(sys.stdin.fileno(), 64):
                text = data.decode("utf-8", "ignore")
                if not text.startswith("\x1b"):  # an arrow or a function key
                    for sign in text:
                        self._press(sign)
        self._events.put(("key", ""))

    def _read_windows(self) -> None:
        import msvcrt

        while True:
            sign = msvcrt.getwch()  # type: ignore[attr-defined]
            if sign in ("\x00", "\xe0"):
                msvcrt.getwch()  # type: ignore[attr-defined]
            elif sign == "\x03":
                self._events.put(("key", ""))
                return
            else:
                self._press(sign)

    def _read_lines(self) -> None:
        with suppress(OSError, ValueError, UnicodeDecodeError):
            while sys.stdin is not None and (line := sys.stdin.readline()):
                self._press(line.strip()[:1])
        self._events.put(("key", ""))

    def _press(self, sign: str) -> None:
        sign = unicodedata.normalize("NFKC", sign).lower()  # a Chinese input method sends wide letters
        if sign == "\x04":
            self._events.put(("key", ""))
        elif sign.strip():
            self._events.put(("key", sign))
