"""What a host does to an event, and that it is written down."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from deepdojo.competition.database import events, tables
from deepdojo.competition.database.tables import boards
from deepdojo.competition.event import Rules, event_name, moment, parse_rules
from deepdojo.competition.refusal import Refusal


def again(room):
    with room.database.read() as connection:
        return events.event_of(connection, room.rules.name)


def do(room, action, *arguments):
    with room.database.write() as connection:
        action(room.database, connection, again_in(connection, room), *arguments)


def again_in(connection, room):
    return events.event_of(connection, room.rules.name)


def test_a_name_is_given_once(room):
    with room.database.write() as connection, pytest.raises(Refusal) as refused:
        events.make_event(room.database, connection, room.rules, solution_sha256="", who="host")
    assert refused.value.code == "name_taken"


def test_a_frozen_board_is_a_copy_that_later_changes_leave_alone(room):
    room.send()
    row = {"event_id": room.event.id, "team_id": room.team, "rubric": 1, "part": "public", "submission_id": 1,
           "value": 0.5, "low": 0.4, "high": 0.6, "n": 100, "rank": 1, "submissions": 1, "moved": 1.0}  # fmt: skip
    with room.database.write() as connection:
        connection.execute(boards.insert(), row)
    do(room, events.freeze, "host")
    before = again(room)
    with room.database.write() as connection:
        living = boards.update().where(boards.c.part == "public")
        connection.execute(living.values(value=0.9, submissions=2, moved=2.0))
        events.changed(connection, room.event.id, shown=False)
    with room.database.read() as connection:
        frozen = connection.execute(sa.select(boards).where(boards.c.part == "frozen")).mappings().one()
    assert (frozen["value"], frozen["submissions"], frozen["moved"]) == (0.5, 1, 1.0)
    after = again(room)
    assert after.frozen_at is not None
    assert after.shown_version == before.shown_version
    assert after.version == before.version + 1
    do(room, events.unfreeze, "host")
    assert again(room).frozen_at is None
    with room.database.read() as connection:
        assert connection.execute(sa.select(boards).where(boards.c.part == "frozen")).first() is None


def test_the_end_moves_until_the_final_board_is_open(room):
    do(room, events.extend_until, 4e9, "host")
    assert again(room).rules.ends == 4e9
    with room.database.write() as connection:
        connection.execute(tables.events.update().values(closed_at=1.0))
    with pytest.raises(Refusal) as refused:
        do(room, events.extend_until, 5e9, "host")
    assert refused.value.code == "ended"


def test_everything_a_host_does_stands_in_the_log(room):
    do(room, events.freeze, "grace")
    do(room, events.unfreeze, "grace")
    do(room, events.extend_until, 4e9, "grace")
    do(room, events.announce, "Label 7 was wrong.", "grace")
    with room.database.read() as connection:
        lines = events.audited(connection, room.event.id)
        assert events.news(connection, room.event.id)[0]["text"] == "Label 7 was wrong."
    assert [line["what"] for line in lines] == [
        "announced", "moved the end", "ended the freeze", "froze the public board", "hosted",
    ]  # fmt: skip
    assert {line["who"] for line in lines[:4]} == {"grace"}
    assert lines[1]["detail"] == {"from": None, "to": 4e9}


def test_an_empty_announcement_is_refused(room):
    with pytest.raises(Refusal):
        do(room, events.announce, " \n", "host")


@pytest.mark.parametrize("name", ["", "Reviews", "a b", "../x", "-a", "a-", "a" * 65, "ä", "a/b", "a.b"])
def test_a_name_that_cannot_stand_in_an_address_is_refused(name):
    with pytest.raises(Refusal):
        event_name(name)


def test_rules_name_the_key_that_is_wrong(room):
    value = room.rules.model_dump()
    for key, wrong in (("public_share", 1.5), ("per_day", 0), ("team_size", "many"), ("prize", 3)):
        with pytest.raises(Refusal) as refused:
            parse_rules(value | {key: wrong})
        assert refused.value.where == key
    assert parse_rules(value) == room.rules


def test_an_event_is_before_open_or_ended(room):
    rules = Rules(**room.rules.model_dump() | {"starts": 10.0, "ends": 20.0})
    assert [rules.state(now) for now in (9.9, 10.0, 19.9, 20.0)] == ["before", "open", "open", "ended"]


def test_a_moment_is_read_in_its_zone():
    assert moment("2027-01-31T18:00+00:00") == 1801418400.0
    assert moment("2027-01-31T18:00+02:00") == 1801411200.0
    with pytest.raises(Refusal, match="2027-01-31T18:00"):
        moment("tomorrow")
