"""An event's board followed: by server-sent events, and where they do not come through, by asking again and again.

A room's network breaks, laptops sleep, proxies hold streams back, servers are started anew: none of it ends this.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from deepdojo.competition.client import Client
from deepdojo.competition.refusal import Refusal
from deepdojo.errors import DojoError

__all__ = ["Seen", "follow"]

_POLL_S, _FIRST_S, _LONGEST_S = 2.0, 1.0, 30.0
_PASSING = ("unavailable", "too_many_requests")


@dataclass(frozen=True)
class Seen:
    """What is known at a moment.

    Attributes:
        board: `Client.board` where it is new, else None.
        state: "live" (the server tells), "polling" (it is asked every 2 s), "lost" (it does not answer).
        again_s: until the next try, where it is not live.
    """

    board: dict[str, Any] | None
    state: str
    again_s: float = 0.0


class _Board:
    """The newest board, asked for by its ETag: the same one is not sent twice."""

    def __init__(self, client: Client, name: str, part: str) -> None:
        self.client, self.name, self.part = client, name, part
        self.etag: str | None = None

    def if_new(self) -> dict[str, Any] | None:
        found, self.etag = self.client.board_if_new(self.name, self.etag, self.part)
        return found


def follow(
    client: Client, name: str, part: str = "public", *, sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[], float] = random.random,
) -> Iterator[Seen]:  # fmt: skip
    """The board now, then each change of it and of the connection, without end.

    After a fault the stream is tried again after 1, 2, 4 … 30 s, each time between half and all of it, so that a room
    of programs does not come back at one moment; meanwhile the board is asked for every 2 s where the server answers.

    Args:
        client: with one try a request: waiting is done here.
        sleep: waits so many seconds. draw: a number from 0 to 1.

    Raises:
        Refusal: no such event, or a part that may not be seen.
    """
    board, pause = _Board(client, name, part), _FIRST_S
    yield Seen(board.if_new(), "live")
    while True:
        try:
            for _ in client.versions(name):
                pause = _FIRST_S
                yield Seen(board.if_new(), "live")
        except DojoError as fault:
            _only_passing(fault)
        yield from _without_stream(board, pause * (0.5 + 0.5 * draw()), sleep)
        pause = min(_LONGEST_S, 2 * pause)


def _without_stream(board: _Board, left_s: float, sleep: Callable[[float], None]) -> Iterator[Seen]:
    """Until the stream is tried again: ask, if the server answers; else wait for all of the time."""
    while left_s > 0:
        try:
            seen = Seen(board.if_new(), "polling", left_s)
        except DojoError as fault:
            _only_passing(fault)
            seen = Seen(None, "lost", left_s)
        yield seen
        some = left_s if seen.state == "lost" else min(_POLL_S, left_s)
        sleep(some)
        left_s -= some


def _only_passing(fault: DojoError) -> None:
    """Raise what waiting does not mend."""
    if isinstance(fault, Refusal) and fault.code not in _PASSING:
        raise fault
