"""Another version of the answers beside the valid one: who moves, and what stays."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepdojo.competition.database import rescore
from deepdojo.competition.database.boards import board
from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.events import event_of
from deepdojo.competition.database.tables import ladders, scores
from deepdojo.competition.refusal import Refusal
from tests.competition.arena import LABELS, Arena


@pytest.fixture
def arena(database: Database, tmp_path: Path) -> Arena:
    return Arena(database, tmp_path / "events", n=240)


@pytest.fixture
def worker(arena: Arena):
    made = arena.worker()
    yield made
    made.close()


def begin(database: Database, arena: Arena, truth: list[str]) -> int:
    arena.write_answers("rubrics/2", truth)
    with database.write() as connection:
        return rescore.preview(
            database, connection, event_of(connection, arena.name), reason="a label was wrong", metric="accuracy",
            solution_sha256="1" * 64, folder="rubrics/2", who="host",
        )  # fmt: skip


def now(database: Database, arena: Arena, function):
    with database.write() as connection:
        return function(database, connection, event_of(connection, arena.name), "host")


def public(database: Database, arena: Arena) -> list[dict[str, object]]:
    with database.read() as connection:
        return board(connection, event_of(connection, arena.name))


def changed_truth(arena: Arena) -> list[str]:
    """Every second answer another one."""
    return [LABELS[(LABELS.index(t) + 1) % 3] if k % 2 else t for k, t in enumerate(arena.truth)]


def test_a_preview_shows_who_moves_and_changes_nothing(database: Database, arena: Arena, worker):
    for number, (name, share) in enumerate((("ada", 0.9), ("bob", 0.3), ("ada", 0.95))):
        arena.send(name, arena.table(share, number))
    arena.drain(worker)
    before, version = public(database, arena), arena.event.shown_version
    assert begin(database, arena, changed_truth(arena)) == 2
    with pytest.raises(Refusal, match="still being scored"):
        now(database, arena, rescore.apply)
    with pytest.raises(Refusal, match="anew already"):
        begin(database, arena, changed_truth(arena))
    arena.drain(worker)
    assert public(database, arena) == before
    assert arena.event.shown_version == version
    with database.read() as connection:
        event = event_of(connection, arena.name)
        moved = {row["team"]: row for row in rescore.moves(connection, event, 2)}
        assert rescore.progress(connection, event, 2) == {"waiting": 0, "done": 2, "failed": 0}
        kept = connection.execute(sa.select(scores.c.rubric, sa.func.count()).group_by(scores.c.rubric)).all()
    assert moved["ada"]["new_value"] < moved["ada"]["old_value"]
    assert all(row["new_rank"] for row in moved.values())
    assert sorted(map(tuple, kept)) == [(1, 6), (2, 6)]
    assert now(database, arena, rescore.apply) == 2
    after = {row["team"]: row["value"] for row in public(database, arena)}
    assert after == {team: row["new_value"] for team, row in moved.items()}
    assert arena.event.shown_version > version
    with database.read() as connection:
        told = rescore.versions(connection, event_of(connection, arena.name))
    assert [(row["version"], row["state"]) for row in told] == [(2, "active"), (1, "old")]


def test_a_cancelled_preview_leaves_all_as_it_was(database: Database, arena: Arena, worker):
    arena.send("ada", arena.table(0.9))
    arena.drain(worker)
    before = public(database, arena)
    begin(database, arena, changed_truth(arena))
    assert now(database, arena, rescore.cancel) == 2
    arena.drain(worker)
    assert public(database, arena) == before
    assert arena.event.rubric == 1
    with pytest.raises(Refusal, match="not being scored anew"):
        now(database, arena, rescore.apply)


def test_what_was_sent_meanwhile_is_scored_under_the_new_version_too(database: Database, arena: Arena, worker):
    arena.send("ada", arena.table(0.9))
    arena.drain(worker)
    begin(database, arena, changed_truth(arena))
    arena.drain(worker)
    arena.send("bob", arena.table(0.8, 4))
    arena.drain(worker)
    arena.send("cy", arena.table(0.7, 5))  # still waits when the version is changed
    now(database, arena, rescore.apply)
    arena.drain(worker)
    rows = public(database, arena)
    assert {row["team"] for row in rows} == {"ada", "bob", "cy"}
    assert all(row["rank"] for row in rows)


def test_the_same_answers_again_give_the_same_board(database: Database, arena: Arena, worker):
    """Ladders and ranks computed from nothing, team by team, are those that were kept submission by submission."""
    for step in range(3):
        for number in range(5):
            arena.send(f"team {'abcde'[number]}", arena.table(0.4 + 0.1 * number + 0.04 * step, 10 * step + number))
            arena.drain(worker)
    names = ("rank", "team", "value", "low", "high", "n", "submissions", "submission")
    before = [{name: row[name] for name in names} for row in public(database, arena)]
    begin(database, arena, arena.truth)
    arena.drain(worker)
    now(database, arena, rescore.apply)
    arena.drain(worker)
    assert [{name: row[name] for name in names} for row in public(database, arena)] == before
    with database.read() as connection:
        kept = connection.execute(
            sa.select(ladders.c.rubric, ladders.c.team_id, ladders.c.state, ladders.c.data).order_by(
                ladders.c.rubric, ladders.c.team_id
            )
        ).all()  # fmt: skip
    assert [row[1:] for row in kept if row.rubric == 1] == [row[1:] for row in kept if row.rubric == 2]


def test_rescoring_after_the_end_writes_the_final_board_anew(database: Database, arena: Arena, worker):
    arena.send("ada", arena.table(0.9))
    arena.drain(worker)
    from deepdojo.competition.database.events import extend_until

    with database.write() as connection:
        extend_until(database, connection, event_of(connection, arena.name), time.time() - 1, "host")
    worker._house = 0.0
    arena.drain(worker)
    with database.read() as connection:
        old = board(connection, event_of(connection, arena.name), "private")
    begin(database, arena, changed_truth(arena))
    arena.drain(worker)
    now(database, arena, rescore.apply)
    arena.drain(worker)
    with database.read() as connection:
        new = board(connection, event_of(connection, arena.name), "private")
    assert new[0]["value"] < old[0]["value"]
