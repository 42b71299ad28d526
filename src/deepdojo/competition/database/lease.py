"""The queue: a table of jobs that workers lease for a while, with a token that makes a late worker's result worthless.

Two guards stand against scoring twice, each enough alone: the token, and the primary key of the scores.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.tables import events, jobs, payloads, submissions

__all__ = ["ATTEMPTS", "LEASE_S", "Job", "extend", "give_up", "lease", "release", "still_ours", "wake_ranking"]

LEASE_S = 30.0
ATTEMPTS = 3


@dataclass(frozen=True)
class Job:
    """A leased job. `payload` is None for a ranking; `attempts` counts this one."""

    id: int
    kind: str
    event_id: int
    team_id: int | None
    submission_id: int | None
    rubric: int
    attempts: int
    token: str


def lease(database: Database, most: int, *, lease_s: float = LEASE_S) -> list[Job]:
    """Take the next jobs whose turn it is, oldest turn first; jobs whose lease ran out among them."""
    token = secrets.token_hex(16)
    with database.write() as connection:
        now = database.now(connection)
        open_jobs = (
            sa.select(jobs.c.id)
            .where(jobs.c.state.in_(("queued", "leased")), jobs.c.lease_until < now)
            .order_by(jobs.c.order_key, jobs.c.id)
            .limit(most)
        )
        if not database.sqlite:  # without it 87 of 144 leases of eight threads were double
            open_jobs = open_jobs.with_for_update(skip_locked=True)
        taken = (
            jobs.update()
            .where(jobs.c.id.in_(open_jobs.scalar_subquery()))
            .values(state="leased", token=token, lease_until=now + lease_s, attempts=jobs.c.attempts + 1)
            .returning(
                jobs.c.id,
                jobs.c.kind,
                jobs.c.event_id,
                jobs.c.team_id,
                jobs.c.submission_id,
                jobs.c.rubric,
                jobs.c.attempts,
                jobs.c.order_key,
            )
        )
        found = list(connection.execute(taken))
    found.sort(key=lambda row: (row.order_key, row.id))
    return [
        Job(row.id, row.kind, row.event_id, row.team_id, row.submission_id, row.rubric, row.attempts, token)
        for row in found
    ]


def extend(database: Database, held: list[Job], *, lease_s: float = LEASE_S) -> None:
    """Keep jobs that are being worked on."""
    if held:
        with database.write() as connection:
            until = database.now(connection) + lease_s
            connection.execute(
                jobs.update()
                .where(jobs.c.id.in_([job.id for job in held]), jobs.c.token == held[0].token, jobs.c.state == "leased")
                .values(lease_until=until)
            )


def still_ours(connection: sa.Connection, job: Job, state: str, **values: Any) -> bool:
    """End the job inside the caller's transaction; False where its lease ran out and another worker has it now."""
    ended = connection.execute(
        jobs.update()
        .where(jobs.c.id == job.id, jobs.c.token == job.token, jobs.c.state == "leased")
        .values(state=state, lease_until=0.0, **values)
    )
    return ended.rowcount == 1


def release(database: Database, job: Job, why: str) -> None:
    """Put it back for another try."""
    with database.write() as connection:
        still_ours(connection, job, "queued", why=why)


def give_up(database: Database, job: Job, why: str) -> bool:
    """After the last attempt: the host sees why, the sender is told, the quota is given back."""
    with database.write() as connection:
        if not still_ours(connection, job, "failed", why=why):
            return False
        if job.submission_id is not None:
            fault = '{"error":"this submission could not be scored","where":null,"todo":"ask the host"}'
            connection.execute(
                submissions.update()
                .where(submissions.c.id == job.submission_id, submissions.c.state == "queued")
                .values(state="failed", counted=False, fault=fault, fault_host=why)
            )
        _changed(connection, job.event_id)
    return True


def payload(connection: sa.Connection, submission_id: int) -> tuple[bytes, str, str, str]:
    """The kept bytes of a submission, their encoding, its kind and its file's name."""
    found = connection.execute(
        sa.select(payloads.c.data, payloads.c.encoding, submissions.c.kind, submissions.c.file_name)
        .join(submissions, submissions.c.id == payloads.c.submission_id)
        .where(payloads.c.submission_id == submission_id)
    ).one()
    return found[0], found[1], found[2], found[3]


def wake_ranking(connection: sa.Connection, event_id: int, rubric: int, now: float) -> None:
    """See to it that a ranking of this event waits in the queue; one is enough however much has changed."""
    waiting = connection.execute(
        sa.select(jobs.c.id).where(
            jobs.c.kind == "rank", jobs.c.event_id == event_id, jobs.c.rubric == rubric, jobs.c.state == "queued"
        )
    ).first()
    if waiting is None:
        values = {"kind": "rank", "event_id": event_id, "rubric": rubric, "order_key": now}
        connection.execute(jobs.insert(), values)


def _changed(connection: sa.Connection, event_id: int) -> None:
    connection.execute(events.update().where(events.c.id == event_id).values(version=events.c.version + 1))
