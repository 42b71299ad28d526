"""Names, tokens, sessions, teams."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from deepdojo.competition.database import people
from deepdojo.competition.database.tables import members, sessions, teams
from deepdojo.competition.refusal import Refusal
from tests.competition.database.room import room_in


def joined(room, name):
    with room.database.write() as connection:
        return people.join(room.database, connection, room.rules.name, room.event.code, name)


@pytest.mark.parametrize("name", ["ada", " Ada ", "ADA", "Аdа", "Ａｄａ", "A d a", "Àda"])
def test_a_name_that_looks_like_another_is_taken(room, name):
    with pytest.raises(Refusal) as refused:
        joined(room, name)
    assert refused.value.code == "name_taken"


@pytest.mark.parametrize("name", ["", "   ", "A\u200bda", "\u202eadA", "A\x00", "x" * 41, "A\nB", "!!!"])
def test_a_name_that_nobody_can_read_is_refused(room, name):
    with pytest.raises(Refusal) as refused:
        joined(room, name)
    assert (refused.value.code, refused.value.where) == ("bad_request", "name")


@pytest.mark.parametrize("name", ["李明", "Zoë", "=cmd|' /C calc'!A0", "Ada2", "modem", "Øystein"])
def test_other_names_are_free(room, name):
    assert joined(room, name)[0].name == name


def test_a_wrong_code_and_a_wrong_event_are_told_alike(room):
    said = set()
    for event, code in ((room.rules.name, "wrong"), ("no-such-event", room.event.code)):
        with room.database.write() as connection, pytest.raises(Refusal) as refused:
            people.join(room.database, connection, event, code, "Bo")
        said.add((refused.value.code, str(refused.value)))
    assert len(said) == 1


def test_a_token_opens_until_it_is_revoked_and_is_not_kept(room):
    with room.database.read() as connection:
        assert people.by_token(connection, room.token) == room.ada
        stored = connection.execute(sa.text("SELECT * FROM people")).all()
    assert room.token not in str(stored)
    with room.database.write() as connection:
        people.revoke(connection, room.ada.id, 1.0)
    with room.database.read() as connection, pytest.raises(Refusal) as refused:
        people.by_token(connection, room.token)
    assert refused.value.code == "wrong_token"


def test_a_session_ends_by_time_and_by_revoking(room):
    with room.database.write() as connection:
        now = room.database.now(connection)
        secret = people.make_session(connection, room.ada, now)
        assert people.by_session(connection, secret, now) == room.ada
        assert people.by_session(connection, secret, now + 15 * 86_400) is None
        assert people.by_session(connection, secret + "x", now) is None
        assert secret not in str(connection.execute(sa.select(sessions)).all())
        people.revoke(connection, room.ada.id, now, token=False)
        assert people.by_session(connection, secret, now) is None
        assert people.by_token(connection, room.token) == room.ada


def invitation(room, team):
    with room.database.read() as connection:
        return connection.execute(sa.select(teams.c.invite).where(teams.c.id == team)).scalar_one()


def move(room, person, invite):
    with room.database.write() as connection:
        return people.join_team(room.database, connection, room.event.id, room.rules, person, invite)


def test_an_invitation_moves_one_into_the_team_and_the_empty_team_goes(database):
    room = room_in(database, team_size=2)
    bo, _, old = joined(room, "Bo")
    assert move(room, bo, invitation(room, room.team)) == room.team
    with room.database.read() as connection:
        assert people.team_of(connection, room.event.id, bo.id) == room.team
        assert connection.execute(sa.select(teams.c.id)).scalars().all() == [room.team]
    assert old != room.team


def test_a_full_team_takes_nobody(room):
    bo, _, old = joined(room, "Bo")
    with pytest.raises(Refusal) as refused:
        move(room, bo, invitation(room, room.team))
    assert refused.value.code == "team_full"
    with room.database.read() as connection:
        assert people.team_of(connection, room.event.id, bo.id) == old


def test_who_has_sent_something_cannot_leave_the_team(database):
    room = room_in(database, team_size=2)
    _, _, other = joined(room, "Bo")
    room.send()
    with pytest.raises(Refusal) as refused:
        move(room, room.ada, invitation(room, other))
    assert refused.value.code == "in_a_team"


def test_somebody_known_enters_another_event_once(room):
    other = room_in_second(room)
    with room.database.write() as connection:
        first = people.enter(room.database, connection, "second", other.code, room.ada)
        assert people.enter(room.database, connection, "second", other.code, room.ada) == first
        count = sa.select(sa.func.count()).select_from(members).where(members.c.person_id == room.ada.id)
        assert connection.execute(count).scalar_one() == 2


def room_in_second(room):
    from deepdojo.competition.database import events

    rules = room.rules.model_copy(update={"name": "second"})
    with room.database.write() as connection:
        return events.make_event(room.database, connection, rules, solution_sha256="1" * 64, who="host")
