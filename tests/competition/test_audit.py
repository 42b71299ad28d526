"""The audit: equal whatever workers did in whichever order, and red for every thing that was changed by hand."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepdojo.competition.audit import audit_event
from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.tables import boards, events, jobs, payloads, scores
from deepdojo.competition.refusal import Refusal

from .arena import Arena


def filled(database: Database, folder: Path, **options: object) -> Arena:
    """Three teams that send by turns to two workers, each taking one job at a time."""
    arena = Arena(database, folder / "events", n=150, **options)  # type: ignore[arg-type]
    workers = [arena.worker(most=1) for _ in range(2)]
    for k in range(9):
        arena.send(("ada", "bob", "cyd")[k % 3], arena.table(0.4 + 0.06 * k, k))
        if k % 3 == 2:
            for worker in workers:
                worker.once()
    arena.drain(workers[0])
    for worker in workers:
        worker.close()
    return arena


def audited(arena: Arena) -> dict[str, object]:
    return audit_event(arena.database, arena.events, arena.event)


@pytest.mark.parametrize("grouped", [False, True])
def test_a_board_kept_step_by_step_equals_one_from_nothing(database: Database, tmp_path: Path, grouped: bool) -> None:
    found = audited(filled(database, tmp_path, grouped=grouped))
    assert found["different"] == []
    assert (found["equal"], found["submissions"], found["rows"], found["final_rows"]) == (True, 9, 3, 0)


@pytest.mark.parametrize("address", ["sqlite"])
def test_the_final_board_is_audited_too_and_every_change_is_found(tmp_path: Path, address: str) -> None:
    from deepdojo.competition.database.engine import open_database

    database = open_database(tmp_path / "server.sqlite")
    arena = filled(database, tmp_path, ends=time.time() + 3600)
    with database.write() as connection:
        rules = arena.event.rules.model_copy(update={"ends": time.time() - 1})
        connection.execute(events.update().values(rules=rules.model_dump_json()))
    worker = arena.worker()
    until = time.monotonic() + 30
    while arena.event.closed_at is None and time.monotonic() < until:
        worker.once()
        time.sleep(0.05)
    worker.close()
    whole = audited(arena)
    assert (whole["equal"], whole["final_rows"]) == (True, 3), whole["different"]
    changes = [
        (boards.update().where(boards.c.part == "public"), {"rank": boards.c.rank + 1}),
        (boards.update().where(boards.c.part == "private"), {"value": boards.c.value - 1e-12}),
        (boards.update(), {"submissions": 17}),
        (scores.update().where(scores.c.part == "public"), {"shown": 0.5}),
        (scores.update().where(scores.c.part == "private"), {"low": scores.c.low - 1e-12}),
        (payloads.update(), {"data": sa.literal(b"id,label\n"), "encoding": "raw"}),
    ]
    for change, values in changes:
        kept = (tmp_path / "server.sqlite").with_name("kept.sqlite")
        kept.unlink(missing_ok=True)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(kept),))
        copy = open_database(kept)
        with copy.write() as connection:
            connection.execute(change.values(**values))
        found = audit_event(copy, arena.events, arena.event)
        copy.close()
        assert not found["equal"], (str(change), values)
    database.close()


def test_while_something_waits_the_audit_says_so(database: Database, tmp_path: Path) -> None:
    arena = Arena(database, tmp_path / "events", n=30)
    arena.send("ada", arena.table(0.5))
    with pytest.raises(Refusal, match="still being computed"):
        audited(arena)
    with database.read() as connection:
        assert connection.execute(sa.select(jobs.c.state)).scalars().all() == ["queued"]


def test_an_event_without_submissions_is_equal(database: Database, tmp_path: Path) -> None:
    found = audited(Arena(database, tmp_path / "events", n=30))
    assert (found["equal"], found["submissions"]) == (True, 0)
