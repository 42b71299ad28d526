"""The other end of a worker's pipe: answer its messages until it closes it. It may be killed at any instant."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from deepdojo.competition.worker.frames import read_frame, write_frame

__all__ = ["answer_the_worker"]

Answer = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]


def answer_the_worker(answer: Answer) -> int:
    """One message after another; ends at once when the worker does, also in the middle of one."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to handle
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(2, 1)  # what a library prints must not get between the messages
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    write_frame(out, {"ready": True})
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        write_frame(out, *answer(*frame))
    return 0


def _end_with_the_worker() -> None:
    """A worker that is killed closes the pipe; a program may run for minutes, and nothing reads it meanwhile."""
    if sys.platform == "win32":
        return
    import select

    gone = select.poll()
    gone.register(0, 0)
    gone.poll()
    os._exit(1)
