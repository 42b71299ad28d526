"""Take a submission in: one transaction that checks dates, quota, doubles, and writes submission, payload and job.

Only after its commit is it answered. The server never looks into the file: the worker does, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from deepdojo import __version__
from deepdojo.competition.database.engine import Database, dump
from deepdojo.competition.database.people import plain_secret
from deepdojo.competition.database.tables import OPEN_JOB, jobs, payloads, submissions, teams
from deepdojo.competition.event import Rules
from deepdojo.competition.packing import Packed
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.texts import storable

__all__ = ["Sent", "accept"]

_DAY_S = 86_400
_LONGEST = {"key": 100, "file_name": 200, "note": 1000}
# Made once: to put these together takes as long as to run them.
_s, _j = submissions.c, jobs.c
_LOCK = sa.select(teams.c.id).where(teams.c.id == sa.bindparam("team")).with_for_update()
_OF_TEAM = _s.team_id == sa.bindparam("team")
_TODAY = (_OF_TEAM, _s.created >= sa.bindparam("since"))
_COUNT = sa.select(sa.func.count())
_WAITING = _COUNT.select_from(jobs).where(
    _j.team_id == sa.bindparam("team"), _j.kind.in_(("score", "run")), OPEN_JOB
)  # fmt: skip
_SAME_KEY = sa.select(_s.public_id, _s.sha256).where(_OF_TEAM, _s.key == sa.bindparam("same"))
# With the event, though the team tells it: that is the index by content, and not a walk through all that the team sent.
_ALIKE = sa.select(_s.public_id).where(
    _s.event_id == sa.bindparam("event"), _s.sha256 == sa.bindparam("digest"), _OF_TEAM,
    _s.state != "refused", _s.state != "failed",
).limit(1)  # fmt: skip
# One statement, since each costs as long in Python as in the database.
_FACTS = sa.select(
    _ALIKE.scalar_subquery().label("alike"),
    _COUNT.where(*_TODAY, _s.counted).scalar_subquery().label("today"),
    _WAITING.scalar_subquery().label("waiting"),
)
_BROKEN_TODAY = _COUNT.where(*_TODAY, _s.kind == "code", _s.state == "refused")
_SUBMISSION = submissions.insert().returning(_s.id)
_PAYLOAD, _JOB = payloads.insert(), jobs.insert()


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
    asked = {"team": sent.team_id, "since": now - now % _DAY_S}
    facts = connection.execute(_FACTS, {**asked, "event": event["id"], "digest": sent.file.sha256}).one()
    if facts.alike is not None:
        raise Refusal("already_sent", f"your team has sent this very file before, as {facts.alike}",
                      todo="see its result there")  # fmt: skip
    broken = connection.execute(_BROKEN_TODAY, asked).scalar_one() if sent.kind == "code" else 0
    _within_quota(rules, facts.today, broken, now)
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
    # Behind the team's other waiting files, a second each (of programs as long as one may run), so that one team that
    # sends a hundred does not keep the others waiting.
    turn = now + facts.waiting * (rules.run_s if program else 1.0)
    job = {"kind": "run" if program else "score", "event_id": event["id"], "team_id": sent.team_id,
           "submission_id": number, "rubric": event["rubric"], "order_key": turn}  # fmt: skip
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


def _within_quota(rules: Rules, used: int, broken: int, now: float) -> None:
    said = None
    if used >= rules.per_day:
        said = f"your team has sent {used:,} of {rules.per_day:,} submissions today"
    elif broken >= rules.broken_per_day:  # each may have taken the server as long as one that is scored
        said = f"{broken:,} of your team's programs have failed today, and no more may"
    if said is not None:
        raise Refusal("quota", said, todo="come back after midnight UTC", retry_after_s=_DAY_S - now % _DAY_S)
