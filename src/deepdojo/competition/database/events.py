"""Events: made, looked up, opened and closed, frozen, announced. What a host does is written into the audit log."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.database.engine import Database, dump
from deepdojo.competition.database.lease import wake_ranking
from deepdojo.competition.database.tables import (
    announcements,
    audit,
    boards,
    events,
    ladders,
    members,
    rubrics,
    submissions,
    vectors,
)
from deepdojo.competition.event import Rules, parse_rules
from deepdojo.competition.refusal import Refusal

__all__ = [
    "Event", "all_events", "announce", "audited", "by_id", "changed", "entered", "event_of", "extend_until", "freeze",
    "log", "make_event", "news", "unfreeze",
]  # fmt: skip


_DAY_S = 86_400
_NAMED = sa.select(events).where(events.c.name == sa.bindparam("name"))
_OF_PERSON = (members.c.event_id == events.c.id) & (members.c.person_id == sa.bindparam("person"))
_ENTERED = _NAMED.add_columns(members.c.team_id).select_from(events.outerjoin(members, _OF_PERSON))


@dataclass(frozen=True)
class Event:
    """One row of the events.

    Attributes:
        rubric: the version of metric and answers that is valid now.
        version: grows with every change of a board; shown_version with those that entrants may see.
        frozen_at: the public board stands still since then.
        closed_at: the final board has been opened.
    """

    id: int
    name: str
    rules: Rules
    code: str
    rubric: int
    version: int
    shown_version: int
    frozen_at: float | None
    closed_at: float | None

    @property
    def key(self) -> dict[str, Any]:
        return {"id": self.id, "rubric": self.rubric}


def make_event(database: Database, connection: sa.Connection, rules: Rules, *, solution_sha256: str, who: str) -> Event:
    """Enter a published event. Raises Refusal where the name is taken."""
    if connection.execute(sa.select(events.c.id).where(events.c.name == rules.name)).first() is not None:
        raise Refusal("name_taken", f"an event is named {rules.name!r} already", todo="give another with --name")
    now = database.now(connection)
    values = {"name": rules.name, "rules": dump(rules.model_dump()), "code": secrets.token_urlsafe(9), "created": now}
    number = connection.execute(events.insert().returning(events.c.id), values).scalar_one()
    rubric = {"event_id": number, "version": 1, "state": "active", "reason": "as hosted", "metric": rules.metric,
              "solution_sha256": solution_sha256, "folder": ".", "created": now}  # fmt: skip
    connection.execute(rubrics.insert(), rubric)
    log(database, connection, number, who, "hosted", {"solution": solution_sha256})
    return event_of(connection, rules.name)


def event_of(connection: sa.Connection, name: str) -> Event:
    """Raises Refusal where there is none."""
    return _event(_found(connection, _NAMED, name=name))


def entered(connection: sa.Connection, name: str, person_id: int) -> tuple[Event, int | None]:
    """An event, and the person's team in it. Raises Refusal where there is no such event."""
    found = _found(connection, _ENTERED, name=name, person=person_id)
    return _event(found), found["team_id"]


def _found(connection: sa.Connection, statement: sa.Select[Any], **asked: Any) -> Any:
    found = connection.execute(statement, asked).mappings().first()
    if found is None:
        raise Refusal("not_found", f"no event is named {asked['name'][:80]!r}", todo="see the list of events")
    return found


def by_id(connection: sa.Connection, number: int) -> Event:
    """The event of this number."""
    return _event(connection.execute(sa.select(events).where(events.c.id == number)).mappings().one())


def all_events(connection: sa.Connection) -> list[Event]:
    """The newest first."""
    found = connection.execute(sa.select(events).order_by(events.c.created.desc())).mappings()
    return [_event(row) for row in found]


def _event(row: Any) -> Event:
    return Event(
        row["id"], row["name"], _rules(row["rules"]), row["code"], row["rubric"], row["version"],
        row["shown_version"], row["frozen_at"], row["closed_at"],
    )  # fmt: skip


@lru_cache(maxsize=64)
def _rules(text: str) -> Rules:
    return parse_rules(json.loads(text))


def changed(connection: sa.Connection, event_id: int, *, shown: bool) -> None:
    """A board has changed; `shown`: so that entrants see it (a frozen board's version would tell of the changes
    behind it)."""
    values = {"version": events.c.version + 1}
    if shown:
        values["shown_version"] = events.c.shown_version + 1
    connection.execute(events.update().where(events.c.id == event_id).values(**values))


def freeze(database: Database, connection: sa.Connection, event: Event, who: str) -> None:
    """Keep a copy of the public board, and show that from now on: values, ranks, counts and times alike."""
    if event.frozen_at is not None:
        return
    copied = [c for c in boards.c if c.name != "part"]
    source = sa.select(*copied, sa.literal("frozen")).where(
        boards.c.event_id == event.id, boards.c.part == "public", boards.c.rubric == event.rubric
    )
    connection.execute(boards.delete().where(boards.c.event_id == event.id, boards.c.part == "frozen"))
    connection.execute(boards.insert().from_select([c.name for c in copied] + ["part"], source))
    _keep_vectors(connection, event)
    now = database.now(connection)
    connection.execute(events.update().where(events.c.id == event.id).values(frozen_at=now))
    wake_ranking(connection, event.id, event.rubric, now)  # rows that moved just now have no rank yet
    changed(connection, event.id, shown=True)
    log(database, connection, event.id, who, "froze the public board", {})


def _keep_vectors(connection: sa.Connection, event: Event) -> None:
    """The vectors of the copied rows: the Ladders go on, and the copy may still have to be ranked."""
    _drop_vectors(connection, event)
    source = sa.select(boards.c.submission_id, boards.c.rubric, sa.literal("frozen"), ladders.c.data).select_from(
        boards.join(ladders, (ladders.c.team_id == boards.c.team_id) & (ladders.c.rubric == boards.c.rubric))
    ).where(boards.c.event_id == event.id, boards.c.part == "frozen", ladders.c.data.is_not(None))  # fmt: skip
    connection.execute(vectors.insert().from_select(["submission_id", "rubric", "part", "data"], source))


def _drop_vectors(connection: sa.Connection, event: Event) -> None:
    own = sa.select(submissions.c.id).where(submissions.c.event_id == event.id).scalar_subquery()
    connection.execute(vectors.delete().where(vectors.c.part == "frozen", vectors.c.submission_id.in_(own)))


def unfreeze(database: Database, connection: sa.Connection, event: Event, who: str) -> None:
    """Show the living board again."""
    connection.execute(boards.delete().where(boards.c.event_id == event.id, boards.c.part == "frozen"))
    _drop_vectors(connection, event)
    rules = event.rules.model_copy(update={"freeze_at": None})
    connection.execute(
        events.update().where(events.c.id == event.id).values(frozen_at=None, rules=dump(rules.model_dump()))
    )
    changed(connection, event.id, shown=True)
    log(database, connection, event.id, who, "ended the freeze", {})


def extend_until(database: Database, connection: sa.Connection, event: Event, ends: float, who: str) -> None:
    """Move the end. Raises Refusal where the final board is open already."""
    if event.closed_at is not None:
        raise Refusal("ended", f"the final board of {event.rules.title} is open already", todo="host a new event")
    rules = event.rules.model_copy(update={"ends": ends})
    connection.execute(events.update().where(events.c.id == event.id).values(rules=dump(rules.model_dump())))
    changed(connection, event.id, shown=True)
    log(database, connection, event.id, who, "moved the end", {"from": event.rules.ends, "to": ends})


def announce(database: Database, connection: sa.Connection, event: Event, text: str, who: str) -> None:
    """Tell all entrants something."""
    if not text.strip():
        raise Refusal("bad_request", "the announcement is empty", todo="give its text")
    values = {"event_id": event.id, "text": text.strip()[:10_000], "created": database.now(connection)}
    connection.execute(announcements.insert(), values)
    changed(connection, event.id, shown=True)
    log(database, connection, event.id, who, "announced", {"text": text.strip()[:200]})


def news(connection: sa.Connection, event_id: int) -> list[dict[str, Any]]:
    """Announcements, the newest first."""
    a = announcements.c
    found = connection.execute(
        sa.select(a.id, a.text, a.created).where(a.event_id == event_id).order_by(a.id.desc())
    ).mappings()
    return [dict(row) for row in found]


def log(
    database: Database, connection: sa.Connection, event_id: int | None, who: str, what: str, detail: dict[str, Any]
) -> None:
    """One line of the audit log; there is no function that changes or removes one."""
    values = {"at": database.now(connection), "event_id": event_id, "who": who, "what": what, "detail": dump(detail)}
    connection.execute(audit.insert(), values)


def log_daily(database: Database, connection: sa.Connection, who: str, what: str) -> None:
    """A line that one is enough of from midnight to midnight UTC: a host signs in many times a day."""
    now, a = database.now(connection), audit.c
    same = (a.who == who) & (a.what == what) & (a.at >= now - now % _DAY_S) & a.event_id.is_(None)
    if connection.execute(sa.select(a.id).where(same).limit(1)).first() is None:
        log(database, connection, None, who, what, {})


def audited(connection: sa.Connection, event_id: int, most: int = 1000) -> list[dict[str, Any]]:
    """The event's lines of the audit log and those of the whole server, the newest first."""
    a = audit.c
    found = connection.execute(
        sa.select(a.at, a.who, a.what, a.detail)
        .where((a.event_id == event_id) | a.event_id.is_(None))
        .order_by(a.id.desc())
        .limit(most)
    ).mappings()
    return [{**row, "detail": json.loads(row["detail"])} for row in found]
