"""What a host looks at: who waits, where each team's Ladder stands, which teams sent the same file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.database.events import Event
from deepdojo.competition.database.tables import OPEN_JOB, jobs, ladders, submissions, teams
from deepdojo.competition.refusal import Refusal

__all__ = ["ladder", "ladder_states", "queue"]

_MOST = 1000


def queue(connection: sa.Connection, event: Event, now: float, most: int = 50) -> dict[str, Any]:
    """The jobs of an event that wait or are being done.

    Returns:
        waiting, leased (numbers), failed (jobs that were given up), oldest_s (how long the first has waited), jobs (at
        most `most`: kind, team, submission, file_name, leased, attempts, why).
    """
    j, s = jobs.c, submissions.c
    mine = j.event_id == event.id
    counts = {
        row[0]: row[1]
        for row in connection.execute(
            sa.select(j.state, sa.func.count()).where(mine, OPEN_JOB).group_by(j.state)
        ).all()
    }  # fmt: skip
    failed = connection.execute(
        sa.select(sa.func.count()).select_from(submissions).where(s.event_id == event.id, s.state == "failed")
    ).scalar_one()
    joined = jobs.outerjoin(submissions, s.id == j.submission_id).outerjoin(teams, teams.c.id == j.team_id)
    found = connection.execute(
        sa.select(
            j.kind, teams.c.name.label("team"), s.public_id.label("submission"), s.file_name, s.created,
            (j.state == "leased").label("leased"), j.attempts, j.why,
        ).select_from(joined).where(mine, OPEN_JOB).order_by(j.order_key, j.id).limit(most)
    ).mappings().all()  # fmt: skip
    first = min((row["created"] for row in found if row["created"] is not None), default=None)
    return {
        "waiting": counts.get("queued", 0), "leased": counts.get("leased", 0), "failed": int(failed),
        "oldest_s": None if first is None else max(0.0, now - first),
        "jobs": [{**row, "leased": bool(row["leased"])} for row in found],
    }  # fmt: skip


def ladder_states(connection: sa.Connection, event: Event, most: int = _MOST) -> list[dict[str, Any]]:
    """Of each team: team, shown (what the board shows), steps, offered (how many were judged), since (since the last
    step), last (plain value of the newest); the newest teams last, at most `most`."""
    found = []
    for row in connection.execute(_states(event).order_by(teams.c.id).limit(most)):
        told = json.loads(row.state)
        steps, since = told["steps"], told["since"]
        last = (since or steps or [None])[-1]
        found.append({
            "team": row.name, "shown": told.get("shown"), "steps": len(steps), "offered": told["offered"],
            "since": len(since), "last": None if last is None else last["value"],
        })  # fmt: skip
    return found


def ladder(connection: sa.Connection, event: Event, team: str) -> dict[str, Any]:
    """One team's Ladder: team, shown, offered, offers (submission, value, gain, needed, moved; the oldest first).

    Raises:
        Refusal: no team of this name has been judged.
    """
    row = connection.execute(_states(event).where(teams.c.name == team)).first()
    if row is None:
        raise Refusal("not_found", f"no team named {team[:40]!r} has been judged", where="team", todo="see the board")
    told = json.loads(row.state)
    offers = [*told["steps"], *told["since"]]
    ids = _public_ids(connection, [int(offer["submission"]) for offer in offers])
    return {"team": row.name, "shown": told.get("shown"), "offered": told["offered"], "offers": [
        {**{name: offer[name] for name in ("value", "gain", "needed", "moved")},
         "submission": ids.get(int(offer["submission"]))}
        for offer in offers
    ]}  # fmt: skip


def _states(event: Event) -> Any:
    joined = ladders.join(teams, teams.c.id == ladders.c.team_id)
    chosen = sa.select(teams.c.name, ladders.c.state).select_from(joined)
    return chosen.where(ladders.c.event_id == event.id, ladders.c.rubric == event.rubric)


def _public_ids(connection: sa.Connection, numbers: Sequence[int]) -> Mapping[int, str]:
    s = submissions.c
    return {row.id: row.public_id for row in connection.execute(sa.select(s.id, s.public_id).where(s.id.in_(numbers)))}
