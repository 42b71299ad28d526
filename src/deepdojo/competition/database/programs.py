"""What entrants' programs came to: their tables, which are scored from then on as if they had been sent.

A program runs once. Its job (`run`) ends in the transaction that keeps its table and puts the job that scores it
(`score`) into the queue, so that a worker which dies in between loses nothing and doubles nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.database.engine import Database, dump
from deepdojo.competition.database.events import by_id, changed
from deepdojo.competition.database.lease import Job, still_ours
from deepdojo.competition.database.tables import events, jobs, payloads, program_runs, submissions
from deepdojo.competition.packing import Packed, pack

__all__ = ["ProgramRun", "ToScore", "keep_fault", "keep_table", "kept_table", "sizes", "to_score"]


@dataclass(frozen=True)
class ProgramRun:
    """One program's run.

    Attributes:
        kind: code (predict.py), run (of `dojo train`) or lesson (its solution).
        log: what it printed and what ended it, for the host.
        file_name: of the table.
        table: what it wrote; None: it came to none.
    """

    kind: str
    seconds: float
    peak_bytes: int
    log: str
    file_name: str
    table: bytes | None = field(default=None, repr=False)


def keep_table(database: Database, job: Job, run: ProgramRun, *, verdict: Mapping[str, Any] | None = None) -> bool:
    """End a job with a table, which is scored next.

    Args:
        verdict: on a lesson's solution, as its sender reads it.

    Returns:
        False where the job was no longer ours: nothing is written.
    """
    assert run.table is not None
    packed = pack(run.table)
    with database.write() as connection:
        if not still_ours(connection, job, "done"):
            return False
        _enter(database, connection, job, run, packed)
        _keep_verdict(connection, job, verdict)
        if not database.sqlite:  # scoring anew reads the version that counts under the same lock
            connection.execute(sa.select(events.c.id).where(events.c.id == job.event_id).with_for_update())
        event = by_id(connection, job.event_id)
        values = {"kind": "score", "event_id": event.id, "team_id": job.team_id, "submission_id": job.submission_id,
                  "rubric": event.rubric, "order_key": database.now(connection)}  # fmt: skip
        connection.execute(jobs.insert(), values)
    return True


def keep_fault(
    database: Database, job: Job, run: ProgramRun | None, fault: Mapping[str, Any], host: str | None = None, *,
    verdict: Mapping[str, Any] | None = None,
) -> bool:  # fmt: skip
    """End a job whose program gave no table: the sender is told, and no quota is used.

    Args:
        run: None where it was refused before it ran.
        host: what the host may read beyond the fault.

    Returns:
        False where the job was no longer ours: nothing is written.
    """
    with database.write() as connection:
        if not still_ours(connection, job, "done"):
            return False
        if run is not None:
            _enter(database, connection, job, run, None)
        _keep_verdict(connection, job, verdict)
        connection.execute(
            submissions.update()
            .where(submissions.c.id == job.submission_id, submissions.c.state == "queued")
            .values(state="refused", counted=False, fault=dump(dict(fault)), fault_host=host)
        )
        changed(connection, job.event_id, shown=False)
    return True


def _keep_verdict(connection: sa.Connection, job: Job, verdict: Mapping[str, Any] | None) -> None:
    if verdict is None:
        return
    at = submissions.c.id == job.submission_id
    told = connection.execute(sa.select(submissions.c.manifest).where(at)).scalar_one()
    kept = {**(json.loads(told) if told else {}), "verdict": dict(verdict)}
    connection.execute(submissions.update().where(at).values(manifest=dump(kept)))


def _enter(database: Database, connection: sa.Connection, job: Job, run: ProgramRun, packed: Packed | None) -> None:
    values: dict[str, Any] = {
        "submission_id": job.submission_id, "kind": run.kind, "seconds": run.seconds, "peak_bytes": run.peak_bytes,
        "log": run.log, "file_name": run.file_name, "encoding": None, "data": None, "bytes": 0, "sha256": None,
    }  # fmt: skip
    if packed is not None:
        values |= {"encoding": packed.encoding, "data": packed.data, "bytes": packed.size_bytes,
                   "sha256": packed.sha256}  # fmt: skip
    connection.execute(database.upsert(program_runs), values)


@dataclass(frozen=True)
class ToScore:
    """The table of one submission: the one that was sent, or the one that the sent program wrote.

    Attributes:
        size_bytes, sha256: of the plain table.
        kind: of the submission: table, zip or code.
    """

    id: int
    data: bytes = field(repr=False)
    encoding: str
    size_bytes: int
    file_name: str
    kind: str
    sha256: str


def to_score(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, ToScore]:
    """Submission -> its table; one that has none yet is left out."""
    s, p, r = submissions.c, payloads.c, program_runs.c
    sent = sa.select(s.id, p.data, p.encoding, s.bytes, s.file_name, s.kind, s.sha256).join(
        payloads, p.submission_id == s.id
    ).where(s.id.in_(numbers), s.kind != "code")  # fmt: skip
    written = sa.select(r.submission_id.label("id"), r.data, r.encoding, r.bytes, r.file_name,
                        sa.literal("code").label("kind"), r.sha256
                        ).where(r.submission_id.in_(numbers), r.data.is_not(None))  # fmt: skip
    found = {}
    for row in _both(connection, sent, written):
        found[row.id] = ToScore(
            row.id, bytes(row.data), row.encoding, row.bytes, row.file_name, row.kind, row.sha256
        )  # fmt: skip
    return found


def sizes(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, int]:
    """Submission -> bytes of its table, so that large ones are not held in memory together."""
    s, r = submissions.c, program_runs.c
    sent = sa.select(s.id, s.bytes).where(s.id.in_(numbers), s.kind != "code")
    written = sa.select(r.submission_id.label("id"), r.bytes).where(r.submission_id.in_(numbers))
    return {row.id: row.bytes for row in _both(connection, sent, written)}


def _both(connection: sa.Connection, sent: Any, written: Any) -> Iterator[Any]:
    yield from connection.execute(sent)
    yield from connection.execute(written)


def kept_table(connection: sa.Connection, submission_id: int) -> ToScore | None:
    """The table that a program wrote, for the host and for the archive; None where there is none."""
    found = to_score(connection, [submission_id]).get(submission_id)
    return found if found is not None and found.kind == "code" else None
