"""The end of an event: the private board of the teams' chosen submissions is written once, and opened with that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.events import Event, by_id, changed, log
from deepdojo.competition.database.lease import Job, still_ours
from deepdojo.competition.database.tables import OPEN_JOB, boards, events, jobs, submissions, vectors
from deepdojo.competition.event import Rules, parse_rules
from deepdojo.competition.refusal import Refusal

__all__ = ["close_due", "close_event", "write_final_board"]


def close_event(connection: sa.Connection, event: Event, now: float) -> None:
    """Put the closing of an event into the queue; a worker does it when all submissions are scored.

    Raises:
        Refusal: it has not ended.
    """
    if event.rules.state(now) != "ended":
        raise Refusal("bad_request", f"{event.rules.title} has not ended", todo="move its end with dojo host extend")
    _wake(connection, event.id, event.rubric, now)


def close_due(database: Database) -> int:
    """Put the closing of every event that has ended, and whose submissions are all scored, into the queue. How many."""
    with database.read() as connection:
        now = database.now(connection)
        found = [row.id for row in _open(connection) if _ended(row.rules, now)]
    woken = 0
    for event_id in found:
        with database.write() as connection:
            if not database.sqlite:
                connection.execute(sa.select(events.c.id).where(events.c.id == event_id).with_for_update())
            event, now = by_id(connection, event_id), database.now(connection)
            if event.closed_at is None and event.rules.state(now) == "ended" and not _busy(connection, event):
                _wake(connection, event.id, event.rubric, now)
                woken += 1
    return woken


def write_final_board(
    database: Database, job: Job, finals: Sequence[Mapping[str, Any]], ranks: Mapping[int, int | None],
    pseudo: Mapping[int, np.ndarray],
) -> bool:  # fmt: skip
    """End a closing: the private board with ranks and vectors, `closed_at`, one line of the audit log.

    Args:
        finals: of `boards.finals`. ranks: team -> rank. pseudo: submission -> (n,) float32 pseudo-values.

    Returns:
        False where the job was no longer ours, the end has been moved, or the answers were changed: nothing is written.
    """
    with database.write() as connection:
        if not still_ours(connection, job, "done"):
            return False
        event, now = by_id(connection, job.event_id), database.now(connection)
        if event.rules.state(now) != "ended" or event.rubric != job.rubric:
            return False
        at = (boards.c.event_id == event.id) & (boards.c.part == "private") & (boards.c.rubric == event.rubric)
        connection.execute(boards.delete().where(at))
        own = sa.select(submissions.c.id).where(submissions.c.event_id == event.id).scalar_subquery()
        connection.execute(
            vectors.delete().where(
                vectors.c.part == "private", vectors.c.rubric == event.rubric, vectors.c.submission_id.in_(own)
            )
        )
        names = ("team_id", "submission_id", "value", "low", "high", "n", "submissions")
        rows = [
            {**{name: row[name] for name in names}, "event_id": event.id, "rubric": event.rubric, "part": "private",
             "rank": ranks.get(row["team_id"]), "moved": row["created"]}
            for row in finals
        ]  # fmt: skip
        if rows:
            connection.execute(boards.insert(), rows)
            same = {"rubric": event.rubric, "part": "private"}
            connection.execute(vectors.insert(), [
                {"submission_id": number, "data": cells.astype("<f4").tobytes(), **same}
                for number, cells in pseudo.items()
            ])  # fmt: skip
        if event.closed_at is None:
            connection.execute(events.update().where(events.c.id == event.id).values(closed_at=now))
        changed(connection, event.id, shown=True)
        log(database, connection, event.id, "the rules", "opened the final board", {"teams": len(rows)})
    return True


def _open(connection: sa.Connection) -> Sequence[Any]:
    return connection.execute(sa.select(events.c.id, events.c.rules).where(events.c.closed_at.is_(None))).all()


def _ended(text: str, now: float) -> bool:
    rules: Rules = parse_rules(json.loads(text))
    return rules.state(now) == "ended"


def _busy(connection: sa.Connection, event: Event) -> bool:
    """Whether something still waits that the final board depends on, or a closing has been tried."""
    waiting = jobs.c.kind.in_(("run", "score", "rescore")) & OPEN_JOB
    tried = (jobs.c.kind == "close") & jobs.c.state.in_(("queued", "leased", "failed"))
    of_version = (jobs.c.rubric == event.rubric) | (jobs.c.kind == "run")  # a program runs whatever judges its table
    either = (waiting | tried) & (jobs.c.event_id == event.id) & of_version
    return connection.execute(sa.select(jobs.c.id).where(either).limit(1)).first() is not None


def _wake(connection: sa.Connection, event_id: int, rubric: int, now: float) -> None:
    values = {"kind": "close", "event_id": event_id, "rubric": rubric, "order_key": now}
    connection.execute(jobs.insert(), values)
