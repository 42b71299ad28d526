"""Signs of life for leased jobs, by a thread of its own: whoever works on a job for minutes keeps it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

from sqlalchemy.exc import DBAPIError

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.lease import Job, extend
from deepdojo.competition.refusal import Refusal

__all__ = ["Heartbeat"]


class Heartbeat:
    """Extends what is held, three times in each lease.

    Args:
        lease_s: how long a lease holds without a sign of life.
    """

    def __init__(self, database: Database, lease_s: float) -> None:
        self.database, self.lease_s = database, lease_s
        self._held: list[Job] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._beat, name="lease-heartbeat", daemon=True).start()

    @contextlib.contextmanager
    def holding(self, jobs: Sequence[Job]) -> Iterator[None]:
        """Keep these, of one lease, while the block runs."""
        with self._lock:
            self._held = list(jobs)
        try:
            yield
        finally:
            with self._lock:
                self._held = []

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _beat(self) -> None:
        while not self._closed.wait(self.lease_s / 3):
            with self._lock:
                held = list(self._held)
            with contextlib.suppress(Refusal, DBAPIError):
                extend(self.database, held, lease_s=self.lease_s)
