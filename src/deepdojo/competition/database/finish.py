"""The finish transaction: a lease's results become scores, Ladder states and board rows, all or none of them.

Fenced twice: `ours` names the jobs whose lease still holds, and the primary key of the scores admits one row each.

Of the public board's vectors nothing is kept but what the Ladder holds of each team (`ladders.data`), which is the row
that stands on the board. Private ones are made when the event is closed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa

from deepdojo import __version__
from deepdojo.competition.database.engine import Database, dump
from deepdojo.competition.database.events import by_id, changed, freeze
from deepdojo.competition.database.lease import Job, ours, wake_ranking, wake_rescoring
from deepdojo.competition.database.tables import boards, events, ladders, scores, submissions, teams
from deepdojo.competition.ladder import Ladder

__all__ = ["Facts", "FreezeFirst", "Refused", "Scored", "finish", "freeze_if_due", "rescored"]


@dataclass(frozen=True)
class Facts:
    """What keeping a board needs to know of an event's answers; no answer is among it.

    Attributes:
        n: rows of each part. groups: (n,) numbers from 0 of rows that belong together, of each part.
        seed: of the ranking's sign flips.
    """

    n: Mapping[str, int]
    higher_is_better: bool
    groups: Mapping[str, np.ndarray | None] = field(repr=False)
    seed: bytes = field(repr=False)
    custom: bool = False


@dataclass(frozen=True)
class Scored:
    """A submission's scores: `parts` has value, low, high, n and interval of "public" and "private".

    Attributes:
        influence: (n,) float32 of the public rows.
        cost: what the file itself states of its costs; what its sender stated with it goes before.
    """

    job: Job
    parts: Mapping[str, Mapping[str, Any]]
    influence: np.ndarray = field(repr=False)
    facts: Facts = field(repr=False)
    cost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A file that has a fault, as its sender reads it; `host`: what the host may read beyond that."""

    job: Job
    fault: Mapping[str, Any]
    host: str | None = None


class FreezeFirst(Exception):
    """The event's board must be frozen before anything more is written on it."""

    def __init__(self, event_id: int) -> None:
        super().__init__(event_id)
        self.event_id = event_id


def finish(database: Database, results: Sequence[Scored | Refused]) -> set[int]:
    """End jobs of one lease.

    Returns:
        the ids of the jobs that were still ours; the others' results are thrown away.

    Raises:
        FreezeFirst: call `freeze_if_due`, then again.
        sqlalchemy.exc.IntegrityError: a score is there already; nothing was written.
    """
    if not results:
        return set()
    with database.write() as connection:
        mine = ours(connection, [result.job for result in results], "done")
        kept = sorted((r for r in results if r.job.id in mine), key=lambda r: r.job.submission_id or 0)
        if not kept:
            return mine
        _lock_teams(database, connection, [int(r.job.team_id or 0) for r in kept])
        now = database.now(connection)
        hosted = _events(connection, {r.job.event_id for r in kept}, now)
        _refuse(connection, [r for r in kept if isinstance(r, Refused)])
        scored = [r for r in kept if isinstance(r, Scored)]
        moved = _enter(database, connection, scored, now)
        _mark_scored(connection, scored)
        for result in scored:
            if result.job.rubric != hosted[result.job.event_id].rubric:  # the answers were changed meanwhile
                wake_rescoring(connection, result.job.event_id, int(result.job.team_id or 0),
                               hosted[result.job.event_id].rubric, now)  # fmt: skip
        for event_id, rubric in sorted(moved):
            wake_ranking(connection, event_id, rubric, now)
        for event_id, row in sorted(hosted.items()):
            changed(
                connection, event_id, shown=row.frozen_at is None and any(r.job.event_id == event_id for r in scored)
            )
    return mine


def rescored(database: Database, job: Job, results: Sequence[Scored]) -> bool:
    """One team's submissions scored under another version of answers or metric: their scores, Ladder and board row
    from nothing, in the order in which they were sent."""
    with database.write() as connection:
        if not ours(connection, [job], "done"):
            return False
        team = int(job.team_id or 0)
        _lock_teams(database, connection, [team])
        now = database.now(connection)
        own = sa.select(submissions.c.id).where(submissions.c.team_id == team).scalar_subquery()
        connection.execute(scores.delete().where(scores.c.rubric == job.rubric, scores.c.submission_id.in_(own)))
        for table in (ladders, boards):
            gone = (table.c.event_id == job.event_id) & (table.c.team_id == team) & (table.c.rubric == job.rubric)
            connection.execute(table.delete().where(gone if table is ladders else gone & (table.c.part == "public")))
        _enter(database, connection, results, now)
        wake_ranking(connection, job.event_id, job.rubric, now)
        row = _events(connection, {job.event_id}, now, freeze_counts=False)[job.event_id]
        changed(connection, job.event_id, shown=row.rubric == job.rubric and row.frozen_at is None)
    return True


def freeze_if_due(database: Database, event_id: int) -> bool:
    """Freeze the public board where its rules say so and the time has come."""
    with database.write() as connection:
        if not database.sqlite:
            connection.execute(sa.select(events.c.id).where(events.c.id == event_id).with_for_update())
        event, now = by_id(connection, event_id), database.now(connection)
        due = event.frozen_at is None and event.rules.freeze_at is not None and event.rules.freeze_at <= now
        if due and event.closed_at is None:
            freeze(database, connection, event, "the rules")
        return due


def _lock_teams(database: Database, connection: sa.Connection, wanted: Sequence[int]) -> None:
    """A team's Ladder goes step by step, also where several workers have its submissions."""
    if not database.sqlite:
        chosen = sa.select(teams.c.id).where(teams.c.id.in_(sorted(set(wanted)))).order_by(teams.c.id)
        connection.execute(chosen.with_for_update())


def _events(connection: sa.Connection, ids: set[int], now: float, *, freeze_counts: bool = True) -> dict[int, Any]:
    e = events.c
    found = connection.execute(
        sa.select(e.id, e.rubric, e.frozen_at, e.closed_at, e.rules).where(e.id.in_(sorted(ids)))
    ).all()
    for row in found if freeze_counts else ():
        if row.frozen_at is None and row.closed_at is None and '"freeze_at":null' not in row.rules:
            due = json.loads(row.rules).get("freeze_at")
            if due is not None and due <= now:
                raise FreezeFirst(row.id)
    return {row.id: row for row in found}


def _refuse(connection: sa.Connection, refused: Sequence[Refused]) -> None:
    if refused:
        connection.execute(
            submissions.update()
            .where(submissions.c.id == sa.bindparam("number"), submissions.c.state == "queued")
            .values(state="refused", counted=False, fault=sa.bindparam("told"), fault_host=sa.bindparam("host")),
            [{"number": r.job.submission_id, "told": dump(dict(r.fault)), "host": r.host} for r in refused],
        )


def _mark_scored(connection: sa.Connection, scored: Sequence[Scored]) -> None:
    if scored:
        numbers = [r.job.submission_id for r in scored]
        connection.execute(submissions.update().where(submissions.c.id.in_(numbers)).values(state="scored"))
    s = submissions.c
    for result in scored:
        if result.cost:
            at = s.id == result.job.submission_id
            told = connection.execute(sa.select(s.manifest).where(at)).scalar_one()
            kept = json.loads(told) if told else {}
            kept["cost"] = {**result.cost, **kept.get("cost", {})}
            connection.execute(submissions.update().where(at).values(manifest=dump(kept)))


def _enter(database: Database, connection: sa.Connection, scored: Sequence[Scored], now: float) -> set[tuple[int, int]]:
    """Scores, Ladder states and board rows; the (event, rubric) of boards on which a row moved."""
    if not scored:
        return set()
    states = _ladders(connection, scored)
    lines: list[dict[str, Any]] = []
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for result in scored:
        job, public = result.job, result.parts["public"]
        key = (int(job.team_id or 0), job.rubric)
        before = states.get(key) or Ladder(result.facts.n["public"], result.facts.higher_is_better)
        after, offer = before.offer(
            str(job.submission_id), public["value"], result.influence, groups=result.facts.groups["public"]
        )
        states[key] = after
        seen = {"shown": after.shown, "moved": offer.moved}
        for part, of in result.parts.items():
            line = {name: of[name] for name in ("value", "low", "high", "n", "interval")}
            lines.append({
                "submission_id": job.submission_id, "rubric": job.rubric, "part": part, **line, "version": __version__,
                "scored": now, **(seen if part == "public" else {"shown": None, "moved": None}),
            })  # fmt: skip
        row = rows.setdefault(
            key, {"event_id": job.event_id, "team_id": key[0], "rubric": job.rubric, "part": "public"}
        )
        row["submissions"] = after.offered
        if offer.moved:
            row |= {"submission_id": job.submission_id, "rank": None, "moved": now}
            row |= {name: public[name] for name in ("value", "low", "high", "n")}
    connection.execute(scores.insert(), lines)
    _keep_ladders(database, connection, states, rows)
    _keep_rows(database, connection, rows)
    return {(row["event_id"], row["rubric"]) for row in rows.values() if "moved" in row}


def _ladders(connection: sa.Connection, scored: Sequence[Scored]) -> dict[tuple[int, int], Ladder]:
    wanted = sorted({int(r.job.team_id or 0) for r in scored})
    kept = ladders.c
    found = connection.execute(
        sa.select(kept.team_id, kept.rubric, kept.state, kept.data).where(
            kept.team_id.in_(wanted), kept.rubric.in_(sorted({r.job.rubric for r in scored}))
        )
    )
    return {(team, rubric): Ladder.from_json(state, data or b"") for team, rubric, state, data in found}


def _keep_ladders(
    database: Database, connection: sa.Connection, states: Mapping[tuple[int, int], Ladder],
    rows: Mapping[tuple[int, int], dict[str, Any]],
) -> None:  # fmt: skip
    values = []
    still = []
    for key in sorted(rows):
        state = {"team_id": key[0], "rubric": key[1], "state": dump(states[key].as_json())}
        if "moved" in rows[key]:
            values.append({**state, "event_id": rows[key]["event_id"], "data": states[key].vector()})
        else:
            still.append({"team": key[0], "version": key[1], "told": state["state"]})
    if values:
        connection.execute(database.upsert(ladders), values)
    if still:
        at = (ladders.c.team_id == sa.bindparam("team")) & (ladders.c.rubric == sa.bindparam("version"))
        connection.execute(ladders.update().where(at).values(state=sa.bindparam("told")), still)


def _keep_rows(database: Database, connection: sa.Connection, rows: Mapping[tuple[int, int], dict[str, Any]]) -> None:
    made = [row for _, row in sorted(rows.items()) if "moved" in row]
    if made:
        connection.execute(database.upsert(boards), made)
    still = [
        {"event": row["event_id"], "team": row["team_id"], "version": row["rubric"], "count": row["submissions"]}
        for _, row in sorted(rows.items())
        if "moved" not in row
    ]
    if still:
        b = boards.c
        at = (b.event_id == sa.bindparam("event")) & (b.team_id == sa.bindparam("team")) & (b.part == "public")
        at &= b.rubric == sa.bindparam("version")
        connection.execute(boards.update().where(at).values(submissions=sa.bindparam("count")), still)
