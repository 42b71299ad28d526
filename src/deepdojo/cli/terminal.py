"""The listener that `dojo` gives to `deepdojo.api`: one live line on a terminal, elsewhere a plain one now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from deepdojo.cli.output import clip, width
from deepdojo.cli.words import duration
from deepdojo.session.listener import Listener

__all__ = ["TerminalListener"]

_TICK_S = 0.1  # a live line changes at most ten times a second
_QUIET_S = 15.0  # a log gets a line at most this often


class TerminalListener(Listener):
    """Shows where a long command stands, on stderr. Live (rich) on a terminal; complete lines in pipes and logs.

    `stage` opens a part of the work, `progress` moves within it, `say` tells something to remember, `finish` ends all.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console

        self.stream = sys.stderr if stream is None else stream
        self._console = Console(file=self.stream, highlight=False, markup=False, emoji=False, width=width())
        self.live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._display: Any = None  # rich's Live, while a line is shown
        self._stage = ""
        self._detail = ""
        self._shown = 0.0
        self._first: tuple[float, float] | None = None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Many trainings, which the same command finds again after Ctrl-C."""
        try:
            if self.live:  # importing torch takes a second or two
                self.stage("starting")
            yield
        except KeyboardInterrupt:
            raise KeyboardInterrupt("what is trained is kept: the same command goes on") from None
        finally:
            self.finish()

    def stage(self, name: str, detail: str = "") -> None:
        """A part of the work begins."""
        self._stage, self._detail = name, detail
        self._first = None
        self._show(f"{name}" + (f" · {detail}" if detail else ""), done=None)
        self._shown = time.monotonic()

    def progress(self, done: float, total: float, text: str = "") -> None:
        """So much of the part is done; the time left is reckoned from the pace since it began."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done)
        at_end = total > 0 and done >= total
        if now - self._shown < (_TICK_S if self.live else _QUIET_S) and not (self.live and at_end):
            return
        self._shown = now
        share = None if total <= 0 else min(1.0, max(0.0, done / total))
        parts = [text or self._detail, self._left(now, done, total)]
        self._show(" · ".join(filter(None, [self._stage, *parts])), done=share)

    def say(self, sentence: str) -> None:
        """Something that the user should be able to read later: a line of its own, above the live one.

        A terminal gets it broken between words, a log in one line.
        """
        if self.live:
            self._console.print(sentence.rstrip())
            return
        self.stream.write(sentence.rstrip() + "\n")
        self.stream.flush()

    def finish(self) -> None:
        """Nothing more comes: the live line goes."""
        if self._display is not None:
            self._display.stop()
            self._display = None

    def _left(self, now: float, done: float, total: float) -> str:
        if total <= 0 or self._first is None:
            return ""
        since, first = self._first
        if done <= first or now - since < 0.5 or done >= total:
            return ""
        left_s = (now - since) * (total - done) / (done - first)
        return f"{duration(left_s)} left" if left_s >= 1 else ""

    def _show(self, text: str, *, done: float | None) -> None:
        if done is not None:
            text = f"{100 * done:3.0f} %  {text}"
        if not self.live:
            self.stream.write(text + "\n")
            self.stream.flush()
            return
        from rich.live import Live
        from rich.text import Text

        line = Text(clip(text, width() - 1), style="dim", no_wrap=True)
        if self._display is None:  # no thread of its own: it changes when the work says so
            self._display = Live(line, console=self._console, auto_refresh=False, transient=True)
            self._display.start()
        self._display.update(line, refresh=True)
