"""One thread that writes: it takes all changes that wait into one transaction, and tells each what became of it after
the commit.

A commit waits for the disk (6 ms at the median here), whatever is in it: 32 senders that share one are 32 times as
many a second. Where one of them is refused or fails, nothing is kept and all are carried out again, each behind a
savepoint of its own, so that the others are left alone; hence a change may run twice, and acts on the database only.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from deepdojo.competition.database.engine import Database
from deepdojo.competition.refusal import Refusal

__all__ = ["Writer"]

_MOST = 64
Change = Callable[[sa.Connection], Any]


class Writer:
    """Call `submit` from any thread; `close` when the server ends."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._waiting: queue.SimpleQueue[tuple[Change, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, change: Change) -> Future[Any]:
        """The future has the result once it is on the disk, or what was raised; then nothing was changed."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # who no longer waits for it cannot take it back, and not end this thread
        self._waiting.put((change, future))
        return future

    def close(self) -> None:
        """Finish what waits, then end."""
        self._waiting.put(None)
        self._thread.join(30)

    def _run(self) -> None:
        ending = False
        while not ending:
            first = self._waiting.get()
            batch = [] if first is None else [first]
            ending = first is None
            while not ending and len(batch) < _MOST:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ending = True
                else:
                    batch.append(more)
            if batch:
                self._commit(batch)

    def _commit(self, batch: list[tuple[Change, Future[Any]]]) -> None:
        answers: list[tuple[bool, Any]] = []
        try:
            with self.database.write() as connection:
                for change, _ in batch:
                    answers.append((True, change(connection)))
        except Exception as error:
            whole = len(answers) == len(batch)  # then it was the commit that failed, and nobody knows how far it went
            answers = [(False, error)] * len(batch) if whole or len(batch) == 1 else self._one_by_one(batch)
        for (_, future), (fine, value) in zip(batch, answers, strict=True):
            if fine:
                future.set_result(value)
            else:
                future.set_exception(value)

    def _one_by_one(self, batch: list[tuple[Change, Future[Any]]]) -> list[tuple[bool, Any]]:
        try:
            with self.database.write() as connection:
                return [_tried(connection, change) for change, _ in batch]
        except Exception as error:
            return [(False, error)] * len(batch)


def _tried(connection: sa.Connection, change: Change) -> tuple[bool, Any]:
    point = connection.begin_nested()
    try:
        value = change(connection)
    except (Refusal, DBAPIError) as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        point.rollback()
        return False, error
    except Exception as error:
        point.rollback()
        return False, error
    point.commit()
    return True, value
