"""Who may do what: join codes, tokens, teams with invitations, browser sessions. Only digests of secrets are kept."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass

import sqlalchemy as sa

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.tables import events, members, people, sessions, teams
from deepdojo.competition.event import Rules
from deepdojo.competition.refusal import Refusal

__all__ = [
    "Person", "by_session", "by_token", "enter", "events_of", "join", "join_team", "leave_team", "make_person",
    "make_session", "own_team", "plain_secret",
    "revoke", "same_secret", "secret_digest", "skeleton", "team_of",
]  # fmt: skip

_SESSION_S = 14 * 86_400
_LOOKALIKES = str.maketrans(
    "0134578аеорсухіјѕԁһԛԝкмтвнαβεικνορτυχγηɑɡıłøօոսɩι|", "oleastbaeopcyxijsdhqwkmtbhabeiknoptuxynagiloonuiil"
)  # fmt: skip


_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Letters and marks that show nothing, though they count as letters, marks or symbols."""


_TEAM = sa.select(members.c.team_id).where(
    members.c.event_id == sa.bindparam("event"), members.c.person_id == sa.bindparam("person")
)
_TOKEN = sa.select(people.c.id, people.c.name, people.c.role).where(
    people.c.token_sha256 == sa.bindparam("digest"), people.c.revoked.is_(None)
)


@dataclass(frozen=True)
class Person:
    """Somebody whom the server knows. Roles: host, entrant, viewer."""

    id: int
    name: str
    role: str


def skeleton(name: str) -> str:
    """What a name looks like: without case, accents, blanks, signs that are not seen; letters of other alphabets that
    look Latin made Latin. Two names of one skeleton cannot both be taken (a name with a blank at its end once took
    over an account: CVE-2020-7245).

    Raises:
        Refusal: nothing is left, too long, or signs that a name cannot have.
    """
    plain = unicodedata.normalize("NFKC", name)
    if any(unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn") or sign in _BLANKS for sign in plain):
        raise Refusal("bad_request", "the name holds signs that cannot be seen", where="name", todo="leave them out")
    if len(plain.strip()) > 40:
        raise Refusal("bad_request", "the name has more than 40 signs", where="name", todo="shorten it")
    folded = unicodedata.normalize("NFKD", plain.casefold()).translate(_LOOKALIKES)
    left = "".join(sign for sign in folded if unicodedata.category(sign)[0] in "LNS")
    left = left.replace("rn", "m").replace("vv", "w").replace("i", "l")  # a capital I is a small l in many a font
    if not left:
        raise Refusal("bad_request", "the name is empty", where="name", todo="give a name with letters")
    return left


def plain_secret(size: int) -> str:
    """A random word that is never begun with a dash: in a command that would be an option."""
    made = secrets.token_urlsafe(size)
    return made if made[0].isalnum() else plain_secret(size)


def secret_digest(secret: str) -> str:
    """What is kept of a token: random ones of 192 bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same_secret(known: str, given: str) -> bool:
    """Compared in a time that tells nothing."""
    return secrets.compare_digest(known.encode(), given.encode("utf-8", "replace"))


def make_person(connection: sa.Connection, name: str, role: str, now: float) -> tuple[Person, str]:
    """A new person and the token that is shown once. Raises Refusal where a name like this is taken."""
    looks = skeleton(name)
    if connection.execute(sa.select(people.c.id).where(people.c.skeleton == looks)).first() is not None:
        raise Refusal("name_taken", f"the name {name!r}, or one that looks like it, is taken", where="name",
                      todo="choose another")  # fmt: skip
    token = "dd_" + secrets.token_urlsafe(24)
    values = {"name": name.strip(), "skeleton": looks, "role": role, "token_sha256": secret_digest(token),
              "created": now}  # fmt: skip
    number = connection.execute(people.insert().returning(people.c.id), values).scalar_one()
    return Person(number, name.strip(), role), token


def by_token(connection: sa.Connection, token: str) -> Person:
    """Raises Refusal: unknown or revoked."""
    found = connection.execute(_TOKEN, {"digest": secret_digest(token)}).first()
    if found is None:
        raise Refusal("wrong_token", "this token is not known, or was revoked",
                      todo="join again, or ask the host for a new one")  # fmt: skip
    return Person(*found)


def make_session(connection: sa.Connection, person: Person, now: float) -> str:
    """The secret of a browser's cookie."""
    secret = secrets.token_urlsafe(32)
    values = {"id": secret_digest(secret), "person_id": person.id, "created": now, "expires": now + _SESSION_S}
    connection.execute(sessions.insert(), values)
    return secret


def by_session(connection: sa.Connection, secret: str, now: float) -> Person | None:
    """Whose browser it is; None where the session has ended."""
    s, p = sessions.c, people.c
    found = connection.execute(
        sa.select(p.id, p.name, p.role)
        .join(sessions, s.person_id == p.id)
        .where(s.id == secret_digest(secret), s.revoked.is_(None), s.expires > now, p.revoked.is_(None))
    ).first()
    return None if found is None else Person(*found)


def revoke(connection: sa.Connection, person_id: int, now: float, *, token: bool = True) -> None:
    """End a person's sessions, and with `token` the token as well."""
    connection.execute(
        sessions.update().where(sessions.c.person_id == person_id, sessions.c.revoked.is_(None)).values(revoked=now)
    )
    if token:
        connection.execute(people.update().where(people.c.id == person_id).values(revoked=now))


def join(
    database: Database, connection: sa.Connection, event_name: str, code: str, name: str
) -> tuple[Person, str, int]:
    """Join an event by its link's code: a person with a token, alone in a team of their own name.

    Returns:
        the person, the token, the team's id.

    Raises:
        Refusal: a wrong code (also where there is no such event: nobody learns which are there), a name taken.
    """
    found = connection.execute(sa.select(events.c.id, events.c.code).where(events.c.name == event_name)).first()
    if found is None or not same_secret(found.code, code):
        raise Refusal("wrong_code", "this join link is not right", todo="ask the host for the whole link")
    now = database.now(connection)
    person, token = make_person(connection, name, "entrant", now)
    return person, token, own_team(connection, found.id, person, now)


def enter(database: Database, connection: sa.Connection, event_name: str, code: str, person: Person) -> int:
    """Join another event as somebody who is known already; gives the team."""
    found = connection.execute(sa.select(events.c.id, events.c.code).where(events.c.name == event_name)).first()
    if found is None or not same_secret(found.code, code):
        raise Refusal("wrong_code", "this join link is not right", todo="ask the host for the whole link")
    known = team_of(connection, found.id, person.id)
    return known if known is not None else own_team(connection, found.id, person, database.now(connection))


def own_team(connection: sa.Connection, event_id: int, person: Person, now: float) -> int:
    """A new team of the person alone; its number. Raises Refusal where a team of such a name is there."""
    looks = skeleton(person.name)
    taken = connection.execute(
        sa.select(teams.c.id).where(teams.c.event_id == event_id, teams.c.skeleton == looks)
    ).first()
    if taken is not None:
        raise Refusal("name_taken", f"a team of the name {person.name!r}, or one that looks like it, is there",
                      where="name", todo="choose another")  # fmt: skip
    values = {"event_id": event_id, "name": person.name, "skeleton": looks, "invite": plain_secret(9),
              "created": now}  # fmt: skip
    team = connection.execute(teams.insert().returning(teams.c.id), values).scalar_one()
    connection.execute(members.insert(), {"event_id": event_id, "team_id": team, "person_id": person.id, "joined": now})
    return int(team)


def events_of(connection: sa.Connection, person_id: int) -> list[str]:
    """Names of the events in which a person takes part, the newest last."""
    chosen = sa.select(events.c.name).join(members, members.c.event_id == events.c.id)
    return list(connection.execute(chosen.where(members.c.person_id == person_id).order_by(events.c.id)).scalars())


def team_of(connection: sa.Connection, event_id: int, person_id: int) -> int | None:
    """The team of a person in an event."""
    found = connection.execute(_TEAM, {"event": event_id, "person": person_id}).scalar()
    return None if found is None else int(found)


def join_team(
    database: Database, connection: sa.Connection, event_id: int, rules: Rules, person: Person, invite: str
) -> int:
    """Move from one's own team, as long as it has sent nothing, to the one that the invitation names.

    Raises:
        Refusal: no such invitation, the team is full, one's own team has already sent something, the event is over.
    """
    from deepdojo.competition.database.tables import submissions

    if rules.state(database.now(connection)) == "ended":
        raise Refusal("ended", f"{rules.title} has ended", todo="see the final board on its page")
    wanted = sa.select(teams.c.id).where(teams.c.event_id == event_id, teams.c.invite == invite)
    target = connection.execute(wanted if database.sqlite else wanted.with_for_update()).scalar()
    if target is None:
        raise Refusal("wrong_code", "this invitation is not right", todo="ask your team for the whole of it")
    old = team_of(connection, event_id, person.id)
    if old == target:
        return int(target)
    sent = connection.execute(sa.select(submissions.c.id).where(submissions.c.team_id == old).limit(1)).first()
    if old is not None and sent is not None:
        raise Refusal("in_a_team", "your team has sent submissions, so you cannot leave it", todo="ask the host")
    here = connection.execute(
        sa.select(sa.func.count()).where(members.c.team_id == target, members.c.event_id == event_id)
    ).scalar_one()
    if here >= rules.team_size:
        raise Refusal("team_full", f"this team has {here} of {rules.team_size} members", todo="join another")
    leave_team(connection, event_id, person.id)
    values = {"event_id": event_id, "team_id": target, "person_id": person.id, "joined": database.now(connection)}
    connection.execute(members.insert(), values)
    return int(target)


def leave_team(connection: sa.Connection, event_id: int, person_id: int) -> None:
    """Leave; a team without members goes with the last one."""
    old = team_of(connection, event_id, person_id)
    connection.execute(members.delete().where(members.c.event_id == event_id, members.c.person_id == person_id))
    if old is not None:
        left = connection.execute(sa.select(members.c.person_id).where(members.c.team_id == old).limit(1)).first()
        if left is None:
            connection.execute(teams.delete().where(teams.c.id == old))
