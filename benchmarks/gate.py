"""How contenders take turns. Each trains in a process of its own; after every optimizer step it passes this gate, which
stops it at the end of a segment, says what the segment took, and waits for its next turn.

The clock stands still while a contender waits, and while it does what is not compared (`outside`: validation).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["Gate"]


def clocks() -> tuple[float, float]:
    """(wall seconds, CPU seconds of this process and its finished children)."""
    times = os.times()
    return time.perf_counter(), times.user + times.system + times.children_user + times.children_system


class Gate:
    """One contender's side of the conversation: numbers of steps come in, one JSON object a segment goes out.

    Args:
        commands: gives "STEPS" a line; its end ends the process.
        replies: gets {"steps", "wall", "cpu"}, and "examples" where `saw` was told of them; the first reply, after the
            very first step, has the CPU seconds of the process since it began.
    """

    def __init__(self, commands: TextIO, replies: TextIO) -> None:
        self.commands, self.replies = commands, replies
        self.steps, self.left = 1, 1
        self.began = (time.perf_counter(), 0.0)
        self.examples = 0

    def saw(self, examples: int) -> None:
        """So many examples go into the next step: batches of one length are not all full."""
        self.examples += examples

    def step(self, *_: object) -> None:
        """An optimizer step is done."""
        self.left -= 1
        if self.left:
            return
        now = clocks()
        reply = {"steps": self.steps, "wall": now[0] - self.began[0], "cpu": now[1] - self.began[1]}
        if self.examples:
            reply["examples"], self.examples = self.examples, 0
        self.replies.write(json.dumps(reply) + "\n")
        self.replies.flush()
        command = self.commands.readline()
        if not command.strip():
            sys.stdout.flush()
            os._exit(0)  # frameworks would go on to save, to log and to warn
        self.steps = self.left = int(command)
        self.began = clocks()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """What happens here is not counted."""
        before, examples = clocks(), self.examples
        yield
        after, self.examples = clocks(), examples
        self.began = (self.began[0] + after[0] - before[0], self.began[1] + after[1] - before[1])
