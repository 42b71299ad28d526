"""Take a submission in: one transaction that checks dates, quota, doubles, and writes submission, payload and job.

Only after its commit is it answered. The server never looks into the file: the worker does, in a process of its own.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from deepdojo import __version__
from deepdojo.competition.database.engine import Database, dump
from deepdojo.competition.database.people import plain_secret
from deepdojo.competition.database.tables import OPEN_JOB, jobs, payloads, submissions, teams
from deepdojo.competition.event import Rules
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.texts import storable

__all__ = ["Packed", "Sent", "accept", "pack", "unpack"]

_DAY_S = 86_400
_LONGEST = {"key": 100, "file_name": 200, "note": 1000}
# Made once: to put these together takes as long as to run them.
_s, _j = submissions.c, jobs.c
_LOCK = sa.select(teams.c.id).where(teams.c.id == sa.bindparam("team")).with_for_update()
_SAME_KEY = sa.select(_s.public_id, _s.sha256).where(
    _s.team_id == sa.bindparam("team"), _s.key == sa.bindparam("same")
)  # fmt: skip
_SENT_BEFORE = sa.select(_s.public_id).where(
    _s.team_id == sa.bindparam("team"), _s.sha256 == sa.bindparam("digest"), _s.state != "refused", _s.state != "failed"
)  # fmt: skip
_TODAY = sa.select(sa.func.count()).where(
    _s.team_id == sa.bindparam("team"), _s.created >= sa.bindparam("since"), _s.counted
)  # fmt: skip
_BROKEN_TODAY = sa.select(sa.func.count()).where(
    _s.team_id == sa.bindparam("team"), _s.created >= sa.bindparam("since"), _s.kind == "code", _s.state == "refused"
)  # fmt: skip
_WAITING = sa.select(sa.func.count()).select_from(jobs).where(
    _j.team_id == sa.bindparam("team"), _j.kind.in_(("score", "run")), OPEN_JOB
)  # fmt: skip
_SUBMISSION = submissions.insert().returning(_s.id)
_PAYLOAD, _JOB = payloads.insert(), jobs.insert()


@dataclass(frozen=True)
class Packed:
    """A file as it is kept: compressed where that helps, with the digest and size of the plain bytes."""

    data: bytes
    encoding: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Sent:
    """What somebody sends, and from where.

    Attributes:
        key: the sender's idempotency key: the same key of the same team is the same submission.
        kind: table, zip or code.
        cost: what the sender states of `cost.COSTS`.
    """

    team_id: int
    person_id: int
    key: str
    kind: str
    file_name: str
    note: str
    address: str
    file: Packed
    cost: Mapping[str, float] = field(default_factory=dict)


def pack(data: bytes) -> Packed:
    """Compress at the cheapest level (0.7 ms for 69 KB; level 6 costs six times that for 2 % less)."""
    small = zlib.compress(data, 1)
    kept, encoding = (small, "zlib") if len(small) < 0.9 * len(data) else (data, "raw")
    return Packed(kept, encoding, hashlib.sha256(data).hexdigest(), len(data))


def unpack(data: bytes, encoding: str) -> bytes:
    """The file again."""
    return zlib.decompress(data) if encoding == "zlib" else data


def accept(
    database: Database, connection: sa.Connection, event: Mapping[str, Any], rules: Rules, sent: Sent
) -> tuple[str, bool]:
    """Write one submission inside the caller's transaction.

    Args:
        event: id and rubric of the event's row.

    Returns:
        its public id, and whether it was there before (the same key, or a repeat of the same request).

    Raises:
        Refusal: before the start, after the end, over quota, the same file again, a key or note of absurd length.
            Nothing is written then.
    """
    _short_enough(sent)
    if not database.sqlite:  # two requests of one team would both see the last free place of the quota
        connection.execute(_LOCK, {"team": sent.team_id})
    again = _same_key(connection, sent)
    if again is not None:
        return again, True
    now = database.now(connection)
    _in_time(rules, now)
    _not_sent_before(connection, sent)
    _within_quota(connection, rules, sent, now)
    public_id = plain_secret(12)
    values = {
        "public_id": public_id, "event_id": event["id"], "team_id": sent.team_id, "person_id": sent.person_id,
        "key": sent.key, "kind": sent.kind, "file_name": sent.file_name, "note": sent.note,
        "sha256": sent.file.sha256, "bytes": sent.file.size_bytes, "version": __version__, "created": now,
        "address": sent.address, "manifest": dump({"cost": dict(sent.cost)}) if sent.cost else None,
    }  # fmt: skip
    number = connection.execute(_SUBMISSION, values).scalar_one()
    connection.execute(_PAYLOAD, {"submission_id": number, "encoding": sent.file.encoding, "data": sent.file.data})
    program = sent.kind == "code"
    job = {"kind": "run" if program else "score", "event_id": event["id"], "team_id": sent.team_id,
           "submission_id": number, "rubric": event["rubric"],
           "order_key": _turn(connection, sent.team_id, now, rules.run_s if program else 1.0)}  # fmt: skip
    connection.execute(_JOB, job)
    return public_id, False


def _short_enough(sent: Sent) -> None:
    for name, most in _LONGEST.items():
        if len(storable(getattr(sent, name), name)) > most:
            raise Refusal("bad_request", f"it has more than {most} signs", where=name, todo="shorten it")


def _same_key(connection: sa.Connection, sent: Sent) -> str | None:
    found = connection.execute(_SAME_KEY, {"team": sent.team_id, "same": sent.key}).first()
    if found is None:
        return None
    if found.sha256 != sent.file.sha256:
        raise Refusal("key_reused", "this idempotency key came with another file before", todo="send a new key")
    return str(found.public_id)


def _in_time(rules: Rules, now: float) -> None:
    state = rules.state(now)
    if state == "before":
        raise Refusal("not_started", f"{rules.title} has not started", todo="see the dates on its page")
    if state == "ended":
        raise Refusal("ended", f"{rules.title} has ended", todo="see the final board on its page")


def _not_sent_before(connection: sa.Connection, sent: Sent) -> None:
    found = connection.execute(_SENT_BEFORE, {"team": sent.team_id, "digest": sent.file.sha256}).scalar()
    if found is not None:
        raise Refusal("already_sent", f"your team has sent this very file before, as {found}",
                      todo="see its result there")  # fmt: skip


def _within_quota(connection: sa.Connection, rules: Rules, sent: Sent, now: float) -> None:
    midnight = now - now % _DAY_S
    asked = {"team": sent.team_id, "since": midnight}
    used = connection.execute(_TODAY, asked).scalar_one()
    said = f"your team has sent {used:,} of {rules.per_day:,} submissions today" if used >= rules.per_day else None
    if said is None and sent.kind == "code":
        broken = connection.execute(_BROKEN_TODAY, asked).scalar_one()
        if broken >= rules.broken_per_day:  # each may have taken the server as long as one that is scored
            said = f"{broken:,} of your team's programs have failed today, and no more may"
    if said is not None:
        todo = "come back after midnight UTC"
        raise Refusal("quota", said, todo=todo, retry_after_s=midnight + _DAY_S - now)


def _turn(connection: sa.Connection, team: int, now: float, each_s: float) -> float:
    """When its turn comes: now, but behind the team's other waiting files, a second each (of programs as long as one
    may run), so that one team that sends a hundred does not keep the others waiting."""
    waiting = connection.execute(_WAITING, {"team": team}).scalar_one()
    return now + each_s * float(waiting)
