"""Accounts as a host keeps them: passwords, tokens that are handed out, revoking. Each act is a line of the log."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.events import Event, log
from deepdojo.competition.database.people import (
    Person,
    make_person,
    own_team,
    revoke,
    secret_digest,
    skeleton,
    team_of,
)
from deepdojo.competition.database.tables import events, members, people, sessions, teams
from deepdojo.competition.refusal import Refusal

__all__ = ["ROLES", "everybody", "hand_out", "revoke_person", "set_password", "with_password"]

ROLES = ("entrant", "viewer", "host")
_HOSTS_WITH_PASSWORD = 8


def set_password(database: Database, connection: sa.Connection, event: Event, host: Person, kept: str | None) -> None:
    """Keep what `passwords.hashed` made, or None for no password any more; the host's browsers are signed out."""
    connection.execute(people.update().where(people.c.id == host.id).values(password_hash=kept))
    revoke(connection, host.id, database.now(connection), token=False)
    log(database, connection, event.id, host.name, "set a password" if kept else "took the password away", {})


def with_password(connection: sa.Connection) -> list[tuple[Person, str]]:
    """The hosts who have a password, and what is kept of it."""
    p = people.c
    found = connection.execute(
        sa.select(p.id, p.name, p.role, p.password_hash)
        .where(p.role == "host", p.revoked.is_(None), p.password_hash.is_not(None))
        .order_by(p.id)
        .limit(_HOSTS_WITH_PASSWORD)
    )
    return [(Person(row.id, row.name, row.role), row.password_hash) for row in found]


def everybody(connection: sa.Connection, event: Event, now: float) -> list[dict[str, Any]]:
    """Who takes part in an event, and the server's hosts and viewers.

    Returns:
        name, role, team (None of hosts and viewers), since (seconds since 1970), sessions (browsers that are signed
        in), password (whether there is one), revoked (when, or None); hosts first.
    """
    p, m, s = people.c, members.c, sessions.c
    here = (m.person_id == p.id) & (m.event_id == event.id)
    open_ones = (
        sa.select(s.person_id, sa.func.count().label("number"))
        .where(s.revoked.is_(None), s.expires > now)
        .group_by(s.person_id)
        .subquery()
    )
    joined = people.outerjoin(members, here).outerjoin(teams, teams.c.id == m.team_id)
    joined = joined.outerjoin(open_ones, open_ones.c.person_id == p.id)
    found = connection.execute(
        sa.select(
            p.name, p.role, teams.c.name.label("team"), sa.func.coalesce(m.joined, p.created).label("since"),
            sa.func.coalesce(open_ones.c.number, 0).label("sessions"),
            p.password_hash.is_not(None).label("password"), p.revoked,
        )
        .select_from(joined)
        .where(m.event_id.is_not(None) | p.role.in_(("host", "viewer")))
        .order_by(sa.case((p.role == "host", 0), (p.role == "viewer", 1), else_=2), p.id)
    ).mappings()  # fmt: skip
    return [{**row, "password": bool(row["password"])} for row in found]


def hand_out(
    database: Database, connection: sa.Connection, event: Event, name: str, role: str | None, who: Person
) -> tuple[Person, str]:
    """A token for somebody: for a new person of this role (default: entrant), or a new one for one who is known.

    The old token of a known person ends, and with it what was revoked. An entrant takes part in the event.

    Raises:
        Refusal: no such role, or the person has another; a name that cannot be; one's own name.
    """
    if role is not None and role not in ROLES:
        raise Refusal("bad_request", f"no role is named {role[:40]!r}", where="role", todo=f"take {', '.join(ROLES)}")
    known = _named(connection, name)
    now = database.now(connection)
    if known is None:
        person, token = make_person(connection, name, role or "entrant", now)
    else:
        person, token = known, "dd_" + secrets.token_urlsafe(24)
        if role is not None and role != person.role:
            raise Refusal("name_taken", f"{person.name!r} has the role {person.role} already", where="role",
                          todo="give another name")  # fmt: skip
        if person.id == who.id:
            raise Refusal("bad_request", "this would end the token that you use", where="name",
                          todo="on the server's machine dojo host EVENT link says where yours is")  # fmt: skip
        revoke(connection, person.id, now)
        values = {"token_sha256": secret_digest(token), "revoked": None}
        connection.execute(people.update().where(people.c.id == person.id).values(**values))
    if person.role == "entrant" and team_of(connection, event.id, person.id) is None:
        own_team(connection, event.id, person, now)
    log(database, connection, event.id, who.name, "handed out a token", {"whom": person.name, "role": person.role})
    return person, token


def revoke_person(database: Database, connection: sa.Connection, event: Event, name: str, who: Person) -> Person:
    """End somebody's token and browser sessions; teams and submissions stay. `hand_out` lets the person in again.

    Raises:
        Refusal: no such person; the last host, who would have nobody to let him in again.
    """
    person = _named(connection, name)
    if person is None:
        raise Refusal("not_found", f"nobody is named {name[:40]!r}", where="name", todo="see the list of people")
    if person.role == "host":
        others = sa.select(sa.func.count()).where(
            people.c.role == "host", people.c.revoked.is_(None), people.c.id != person.id
        )
        if connection.execute(others).scalar_one() == 0:
            raise Refusal("bad_request", f"{person.name!r} is the only host", where="name",
                          todo="hand out a token to another host first")  # fmt: skip
    revoke(connection, person.id, database.now(connection))
    log(database, connection, event.id, who.name, "revoked", {"whom": person.name, "role": person.role})
    return person


def renew_code(database: Database, connection: sa.Connection, event: Event, who: Person) -> str:
    """Another code for the join link: the old link lets nobody in any more; who is in stays."""
    code = secrets.token_urlsafe(9)
    connection.execute(events.update().where(events.c.id == event.id).values(code=code))
    log(database, connection, event.id, who.name, "made another join link", {})
    return code


def _named(connection: sa.Connection, name: str) -> Person | None:
    p = people.c
    found = connection.execute(sa.select(p.id, p.name, p.role).where(p.skeleton == skeleton(name))).first()
    return None if found is None else Person(*found)
