"""The queue: a table of jobs that workers lease for a while, with a token that makes a late worker's result worthless.

Two guards stand against scoring twice, each enough alone: the token, and the primary key of the scores.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.database.engine import Database, dump
from deepdojo.competition.database.tables import OPEN_JOB, events, jobs, payloads, submissions
from deepdojo.competition.database.versions import same_version

__all__ = [
    "ATTEMPTS", "LEASE_S", "Job", "extend", "fail", "give_up", "give_up_worn_out", "lease", "ours", "payload",
    "postpone", "program_waits", "still_ours", "wake_ranking", "wake_rescoring",
]  # fmt: skip

LEASE_S = 30.0
ATTEMPTS = 3
"""Scoring may fail so often before the submission is given up."""
_LEASED = ("id", "kind", "event_id", "team_id", "submission_id", "rubric", "attempts", "failures", "order_key")
MOST_LEASES = 20
"""A job may be leased so often: a worker that is killed from outside is not the submission's fault, yet something that
takes whole workers down must end too."""
LONGEST_S = 600.0
"""No lease and no pause is as long: one that holds longer was made by a clock that has been put back since, and does
not count. Without this an hour's jump would keep jobs waiting for an hour."""
RANK_PAUSE_S = 0.05
"""A ranking waits so long for others to join in, and then comes before all that waits."""
# Tests switch these off to show that each is needed.
SKIP_LOCKED = True
FENCED = True


@dataclass(frozen=True)
class Job:
    """A leased job. `payload` is None for a ranking; `attempts` counts this lease."""

    id: int
    kind: str
    event_id: int
    team_id: int | None
    submission_id: int | None
    rubric: int
    attempts: int
    failures: int
    token: str


def lease(database: Database, most: int, *, lease_s: float = LEASE_S, programs: bool = False) -> list[Job]:
    """Take the next jobs whose turn it is, oldest turn first; jobs whose lease ran out among them.

    Args:
        programs: jobs that run a program, and no others; they take minutes, so nothing else may wait behind them.
        lease_s: `LONGEST_S` at most counts.

    Raises:
        OtherVersion: another DeepDojo serves this database.
    """
    token = secrets.token_hex(16)
    with database.write() as connection:
        same_version(connection)
        now = database.now(connection)
        open_jobs = sa.select(jobs.c.id).where(_due(now, programs)).order_by(jobs.c.order_key, jobs.c.id).limit(most)
        if not database.sqlite and SKIP_LOCKED:  # without it 87 of 144 leases of eight threads were double
            open_jobs = open_jobs.with_for_update(skip_locked=True)
        taken = (
            jobs.update()
            .where(jobs.c.id.in_(open_jobs.scalar_subquery()))
            .values(
                state="leased", token=token, lease_until=now + min(lease_s, LONGEST_S), attempts=jobs.c.attempts + 1
            )
            .returning(*(jobs.c[name] for name in _LEASED))
        )
        found: list[Any] = list(connection.execute(taken))
    found.sort(key=lambda row: (row.order_key, row.id))
    return [Job(**{name: row._mapping[name] for name in _LEASED[:-1]}, token=token) for row in found]


def program_waits(database: Database) -> bool:
    """Whether a program's turn has come: one look that takes no lock."""
    with database.read() as connection:
        due = sa.select(jobs.c.id).where(_due(database.now(connection), programs=True)).limit(1)
        return connection.execute(due).first() is not None


def _due(now: float, programs: bool) -> Any:
    kind = jobs.c.kind == "run" if programs else jobs.c.kind != "run"
    return OPEN_JOB & kind & ((jobs.c.lease_until < now) | (jobs.c.lease_until > now + LONGEST_S))


def extend(database: Database, held: list[Job], *, lease_s: float = LEASE_S) -> None:
    """Keep jobs that are being worked on."""
    if held:
        with database.write() as connection:
            until = database.now(connection) + min(lease_s, LONGEST_S)
            connection.execute(
                jobs.update()
                .where(jobs.c.id.in_([job.id for job in held]), jobs.c.token == held[0].token, jobs.c.state == "leased")
                .values(lease_until=until)
            )


def ours(connection: sa.Connection, held: Sequence[Job], state: str, **values: Any) -> set[int]:
    """End jobs of one lease inside the caller's transaction; the ids of those whose lease had not run out."""
    mine: Any = jobs.c.id.in_([job.id for job in held])
    if FENCED:
        mine &= (jobs.c.token == held[0].token) & (jobs.c.state == "leased")
    ended = jobs.update().where(mine).values(state=state, lease_until=0.0, **values).returning(jobs.c.id)
    return set(connection.execute(ended).scalars())


def still_ours(connection: sa.Connection, job: Job, state: str, **values: Any) -> bool:
    """End the job inside the caller's transaction; False where its lease ran out and another worker has it now."""
    return bool(ours(connection, [job], state, **values))


def fail(database: Database, job: Job, why: str) -> str:
    """An attempt ended in a fault. The job goes behind what waits now, or is given up after the last attempt.

    Returns:
        "queued", "failed", or "late" where another worker has the job.
    """
    if job.failures + 1 >= ATTEMPTS:
        return "failed" if give_up(database, job, why) else "late"
    with database.write() as connection:
        turn = database.now(connection)
        again = still_ours(connection, job, "queued", why=_kept(why), failures=job.failures + 1, order_key=turn)
    return "queued" if again else "late"


def postpone(database: Database, job: Job, why: str, wait_s: float) -> str:
    """Put a job back that cannot be done now, through no fault of its own; `why` is for the host.

    Returns:
        "queued", or "late" where another worker has the job.
    """
    with database.write() as connection:
        now = database.now(connection)
        if not still_ours(connection, job, "queued", why=_kept(why), attempts=job.attempts - 1):
            return "late"
        connection.execute(jobs.update().where(jobs.c.id == job.id).values(lease_until=now + min(wait_s, LONGEST_S)))
    return "queued"


def give_up(database: Database, job: Job, why: str) -> bool:
    """After the last attempt: the host sees why, the sender is told, the quota is given back."""
    why = _kept(why)
    with database.write() as connection:
        if not still_ours(connection, job, "failed", why=why, failures=job.failures + 1):
            return False
        if job.submission_id is not None:
            fault = dump({"error": "this submission could not be scored", "where": None, "todo": "ask the host",
                          "code": "unavailable"})  # fmt: skip
            connection.execute(
                submissions.update()
                .where(submissions.c.id == job.submission_id, submissions.c.state == "queued")
                .values(state="failed", counted=False, fault=fault, fault_host=why)
            )
        _changed(connection, job.event_id)
    return True


def give_up_worn_out(database: Database, held: Sequence[Job]) -> list[Job]:
    """Of leased jobs, give up those that were leased too often; the others."""
    for job in held:
        if job.attempts > MOST_LEASES:
            give_up(database, job, f"the worker ended {MOST_LEASES} times while it had this job")
    return [job for job in held if job.attempts <= MOST_LEASES]


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
    same = (jobs.c.kind == "rank") & (jobs.c.event_id == event_id) & (jobs.c.rubric == rubric)
    waiting = connection.execute(sa.select(jobs.c.id).where(OPEN_JOB, same, jobs.c.state == "queued")).first()
    if waiting is None:
        values = {"kind": "rank", "event_id": event_id, "rubric": rubric, "order_key": 0.0,
                  "lease_until": now + RANK_PAUSE_S}  # fmt: skip
        connection.execute(jobs.insert(), values)


def _kept(why: str) -> str:
    """A reason as databases take it: a library's message may quote a file with NUL, or with half a surrogate pair."""
    return why.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _changed(connection: sa.Connection, event_id: int) -> None:
    connection.execute(events.update().where(events.c.id == event_id).values(version=events.c.version + 1))


def wake_rescoring(connection: sa.Connection, event_id: int, team_id: int, rubric: int, now: float) -> None:
    """See to it that a team's submissions are scored anew under this version."""
    same = (jobs.c.kind == "rescore") & (jobs.c.team_id == team_id) & (jobs.c.rubric == rubric)
    waiting = connection.execute(sa.select(jobs.c.id).where(OPEN_JOB, same, jobs.c.state == "queued")).first()
    if waiting is None:
        values = {"kind": "rescore", "event_id": event_id, "team_id": team_id, "rubric": rubric, "order_key": now}
        connection.execute(jobs.insert(), values)
