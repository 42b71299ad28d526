"""The thread that writes: all that wait share one commit, and none pays for another's refusal."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from deepdojo.competition.database.tables import announcements, meta
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.server.writer import Writer


@pytest.fixture
def writer(room):
    made = Writer(room.database)
    yield made
    made.close()


def kept(room):
    with room.database.read() as connection:
        return list(connection.execute(sa.select(announcements.c.text).order_by(announcements.c.text)).scalars())


def said(room, text, *, refused=False, ran=None):
    def change(connection):
        if ran is not None:
            ran.append(text)
        connection.execute(announcements.insert(), {"event_id": room.event.id, "text": text, "created": 1.0})
        if refused:
            raise Refusal("bad_request", "no", todo="nothing")
        return text

    return change


def together(writer, changes):
    """Submit them so that they fall into one transaction: the writer is kept busy until all wait."""
    go = threading.Event()
    writer.submit(lambda _connection: go.wait(10))
    futures = [writer.submit(change) for change in changes]
    go.set()
    return futures


def test_changes_that_wait_share_one_transaction(room, writer):
    commits = []
    note = commits.append
    sa.event.listen(room.database.engine, "commit", note)
    futures = together(writer, [said(room, f"{i}") for i in range(8)])
    assert [future.result(10) for future in futures] == [f"{i}" for i in range(8)]
    sa.event.remove(room.database.engine, "commit", note)
    assert kept(room) == [f"{i}" for i in range(8)]
    assert len(commits) <= 2  # the one that was kept busy, and all the others


def test_a_refused_change_leaves_the_others_alone_and_nothing_of_itself(room, writer):
    changes = [said(room, "a"), said(room, "b", refused=True), said(room, "c")]
    good, bad, also = together(writer, changes)
    assert (good.result(10), also.result(10)) == ("a", "c")
    with pytest.raises(Refusal):
        bad.result(10)
    assert kept(room) == ["a", "c"]


def test_a_change_that_the_database_refuses_leaves_the_others_alone(room, writer):
    def twice(connection):
        connection.execute(meta.insert(), {"key": "secret", "value": "there is one"})

    good, bad = together(writer, [said(room, "a"), twice])
    assert good.result(10) == "a"
    with pytest.raises(sa.exc.IntegrityError):
        bad.result(10)
    assert kept(room) == ["a"]


def test_after_a_commit_that_failed_nothing_is_tried_again(room, writer, monkeypatch):
    """Nobody knows how far such a commit went: the sender asks again, with the same key."""
    ran = []

    def fail(_connection):
        raise sa.exc.OperationalError("COMMIT", {}, Exception("the line is cut"))

    monkeypatch.setattr(sa.Connection, "commit", fail)
    for future in together(writer, [said(room, "a", ran=ran), said(room, "b", ran=ran)]):
        with pytest.raises(Refusal):
            future.result(10)
    monkeypatch.undo()
    assert ran == ["a", "b"]
    assert kept(room) == []


def test_a_sender_who_no_longer_waits_stops_nothing(room, writer):
    future, other = together(writer, [said(room, "a"), said(room, "b")])
    assert not future.cancel()
    assert other.result(10) == "b"
    assert writer.submit(said(room, "c")).result(10) == "c"
    assert kept(room) == ["a", "b", "c"]
