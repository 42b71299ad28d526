"""Are the scores and boards of an event what its submissions give? Computed again, compared to the digit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.database import boards as board_queries
from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.events import Event
from deepdojo.competition.database.programs import to_score
from deepdojo.competition.database.tables import boards, jobs, payloads, rubrics, scores, submissions, teams
from deepdojo.competition.packing import Damaged, unpack
from deepdojo.competition.recompute import FIGURES, Program, Stored, differences, recompute
from deepdojo.competition.refusal import Refusal

__all__ = ["answers_of", "audit_event", "final_numbers", "stored_of"]

_ROW = ("rank", *FIGURES, "submission", "submissions")


def audit_event(
    database: Database, folder: Path, event: Event, *, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Compute scores, Ladders and boards of the valid version again.

    Args:
        folder: the server's events/.

    Returns:
        equal, submissions (how many were scored again), waiting (how many are not scored yet), rows (of the public
        board), final_rows, different (sentences).

    Raises:
        Refusal: submissions wait, whose results would look like differences.
    """
    with database.read() as connection:
        waiting = _waiting(connection, event)
        if waiting:
            raise Refusal("bad_request", f"{waiting:,} submissions or ranks are still being computed",
                          todo="let dojo serve finish them, then do it again")  # fmt: skip
        numbers = final_numbers(connection, event)
        kept_scores = _scores(connection, event)
        kept = {part: _rows(connection, event, part) for part in ("public", "private")}
        private = answers_of(connection, folder, event)
        different = _choices(connection, event, numbers) if event.closed_at is not None else []
    damaged: list[str] = []
    total = len(kept_scores)
    made = recompute(
        private, _undamaged(stored_of(database, event, numbers), damaged),
        higher_is_better=event.rules.higher_is_better, most_bytes=event.rules.largest_bytes,
        progress=None if progress is None else lambda done: progress(done, total),
    )  # fmt: skip
    different += [f"submission {name}: what was sent is damaged" for name in damaged]
    different += [f"submission {name}: it cannot be scored again: {why}" for name, why in made.failed.items()]
    for part in ("public", "private"):
        each = {name: parts[part] for name, parts in kept_scores.items() if name not in damaged}
        again = {name: parts[part] for name, parts in made.scores.items()}
        different += differences(each, again, f"{part} score of")
    different += differences(kept["public"], made.public, "public board,")
    different += differences(kept["private"], made.private, "final board,")
    return {"event": event.name, "equal": not different, "submissions": len(made.scores), "rubric": event.rubric,
            "rows": len(made.public), "final_rows": len(made.private), "different": different}  # fmt: skip


def answers_of(connection: sa.Connection, folder: Path, event: Event) -> Path:
    """The folder of the answers that are valid now."""
    r = rubrics.c
    found = connection.execute(sa.select(r.folder).where(r.event_id == event.id, r.version == event.rubric))
    return folder / event.name / "private" / str(found.scalar_one())


def final_numbers(connection: sa.Connection, event: Event) -> set[int]:
    """Submissions on the final board; none before it is open."""
    b = boards.c
    at = (b.event_id == event.id) & (b.part == "private") & (b.rubric == event.rubric)
    return set(connection.execute(sa.select(b.submission_id).where(at)).scalars())


def stored_of(database: Database, event: Event, final: set[int], *, at_once: int = 200) -> Iterator[Stored]:
    """The event's scored submissions in the order in which the Ladders took them, some at a time."""
    s, p = submissions.c, payloads.c
    joined = submissions.join(scores, _of_public(event)).join(teams, teams.c.id == s.team_id)
    with database.read() as connection:
        order = connection.execute(
            sa.select(s.id).select_from(joined).where(s.event_id == event.id, s.state == "scored")
            .order_by(scores.c.scored, s.id)
        ).scalars().all()  # fmt: skip
    chosen = sa.select(s.id, s.public_id, teams.c.name, scores.c.scored).select_from(joined)
    sent = sa.select(s.id, s.sha256, s.file_name, p.data, p.encoding).join(submissions, s.id == p.submission_id)
    for start in range(0, len(order), at_once):
        some = order[start : start + at_once]
        with database.read() as connection:
            found = {row.id: row for row in connection.execute(chosen.where(s.id.in_(some)))}
            tables = to_score(connection, some)
            programs = {row.id: row for row in connection.execute(sent.where(s.id.in_(some), s.kind == "code"))}
        for number in some:
            row, table, program = found[number], tables[number], programs.get(number)
            yield Stored(
                row.public_id, row.id, row.name, table.file_name, row.scored, table.size_bytes, table.data,
                table.encoding, row.id in final, table.sha256,
                None if program is None else
                Program(program.file_name, bytes(program.data), program.encoding, program.sha256),
            )  # fmt: skip


def _undamaged(found: Iterator[Stored], damaged: list[str]) -> Iterator[Stored]:
    for one in found:
        if all(_intact(each) for each in (one, one.program) if each is not None):
            yield one
        else:
            damaged.append(one.submission)


def _intact(kept: Stored | Program) -> bool:
    try:
        return hashlib.sha256(unpack(kept.data, kept.encoding)).hexdigest() == kept.sha256
    except Damaged:
        return False


def _of_public(event: Event) -> Any:
    public = (scores.c.rubric == event.rubric) & (scores.c.part == "public")
    return (scores.c.submission_id == submissions.c.id) & public


def _waiting(connection: sa.Connection, event: Event) -> int:
    j = jobs.c
    at = (j.event_id == event.id) & (j.rubric == event.rubric) & j.state.in_(("queued", "leased"))
    return int(connection.execute(sa.select(sa.func.count()).select_from(jobs).where(at)).scalar_one())


def _scores(connection: sa.Connection, event: Event) -> dict[str, dict[str, dict[str, Any]]]:
    c = scores.c
    found = connection.execute(
        sa.select(submissions.c.public_id, c.part, *(c[name] for name in FIGURES), c.shown, c.moved)
        .join(submissions, submissions.c.id == c.submission_id)
        .where(submissions.c.event_id == event.id, c.rubric == event.rubric)
    )
    told: dict[str, dict[str, dict[str, Any]]] = {}
    for row in found.mappings():
        names = (*FIGURES, "shown", "moved") if row["part"] == "public" else FIGURES
        told.setdefault(row["public_id"], {})[row["part"]] = {name: row[name] for name in names}
    return told


def _rows(connection: sa.Connection, event: Event, part: str) -> dict[str, dict[str, Any]]:
    """team -> its row, as it is kept behind any freeze."""
    b = boards.c
    found = connection.execute(
        sa.select(teams.c.name.label("team"), *(b[name] for name in _ROW if name != "submission"),
                  submissions.c.public_id.label("submission"))
        .select_from(boards.join(teams, teams.c.id == b.team_id).join(submissions, submissions.c.id == b.submission_id))
        .where(b.event_id == event.id, b.part == part, b.rubric == event.rubric)
    )  # fmt: skip
    return {row["team"]: {name: row[name] for name in _ROW} for row in found.mappings()}


def _choices(connection: sa.Connection, event: Event, numbers: set[int]) -> list[str]:
    """Whether the final board holds what the teams chose, or else their best."""
    wanted = {row["submission_id"]: row["team"] for row in board_queries.finals(connection, event)}
    return [f"final board, {team}: another submission should stand there" for number, team in wanted.items()
            if number not in numbers]  # fmt: skip
