"""Scoring anew: another version of the answers or the metric, seen beside the old one before it counts.

A version is a rubric: a row of the rubrics and a folder below the event's private one. While it is a preview, every
team's submissions are scored under it; scores, Ladders and board rows of both versions stand side by side, by their
number, and both stay afterwards.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.events import Event, announce, changed, log
from deepdojo.competition.database.lease import wake_rescoring
from deepdojo.competition.database.tables import OPEN_JOB, boards, events, jobs, rubrics, scores, submissions, teams
from deepdojo.competition.refusal import Refusal

__all__ = ["apply", "cancel", "moves", "preview", "progress", "versions"]


def preview(
    database: Database, connection: sa.Connection, event: Event, *, reason: str, metric: str, solution_sha256: str,
    folder: str, who: str,
) -> int:  # fmt: skip
    """Begin a new version and put every team's submissions into the queue under it.

    Args:
        folder: of the new answers, below the event's private folder, such as rubrics/2.

    Returns:
        the version's number.

    Raises:
        Refusal: a preview is there already.
    """
    if not reason.strip():
        raise Refusal("bad_request", "no reason is given", where="--reason", todo="entrants will read it")
    if _previewed(connection, event) is not None:
        raise Refusal("bad_request", f"{event.rules.title} is being scored anew already",
                      todo="apply or cancel that first")  # fmt: skip
    r = rubrics.c
    last = connection.execute(sa.select(sa.func.max(r.version)).where(r.event_id == event.id)).scalar_one()
    now, version = database.now(connection), int(last) + 1
    values = {"event_id": event.id, "version": version, "state": "preview", "reason": reason.strip()[:2000],
              "metric": metric, "solution_sha256": solution_sha256, "folder": folder, "created": now}  # fmt: skip
    connection.execute(rubrics.insert(), values)
    s = submissions.c
    waiting = connection.execute(
        sa.select(s.team_id).where(s.event_id == event.id, s.state == "scored").distinct().order_by(s.team_id)
    ).scalars()
    for team in waiting:
        wake_rescoring(connection, event.id, team, version, now)
    log(
        database, connection, event.id, who, "began to score anew", {"version": version, "reason": reason.strip()[:200]}
    )
    changed(connection, event.id, shown=False)
    return version


def progress(connection: sa.Connection, event: Event, version: int) -> dict[str, int]:
    """How many teams wait, are done, have failed."""
    j = jobs.c
    found = connection.execute(
        sa.select(j.state, sa.func.count()).where(
            j.event_id == event.id, j.kind == "rescore", j.rubric == version
        ).group_by(j.state)
    ).all()  # fmt: skip
    counts = {row[0]: row[1] for row in found}
    return {"waiting": counts.get("queued", 0) + counts.get("leased", 0), "done": counts.get("done", 0),
            "failed": counts.get("failed", 0)}  # fmt: skip


def moves(connection: sa.Connection, event: Event, version: int) -> list[dict[str, Any]]:
    """Who moves, the public board of the valid version beside that of another: team, old and new rank and value; the
    new order."""
    old, new = boards.alias("old"), boards.alias("new")

    def on(part: Any, number: int) -> Any:
        at = (part.c.team_id == teams.c.id) & (part.c.part == "public") & (part.c.rubric == number)
        return at & (part.c.event_id == event.id)

    joined = teams.outerjoin(old, on(old, event.rubric)).outerjoin(new, on(new, version))
    found = connection.execute(
        sa.select(
            teams.c.name.label("team"), teams.c.id.label("team_id"), old.c.rank.label("old_rank"),
            old.c.value.label("old_value"), new.c.rank.label("new_rank"), new.c.value.label("new_value"),
        ).select_from(joined).where(teams.c.event_id == event.id, old.c.value.is_not(None) | new.c.value.is_not(None))
    ).mappings()  # fmt: skip
    sign = -1.0 if event.rules.higher_is_better else 1.0
    return sorted(
        map(dict, found), key=lambda row: (row["new_value"] is None, sign * (row["new_value"] or 0.0), row["team_id"])
    )


def apply(database: Database, connection: sa.Connection, event: Event, who: str) -> int:
    """Let the preview count from now on, and tell all entrants why. What was sent meanwhile is scored under it, too.

    Returns:
        the version's number.

    Raises:
        Refusal: there is no preview, teams still wait, or a team's submissions could not be scored.
    """
    if not database.sqlite:  # a finishing worker reads the version under the same lock
        connection.execute(sa.select(events.c.id).where(events.c.id == event.id).with_for_update())
    version = _needed(connection, event)
    state = progress(connection, event, version)
    if state["waiting"]:
        raise Refusal("bad_request", f"{state['waiting']} teams are still being scored", todo="try again in a while")
    if state["failed"]:
        raise Refusal("bad_request", f"the submissions of {state['failed']} teams could not be scored",
                      todo="see why on the host's desk, then cancel")  # fmt: skip
    now, r = database.now(connection), rubrics.c
    _set(connection, event, event.rubric, "old")
    _set(connection, event, version, "active")
    metric, reason = connection.execute(
        sa.select(r.metric, r.reason).where(r.event_id == event.id, r.version == version)
    ).one()
    rules = event.rules.model_copy(update={"metric": metric})
    connection.execute(
        events.update().where(events.c.id == event.id).values(rubric=version, rules=rules.model_dump_json())
    )
    waiting = (jobs.c.event_id == event.id) & jobs.c.kind.in_(("score", "run")) & (jobs.c.state == "queued")
    connection.execute(jobs.update().where(waiting).values(rubric=version))
    for team in _without_score(connection, event, version):
        wake_rescoring(connection, event.id, team, version, now)
    if event.closed_at is not None:
        connection.execute(jobs.insert(), {"kind": "close", "event_id": event.id, "rubric": version, "order_key": now})
    announce(database, connection, event, f"All submissions were scored anew (version {version}): {reason}", who)
    log(database, connection, event.id, who, "scored anew", {"version": version, "reason": reason})
    return version


def cancel(database: Database, connection: sa.Connection, event: Event, who: str) -> int:
    """Leave the valid version valid; the preview's scores stay to be read. Gives the version's number.

    Raises:
        Refusal: there is no preview.
    """
    version = _needed(connection, event)
    _set(connection, event, version, "cancelled")
    at = (jobs.c.event_id == event.id) & (jobs.c.rubric == version) & OPEN_JOB
    connection.execute(jobs.update().where(at).values(state="failed", why="cancelled", token=None))
    changed(connection, event.id, shown=False)
    log(database, connection, event.id, who, "cancelled scoring anew", {"version": version})
    return version


def versions(connection: sa.Connection, event: Event) -> list[dict[str, Any]]:
    """All versions, the newest first: version, state, reason, metric, solution_sha256, folder, created."""
    r = rubrics.c
    found = connection.execute(
        sa.select(r.version, r.state, r.reason, r.metric, r.solution_sha256, r.folder, r.created)
        .where(r.event_id == event.id)
        .order_by(r.version.desc())
    )
    return [dict(row) for row in found.mappings()]


def _previewed(connection: sa.Connection, event: Event) -> int | None:
    r = rubrics.c
    return connection.execute(sa.select(r.version).where(r.event_id == event.id, r.state == "preview")).scalar()


def _needed(connection: sa.Connection, event: Event) -> int:
    version = _previewed(connection, event)
    if version is None:
        raise Refusal("not_found", f"{event.rules.title} is not being scored anew", todo="begin with --preview")
    return version


def _set(connection: sa.Connection, event: Event, version: int, state: str) -> None:
    r = rubrics.c
    connection.execute(rubrics.update().where(r.event_id == event.id, r.version == version).values(state=state))


def _without_score(connection: sa.Connection, event: Event, version: int) -> list[int]:
    s = submissions.c
    scored = sa.exists().where(scores.c.submission_id == s.id, scores.c.rubric == version)
    found = connection.execute(
        sa.select(s.team_id).where(s.event_id == event.id, s.state == "scored", ~scored).distinct().order_by(s.team_id)
    ).scalars()
    return list(found)
