"""Accounts and the desk's views, on both databases: roles, tokens, revoking, queue, Ladders, copies, stated costs."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from deepdojo.competition.database import accounts, copies, desk, people
from deepdojo.competition.database.accept import Sent, accept
from deepdojo.competition.database.boards import board, chosen, submission
from deepdojo.competition.database.events import audited, event_of
from deepdojo.competition.database.tables import submissions
from deepdojo.competition.packing import pack
from deepdojo.competition.refusal import Refusal
from tests.competition.arena import Arena


@pytest.fixture
def host(room):
    with room.database.write() as connection:
        person, _ = people.make_person(connection, "host", "host", room.database.now(connection))
    return person


def hand_out(room, host, name, role=None):
    with room.database.write() as connection:
        return accounts.hand_out(room.database, connection, room.event, name, role, host)


def revoke(room, host, name):
    with room.database.write() as connection:
        return accounts.revoke_person(room.database, connection, room.event, name, host)


def known(room):
    with room.database.read() as connection:
        found = accounts.everybody(connection, room.event, room.database.now(connection))
    return {row["name"]: row for row in found}


def test_everybody_is_listed_once_with_role_team_and_open_browsers(room, host):
    hand_out(room, host, "Lena", "viewer")
    with room.database.write() as connection:
        now = room.database.now(connection)
        for _ in range(2):
            people.make_session(connection, room.ada, now)
        accounts.set_password(room.database, connection, room.event, host, "$argon2id$…")
    found = known(room)
    assert list(found) == ["host", "Lena", "Ada"]
    assert (found["Ada"]["team"], found["Ada"]["sessions"], found["Ada"]["password"]) == ("Ada", 2, False)
    assert (found["host"]["team"], found["host"]["password"], found["Lena"]["sessions"]) == (None, True, 0)


def test_an_entrant_who_gets_a_token_takes_part_and_the_old_token_ends(room, host):
    bo, first = hand_out(room, host, "Bo")
    again, second = hand_out(room, host, "bo ")
    assert again.id == bo.id
    with room.database.read() as connection:
        assert people.team_of(connection, room.event.id, bo.id) is not None
        assert people.by_token(connection, second).id == bo.id
        with pytest.raises(Refusal):
            people.by_token(connection, first)


def test_who_is_revoked_is_out_until_a_new_token(room, host):
    with room.database.write() as connection:
        now = room.database.now(connection)
        secret = people.make_session(connection, room.ada, now)
    revoke(room, host, "ADA")
    with room.database.read() as connection:
        assert people.by_session(connection, secret, now) is None
        with pytest.raises(Refusal):
            people.by_token(connection, room.token)
    assert known(room)["Ada"]["revoked"]
    _, token = hand_out(room, host, "Ada")
    with room.database.read() as connection:
        assert people.by_token(connection, token).id == room.ada.id
        assert people.by_session(connection, secret, now) is None, "old browsers stay signed out"


def test_the_last_host_stays_and_nobody_ends_his_own_token(room, host):
    with pytest.raises(Refusal, match="only host"):
        revoke(room, host, "host")
    with pytest.raises(Refusal, match="the token that you use"):
        hand_out(room, host, "host")
    second, _ = hand_out(room, host, "Grace", "host")
    assert revoke(room, second, "host").name == "host"
    with pytest.raises(Refusal, match="only host"):
        revoke(room, second, "Grace")


@pytest.mark.parametrize(("name", "role", "code"), [
    ("Ada", "viewer", "name_taken"), ("x", "king", "bad_request"), ("", None, "bad_request"),
])  # fmt: skip
def test_a_token_that_cannot_be_made_changes_nothing(room, host, name, role, code):
    before = known(room)
    with pytest.raises(Refusal) as refused:
        hand_out(room, host, name, role)
    assert refused.value.code == code
    assert known(room) == before


def test_each_act_is_logged_with_who_and_whom_and_without_secrets(room, host):
    _, token = hand_out(room, host, "Bo")
    revoke(room, host, "Bo")
    with room.database.write() as connection:
        accounts.set_password(room.database, connection, room.event, host, "kept")
        accounts.set_password(room.database, connection, room.event, host, None)
    with room.database.read() as connection:
        log = audited(connection, room.event.id)
    assert [(line["who"], line["what"], line["detail"].get("whom")) for line in log[:4]] == [
        ("host", "took the password away", None), ("host", "set a password", None), ("host", "revoked", "Bo"),
        ("host", "handed out a token", "Bo"),
    ]  # fmt: skip
    assert token not in str(log)
    assert "kept" not in str(log)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_a_text_that_cannot_be_kept_is_a_refusal_on_every_database(room, host, text):
    """PostgreSQL takes no NUL, and nothing can encode half a surrogate pair: that once was a fault of the server."""
    asked = (
        lambda c: event_of(c, text), lambda c: desk.ladder(c, room.event, text), lambda c: submission(c, text),
        lambda c: people.join_team(room.database, c, room.event.id, room.rules, room.ada, text),
        lambda c: people.by_token(c, text), lambda c: people.make_person(c, text, "viewer", 0.0),
    )  # fmt: skip
    for ask in asked:
        with pytest.raises(Refusal), room.database.read() as connection:
            ask(connection)
    with room.database.read() as connection:
        assert people.by_token(connection, room.token) == room.ada, "the next one is served"


# ---- with a worker ----


@pytest.fixture
def arena(database, tmp_path: Path) -> Arena:
    return Arena(database, tmp_path / "events", n=240)


def test_the_desk_tells_queue_ladders_and_copies(database, arena):
    for team, share, seed in (("ada", 0.7, 1), ("bo", 0.7, 1), ("ada", 0.71, 2), ("ada", 0.95, 3), ("ada", 0.5, 4)):
        arena.send(team, arena.table(share, seed))
    with database.read() as connection:
        before = desk.queue(connection, arena.event, database.now(connection))
    assert (before["waiting"], before["leased"], len(before["jobs"])) == (5, 0, 5)
    assert before["oldest_s"] < 60
    assert {job["team"] for job in before["jobs"]} == {"ada", "bo"}
    worker = arena.worker()
    try:
        arena.drain(worker)
    finally:
        worker.close()
    with database.read() as connection:
        assert desk.queue(connection, arena.event, database.now(connection))["jobs"] == []
        states = {row["team"]: row for row in desk.ladder_states(connection, arena.event)}
        steps = desk.ladder(connection, arena.event, "ada")
        (copy,) = copies.same_files(connection, arena.event.id)
        rows = {row["team"]: row for row in board(connection, arena.event)}
        assert len(desk.ladder_states(connection, arena.event, 1)) == 1
        with pytest.raises(Refusal):
            desk.ladder(connection, arena.event, "nobody")
    assert (states["ada"]["offered"], states["ada"]["steps"], states["ada"]["since"]) == (4, 2, 1)
    assert states["ada"]["shown"] == rows["ada"]["value"]
    assert [offer["moved"] for offer in steps["offers"]] == [True, True, False]
    assert steps["offers"][0]["gain"] is None
    assert steps["offers"][1]["gain"] > steps["offers"][1]["needed"]
    assert steps["offers"][1]["submission"] == rows["ada"]["submission"]
    assert [sent["team"] for sent in copy["sent"]] == ["ada", "bo"]


def test_a_stated_cost_stands_with_the_submission_and_on_the_row_that_it_moved(database, arena):
    number = arena.team("ada")
    sent = Sent(number, arena.teams["ada"][1], "k", "table", "a.csv", "", "", pack(arena.table(0.8)),
                {"parameters": 7, "seconds": 2.5})  # fmt: skip
    with database.write() as connection:
        event = event_of(connection, arena.name)
        public_id, _ = accept(database, connection, event.key, event.rules, sent)
    worker = arena.worker()
    try:
        arena.drain(worker)
    finally:
        worker.close()
    with database.write() as connection:
        (row,) = board(connection, arena.event)
        told = submission(connection, public_id)
        connection.execute(submissions.update().where(submissions.c.public_id == public_id).values(chosen=True))
        (final,) = chosen(connection, arena.event, number)
        (private,) = board(connection, arena.event, "private", host=True)
    for each in (row, told, private):
        assert (each["parameters"], each["train_flops"], each["seconds"]) == (7, None, 2.5)
    assert final["id"] == public_id


def test_an_invitation_never_begins_as_an_option_does():
    made = [people.plain_secret(9) for _ in range(2000)]
    assert all(each[0].isalnum() for each in made)
    assert len(set(made)) == 2000


def test_an_id_never_begins_as_an_option_does(room):
    ids = [
        room.send(f"id,label\n{k},a\n", rules=room.rules.model_copy(update={"per_day": 1000}))[0] for k in range(200)
    ]
    assert all(each[0].isalnum() for each in ids)
    assert len(set(ids)) == 200
    with room.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(submissions)).scalar_one() == 200
