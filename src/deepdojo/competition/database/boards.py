"""What pages and API read: boards and submissions, each as far as the viewer may see them.

Before the end nothing of the private part leaves this file for anybody but the host: no value, and no order made by
one. An entrant sees of his own submissions what the Ladder shows, not the plain public value: that would tell which
single answers are right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.cost import COSTS, cost_of
from deepdojo.competition.database.events import Event, by_id
from deepdojo.competition.database.tables import (
    OPEN_JOB,
    boards,
    jobs,
    people,
    program_runs,
    scores,
    submissions,
    teams,
)
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.texts import storable

__all__ = ["PARTS", "board", "choose", "chosen", "finals", "published", "submission", "submissions_of"]

PARTS = ("public", "private")
_AHEAD_AT_MOST = 100_000
_RAN = ("kind", "seconds", "peak_bytes", "log")


def board(connection: sa.Connection, event: Event, part: str = "public", *, host: bool = False) -> list[dict[str, Any]]:
    """The board's rows, best value first.

    Args:
        part: "public" (while the board is frozen, entrants get the copy) or "private" (entrants: once it is open).

    Returns:
        rank (None for some milliseconds after a row has moved), team, value, low, high, n, submissions, moved (seconds
        since 1970), submission (its public id), team_id, and what its sender states of `cost.COSTS`; of the private
        part public_rank and public_value as well.

    Raises:
        Refusal: no such part; the private part before it is open.
    """
    if part not in PARTS:
        raise Refusal("not_found", f"no board is named {part[:40]!r}", todo="take public or private")
    if part == "private" and event.closed_at is None:
        if not host:
            raise Refusal("forbidden", "the private board opens at the end", todo="see the public one")
        return _private_so_far(connection, event)
    frozen = part == "public" and event.frozen_at is not None and event.closed_at is None and not host
    rows = _rows(connection, event, "frozen" if frozen else part, _by_value(event, boards.c.value))
    if part == "private":
        public = {row["team_id"]: row for row in _rows(connection, event, "public", _by_value(event, boards.c.value))}
        for row in rows:
            before = public.get(row["team_id"], {})
            row |= {"public_rank": before.get("rank"), "public_value": before.get("value")}
    return rows


def _by_value(event: Event, value: Any) -> Any:
    return value.desc() if event.rules.higher_is_better else value.asc()


def _rows(connection: sa.Connection, event: Event, part: str, order: Any) -> list[dict[str, Any]]:
    b = boards.c
    chosen = sa.select(
        b.rank, teams.c.name.label("team"), b.value, b.low, b.high, b.n, b.submissions, b.moved,
        submissions.c.public_id.label("submission"), b.team_id, submissions.c.manifest,
    )  # fmt: skip
    chosen = chosen.join(teams, teams.c.id == b.team_id).join(submissions, submissions.c.id == b.submission_id)
    chosen = chosen.where(b.event_id == event.id, b.part == part)
    if part != "frozen":  # the copy stays what it was, also where the answers were changed since
        chosen = chosen.where(b.rubric == event.rubric)
    found = connection.execute(chosen.order_by(order, b.moved, b.team_id)).mappings()
    return [_costed(dict(row)) for row in found]


def _costed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the costs that its sender stated in the manifest's place."""
    return row | cost_of(row.pop("manifest"))


def finals(connection: sa.Connection, event: Event) -> list[dict[str, Any]]:
    """For the final board: each team's best submission, by private value, among those that it chose, or, where it
    chose none, its best by public value. For the host, and for closing.

    Returns:
        team_id, team, submission_id, submission, created, submissions, value, low, high, n, interval, and what its
        sender states of `cost.COSTS`; best first.
    """
    public, private = scores.alias("public"), scores.alias("private")
    s, sign = submissions.c, 1.0 if event.rules.higher_is_better else -1.0
    joined = submissions.join(
        public, (public.c.submission_id == s.id) & (public.c.rubric == event.rubric) & (public.c.part == "public")
    ).join(
        private, (private.c.submission_id == s.id) & (private.c.rubric == event.rubric) & (private.c.part == "private")
    ).join(teams, teams.c.id == s.team_id)  # fmt: skip
    found = connection.execute(
        sa.select(
            s.team_id, teams.c.name, s.id, s.public_id, s.created, s.chosen, s.manifest, public.c.value.label("shown"),
            private.c.value, private.c.low, private.c.high, private.c.n, private.c.interval,
        ).select_from(joined).where(s.event_id == event.id, s.state == "scored").order_by(s.team_id, s.id)
    ).all()  # fmt: skip
    by_team: dict[int, list[Any]] = {}
    for row in found:
        by_team.setdefault(row.team_id, []).append(row)
    made = []
    for own in by_team.values():
        chosen = [row for row in own if row.chosen][: event.rules.finals] or [max(own, key=lambda r: sign * r.shown)]
        best = max(chosen, key=lambda row: sign * row.value)
        made.append({
            "team_id": best.team_id, "team": best.name, "submission_id": best.id, "submission": best.public_id,
            "created": best.created, "submissions": len(own), "value": best.value, "low": best.low, "high": best.high,
            "n": best.n, "interval": best.interval, **cost_of(best.manifest),
        })  # fmt: skip
    return sorted(made, key=lambda row: -sign * row["value"])


def _private_so_far(connection: sa.Connection, event: Event) -> list[dict[str, Any]]:
    """For the host, before the end: values without ranks."""
    public = {row["team_id"]: row for row in _rows(connection, event, "public", _by_value(event, boards.c.value))}
    names = ("team", "team_id", "value", "low", "high", "n", "submissions", "submission", *COSTS)
    found = []
    for row in finals(connection, event):
        before = public.get(row["team_id"], {})
        found.append({
            "rank": None, **{name: row[name] for name in names}, "moved": row["created"],
            "public_rank": before.get("rank"), "public_value": before.get("value"),
        })  # fmt: skip
    return found


def submissions_of(
    connection: sa.Connection, event: Event, team_id: int | None, *, host: bool = False, most: int | None = None
) -> list[dict[str, Any]]:
    """A team's submissions, or with None all of the event's (for the host), the newest first; as `submission` has
    them, without the place in the queue."""
    chosen = _wide(event.rubric).where(submissions.c.event_id == event.id)
    if team_id is not None:
        chosen = chosen.where(submissions.c.team_id == team_id)
    found = connection.execute(chosen.order_by(submissions.c.id.desc()).limit(most or 10_000)).mappings()
    return [_told(row, event, host) for row in found]


def submission(connection: sa.Connection, public_id: str, *, host: bool = False) -> dict[str, Any]:
    """One submission. Whose it is the caller compares: `team_id`.

    Returns:
        id, event_id, team_id, team, person, kind, file_name, note, sha256, bytes, version, created, state, fault (with
        row and column, where the file was refused), chosen, place (how many wait before it; None when it does not
        wait), value, low, high, n, moved (whether it is a new step of the team; `value` is what the team is shown
        since), private (value, low, high, n; once it is open), ran (of a program: kind, seconds, peak_bytes, and for a
        host log), verdict (of a lesson's solution: passed, en, zh); for a host plain (the plain public value) and
        fault_host.

    Raises:
        Refusal: there is none.
    """
    number = connection.execute(
        sa.select(submissions.c.id, submissions.c.event_id).where(submissions.c.public_id == public_id)
    ).first()
    if number is None:
        raise Refusal("not_found", "there is no such submission", todo="see your team's list")
    event = by_id(connection, number.event_id)
    row = connection.execute(_wide(event.rubric).where(submissions.c.id == number.id)).mappings().one()
    return {**_told(row, event, host), "place": _place(connection, number.id)}


def _wide(rubric: int) -> Any:
    public, private = scores.alias("public"), scores.alias("private")
    s = submissions.c

    def of(part: Any, name: str) -> Any:
        return (part.c.submission_id == s.id) & (part.c.rubric == rubric) & (part.c.part == name)

    columns = [s[name] for name in (
        "id", "public_id", "event_id", "team_id", "kind", "file_name", "note", "sha256", "bytes", "version", "created",
        "state", "fault", "fault_host", "chosen", "manifest",
    )]  # fmt: skip
    ran = [program_runs.c[name].label(f"ran_{name}") for name in _RAN]
    figures = [
        part.c[name].label(f"{label}_{name}")
        for part, label in ((public, "public"), (private, "private"))
        for name in ("value", "low", "high", "n", "shown", "moved", "scored")
    ]
    joined = submissions.join(teams, teams.c.id == s.team_id).join(people, people.c.id == s.person_id)
    joined = joined.outerjoin(public, of(public, "public")).outerjoin(private, of(private, "private"))
    joined = joined.outerjoin(program_runs, program_runs.c.submission_id == s.id)
    return sa.select(*columns, *ran, teams.c.name.label("team"), people.c.name.label("person"), *figures).select_from(
        joined
    )


def _told(row: Any, event: Event, host: bool) -> dict[str, Any]:
    names = ("event_id", "team_id", "team", "person", "kind", "file_name", "note", "sha256", "bytes", "version",
             "created", "state", "chosen")  # fmt: skip
    plain = {name: row[f"public_{name}"] for name in ("value", "low", "high", "n")}
    moved = row["public_moved"]
    told = {"id": row["public_id"], **{name: row[name] for name in names},
            "fault": None if row["fault"] is None else json.loads(row["fault"]),
            "value": row["public_shown"], "low": plain["low"] if moved else None,
            "high": plain["high"] if moved else None, "n": plain["n"], "moved": moved,
            "scored": row["public_scored"], "private": None, "ran": None,
            "verdict": json.loads(row["manifest"]).get("verdict") if row["manifest"] else None,
            **cost_of(row["manifest"])}  # fmt: skip
    if row["ran_kind"] is not None:
        told["ran"] = {name: row[f"ran_{name}"] for name in _RAN if name != "log" or host}
    if host or event.closed_at is not None:
        told["plain"] = plain
        if row["private_value"] is not None:
            told["private"] = {name: row[f"private_{name}"] for name in ("value", "low", "high", "n")}
    if host:
        told["fault_host"] = row["fault_host"]
    return told


def _place(connection: sa.Connection, number: int) -> int | None:
    j = jobs.c
    own = connection.execute(
        sa.select(j.order_key, j.id, j.kind).where(j.submission_id == number, j.kind.in_(("score", "run")), OPEN_JOB)
    ).first()
    if own is None:
        return None
    before = (j.order_key < own.order_key) | ((j.order_key == own.order_key) & (j.id < own.id))
    ahead = sa.select(j.id).where(OPEN_JOB, j.kind == own.kind, before).limit(_AHEAD_AT_MOST)
    return int(connection.execute(sa.select(sa.func.count()).select_from(ahead.subquery())).scalar_one())


def choose(connection: sa.Connection, event: Event, team_id: int, wanted: Sequence[str], now: float) -> None:
    """A team names its submissions for the final ranking; an empty list takes the choice back.

    Raises:
        Refusal: after the end; too many; one that is not the team's or has no score.
    """
    if event.closed_at is not None or event.rules.state(now) == "ended":
        raise Refusal("ended", f"{event.rules.title} has ended", todo="see the final board on its page")
    wanted = [storable(each, "chosen") for each in wanted]
    if len(set(wanted)) > event.rules.finals:
        raise Refusal("bad_request", f"{len(set(wanted))} are chosen, and {event.rules.finals} may be", where="chosen",
                      todo="choose fewer")  # fmt: skip
    s = submissions.c
    own = (s.team_id == team_id) & (s.event_id == event.id)
    found = connection.execute(
        sa.select(s.public_id).where(own, s.state == "scored", s.public_id.in_(list(wanted)))
    ).scalars()
    lacking = sorted(set(wanted) - set(found))
    if lacking:
        raise Refusal("not_found", f"{lacking[0][:40]!r} is no scored submission of your team", where="chosen",
                      todo="see your team's list")  # fmt: skip
    connection.execute(submissions.update().where(own, s.chosen).values(chosen=False))
    if wanted:
        connection.execute(submissions.update().where(own, s.public_id.in_(list(wanted))).values(chosen=True))


def chosen(connection: sa.Connection, event: Event, team_id: int) -> list[dict[str, Any]]:
    """What a team has named for the final ranking: id, file_name, created; the oldest first."""
    s = submissions.c
    found = connection.execute(
        sa.select(s.public_id.label("id"), s.file_name, s.created)
        .where(s.team_id == team_id, s.event_id == event.id, s.chosen)
        .order_by(s.id)
    ).mappings()
    return [dict(row) for row in found]


def published(folder: Path, metric: str) -> list[dict[str, Any]]:
    """Published results of the event's public project: not re-scored, hence without a rank.

    Args:
        folder: events/NAME/public.
    """
    from deepdojo.data.project import find_project

    found: list[dict[str, Any]] = []
    if not (folder / "project.toml").is_file():  # a lesson's
        return found
    for item in find_project(folder).spec.published or []:
        told = dict(item) if isinstance(item, Mapping) else item.model_dump()
        if told.get("metric") not in (None, metric):
            continue
        found.append({
            "rank": None, "team": str(told.get("model") or "published"), "value": float(told["score"]),
            "source": told.get("source"), "note": told.get("note"), "same_protocol": told.get("protocol") == "same",
        })  # fmt: skip
    return found
