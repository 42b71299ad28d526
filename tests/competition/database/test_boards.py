"""What boards say, to whom and when: frozen, before the end, after it, incrementally and from nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepdojo.competition.database.boards import board, choose, finals, submission, submissions_of
from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.events import event_of, extend_until, freeze, unfreeze
from deepdojo.competition.database.tables import boards, jobs, ladders, scores, vectors
from deepdojo.competition.refusal import Refusal
from tests.competition.arena import Arena


def shown(database: Database, arena: Arena, part: str = "public", *, host: bool = False) -> list[dict[str, object]]:
    with database.read() as connection:
        return board(connection, event_of(connection, arena.name), part, host=host)


def end(database: Database, arena: Arena) -> None:
    with database.write() as connection:
        extend_until(database, connection, event_of(connection, arena.name), time.time() - 1, "host")


@pytest.fixture
def arena(database: Database, tmp_path: Path) -> Arena:
    return Arena(database, tmp_path / "events", n=240)


@pytest.fixture
def worker(arena: Arena):
    made = arena.worker()
    yield made
    made.close()


def test_a_board_kept_entry_by_entry_equals_one_from_nothing(database: Database, arena: Arena, worker):
    """Ranks of a worker that saw every step, of one that comes in the middle, and of one that sees the end alone."""
    for step in range(4):
        for number in range(9):
            arena.send(
                f"team {'abcdefghi'[number]}", arena.table(0.4 + 0.06 * number + 0.02 * step, 10 * step + number)
            )
        if step == 2:
            worker.close()
            worker = arena.worker()
        arena.drain(worker)
    kept = shown(database, arena)
    assert len(kept) == 9
    assert all(row["rank"] for row in kept)
    assert [row["submissions"] for row in kept] == [4] * 9
    assert max(row["rank"] for row in kept) > 1  # type: ignore[type-var]
    with database.write() as connection:
        connection.execute(boards.update().values(rank=None))
        connection.execute(jobs.insert(), {"kind": "rank", "event_id": arena.event.id, "rubric": 1, "order_key": 0.0})
    fresh = arena.worker()
    arena.drain(fresh)
    fresh.close()
    assert shown(database, arena) == kept
    worker.close()


def test_a_frozen_board_tells_nothing(database: Database, arena: Arena, worker):
    for number, name in enumerate(("ada", "bob")):
        arena.send(name, arena.table(0.4, number))
    arena.drain(worker)
    with database.write() as connection:
        freeze(database, connection, event_of(connection, arena.name), "host")
    arena.drain(worker)
    before, version = shown(database, arena), arena.event.shown_version
    inner = arena.event.version
    arena.send("ada", arena.table(0.95, 5))
    arena.send("cy", arena.table(0.9, 6))
    arena.send("bob", b"id,label\nno,no\n")
    arena.drain(worker)
    assert shown(database, arena) == before
    assert arena.event.shown_version == version
    assert arena.event.version > inner
    assert [row["team"] for row in shown(database, arena, host=True)] == ["ada", "cy", "bob"]
    with database.write() as connection:
        unfreeze(database, connection, event_of(connection, arena.name), "host")
        assert connection.execute(sa.select(vectors.c.part)).all() == []
    assert [row["team"] for row in shown(database, arena)] == ["ada", "cy", "bob"]
    assert arena.event.shown_version > version


def test_the_frozen_copy_is_ranked_though_its_ranking_still_waited(database: Database, arena: Arena, worker):
    for number in range(6):
        arena.send(f"team {'abcdef'[number]}", arena.table(0.3 + 0.12 * number, number))
    worker.once()  # scored, and not ranked
    with database.write() as connection:
        freeze(database, connection, event_of(connection, arena.name), "host")
    assert all(row["rank"] is None for row in shown(database, arena))
    arena.send("team a", arena.table(0.97, 77))
    arena.drain(worker)
    frozen, living = shown(database, arena), shown(database, arena, host=True)
    assert all(row["rank"] for row in frozen)
    assert frozen[0]["team"] == "team f"
    assert living[0]["team"] == "team a"


def test_a_board_freezes_by_itself_before_anything_later_stands_on_it(database: Database, tmp_path: Path):
    arena = Arena(database, tmp_path / "events", n=60, freeze_at=time.time() - 5)
    arena.send("ada", arena.table(0.5))
    with Working(arena) as worker:
        worker._house = time.monotonic() + 100  # not the clock: the finish transaction itself must see to it
        arena.drain(worker)
    assert arena.event.frozen_at is not None
    assert shown(database, arena) == []
    assert len(shown(database, arena, host=True)) == 1


class Working:
    def __init__(self, arena: Arena) -> None:
        self.worker = arena.worker()

    def __enter__(self):
        return self.worker

    def __exit__(self, *_: object) -> None:
        self.worker.close()


def test_nothing_private_before_the_end(database: Database, arena: Arena, worker):
    ids = [arena.send(name, arena.table(share, 3)) for name, share in (("ada", 0.5), ("bob", 0.8))]
    arena.drain(worker)
    with database.read() as connection:
        event = event_of(connection, arena.name)
        hidden = [row.value for row in connection.execute(sa.select(scores.c.value).where(scores.c.part == "private"))]
        with pytest.raises(Refusal, match="opens at the end"):
            board(connection, event, "private")
        told = json.dumps([
            board(connection, event), submissions_of(connection, event, arena.team("ada")),
            [submission(connection, each) for each in ids],
        ])  # fmt: skip
        assert len(board(connection, event, "private", host=True)) == 2
        assert submission(connection, ids[0], host=True)["private"]["value"] in hidden
    assert len(hidden) == 2
    assert not [value for value in hidden if repr(value) in told]


def test_a_submission_that_is_no_step_does_not_tell_its_own_public_value(database: Database, arena: Arena, worker):
    arena.send("ada", arena.table(0.9))
    arena.drain(worker)
    probe = arena.send("ada", arena.table(0.3, 9))
    arena.drain(worker)
    with database.read() as connection:
        plain = connection.execute(
            sa.select(scores.c.value).where(scores.c.part == "public").order_by(scores.c.value)
        ).scalars().first()  # fmt: skip
        told = submission(connection, probe)
        assert told["moved"] is False
        assert told["value"] == board(connection, event_of(connection, arena.name))[0]["value"]
        assert repr(plain) not in json.dumps(told)
        assert submission(connection, probe, host=True)["plain"]["value"] == plain


def test_the_place_in_the_queue_counts_those_before(database: Database, arena: Arena):
    ids = [arena.send(name, arena.table(0.5, number)) for number, name in enumerate("abc")]
    with database.read() as connection:
        assert [submission(connection, each)["place"] for each in ids] == [0, 1, 2]


def test_the_final_board_ranks_what_teams_chose(database: Database, arena: Arena, worker):
    first = arena.send("ada", arena.table(0.55, 1))
    arena.send("ada", arena.table(0.9, 2))
    arena.send("bob", arena.table(0.7, 3))
    arena.send("bob", arena.table(0.5, 4))
    arena.drain(worker)
    with database.write() as connection:
        event = event_of(connection, arena.name)
        choose(connection, event, arena.team("ada"), [first], time.time())
        with pytest.raises(Refusal, match="no scored submission of your team"):
            choose(connection, event, arena.team("bob"), [first], time.time())
    end(database, arena)
    worker._house = 0.0
    arena.drain(worker)
    event = arena.event
    assert event.closed_at is not None
    rows = shown(database, arena, "private")
    assert [row["team"] for row in rows] == ["bob", "ada"]
    assert rows[1]["submission"] == first
    assert [row["public_rank"] for row in rows] == [2, 1] or [row["public_rank"] for row in rows] == [1, 1]
    assert all(row["rank"] for row in rows)
    with database.read() as connection:
        assert len(connection.execute(sa.select(vectors.c.part).where(vectors.c.part == "private")).all()) == 2
        assert finals(connection, event)[0]["value"] == rows[0]["value"]
        assert submission(connection, first)["private"]["value"] == rows[1]["value"]
        with pytest.raises(Refusal, match="has ended"):
            choose(connection, event, arena.team("ada"), [], time.time())
    worker._house = 0.0
    assert worker.once() == 0  # once


def test_the_end_waits_for_what_was_sent_before_it(database: Database, arena: Arena, worker):
    arena.send("ada", arena.table(0.5))
    end(database, arena)
    worker._house = time.monotonic() + 100
    from deepdojo.competition.database.closing import close_due

    assert close_due(database) == 0
    arena.drain(worker)
    assert close_due(database) == 1
    assert close_due(database) == 0
    arena.drain(worker)
    assert [row["team"] for row in shown(database, arena, "private")] == ["ada"]


def test_only_boards_keep_vectors(database: Database, arena: Arena, worker):
    for number in range(8):
        arena.send("ada", arena.table(0.5 + number / 20, number))
    arena.drain(worker)
    with database.read() as connection:
        assert connection.execute(sa.select(vectors.c.part)).all() == []
        assert len(connection.execute(sa.select(ladders.c.data)).all()) == 1
