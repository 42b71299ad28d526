"""The web process with a death planted at one moment: `dying_server.py MOMENT ARGUMENTS`.

MOMENT "before": killed when an accept's transaction is whole and not yet committed. "after": killed once it is
committed, before anybody is answered. Both hold still for a while first, so that an answer that is given too early has
all the time in the world to leave.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator

import sqlalchemy as sa

from deepdojo.competition.database.engine import Database
from deepdojo.competition.server.__main__ import main

moment, arguments = sys.argv[1], sys.argv[2:]
plain_write = Database.write
HELD_S = 1.0


def die() -> None:
    time.sleep(HELD_S)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@contextlib.contextmanager
def write(self: Database) -> Iterator[sa.Connection]:
    begun = len(sent)
    with plain_write(self) as connection:
        yield connection
        if moment == "before" and len(sent) > begun:
            die()
    if moment == "after" and len(sent) > begun:
        die()


sent: list[str] = []


def seen(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
    if statement.startswith("INSERT INTO payloads"):
        sent.append(statement)


sa.event.listen(sa.Engine, "before_cursor_execute", seen)
Database.write = write  # type: ignore[method-assign]
sys.exit(main(arguments))
