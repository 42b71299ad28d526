"""Ranks of an event's boards, kept entry by entry in the worker's process (`scoring.standings`)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.events import by_id, changed
from deepdojo.competition.database.finish import Facts
from deepdojo.competition.database.lease import Job, still_ours, wake_ranking
from deepdojo.competition.database.tables import boards, events, ladders, vectors
from deepdojo.errors import ScoreError
from deepdojo.scoring.standings import Standings

__all__ = ["Rankings", "empty_board", "put_row"]

_KEPT = 8
_AT_ONCE = 200
_SHOWN, _COPY = "public", "frozen"


@dataclass
class _Kept:
    standings: Standings
    at: dict[int, int] = field(default_factory=dict)  # team -> the submission that stands in `standings`
    unfit: set[int] = field(default_factory=set)  # teams whose rows cannot be ranked


def empty_board(facts: Facts, part: str) -> Standings:
    """A board of an event's part without entries."""
    return Standings(facts.n[part], higher_is_better=facts.higher_is_better, groups=facts.groups[part], seed=facts.seed)


def put_row(board: Standings, team: int, value: float, pseudo: np.ndarray, interval: tuple[float, float]) -> bool:
    """Enter (n,) pseudo-values; False where the row is too extreme to be ranked."""
    try:
        board.put(str(team), value, pseudo.astype(np.float64) - value, interval)
    except ScoreError:
        if str(team) in board:
            board.remove(str(team))
        return False
    return True


class Rankings:
    """The boards that this process has ranked, so that a new row costs its own pairs alone."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int, str], _Kept] = OrderedDict()
        self._copies: set[tuple[int, float]] = set()

    def rank(self, database: Database, job: Job, facts: Facts) -> bool:
        """Carry a ranking job out. False where another worker has it by now."""
        with database.read() as connection:
            event = by_id(connection, job.event_id)
            kept = self._board((job.event_id, job.rubric, _SHOWN), facts)
            rows = self._catch_up(connection, job, kept, _SHOWN)
            copies = self._copy_ranks(connection, job, event.frozen_at, facts)
        ranks = kept.standings.ranks()
        new = _differing(rows, ranks)
        with database.write() as connection:
            if not still_ours(connection, job, "done"):
                return False
            now = by_id(connection, job.event_id)
            ranked = connection.execute(sa.select(events.c.ranked_version).where(events.c.id == now.id)).scalar_one()
            if ranked > event.version:  # a later ranking was faster
                return True
            _write(connection, job, _SHOWN, new)
            _write(connection, job, _COPY, copies)
            connection.execute(events.update().where(events.c.id == now.id).values(ranked_version=event.version))
            if new or copies:
                current = now.rubric == job.rubric
                changed(connection, now.id, shown=bool(copies) or (current and now.frozen_at is None and bool(new)))
            if now.version != event.version and self._behind(connection, job, kept):
                wake_ranking(connection, job.event_id, job.rubric, database.now(connection))
        return True

    def _board(self, key: tuple[int, int, str], facts: Facts) -> _Kept:
        if key not in self._kept:
            self._kept[key] = _Kept(empty_board(facts, "public"))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _catch_up(self, connection: sa.Connection, job: Job, kept: _Kept, part: str) -> dict[int, Any]:
        """Bring the board's rows in; they, by team."""
        b = boards.c
        at = (b.event_id == job.event_id) & (b.part == part) & (b.rubric == job.rubric)
        rows = {row.team_id: row for row in connection.execute(sa.select(b.team_id, b.submission_id, b.rank).where(at))}
        new = [team for team, row in rows.items() if kept.at.get(team) != row.submission_id]
        for team in set(kept.at) - set(rows):
            kept.at.pop(team)
            if team not in kept.unfit:
                kept.standings.remove(str(team))
            kept.unfit.discard(team)
        for start in range(0, len(new), _AT_ONCE):
            for row in self._vectors(connection, at, part, new[start : start + _AT_ONCE]):
                fits = put_row(kept.standings, row.team_id, row.value, np.frombuffer(row.data, dtype="<f4"),
                               (row.low, row.high))  # fmt: skip
                (kept.unfit.discard if fits else kept.unfit.add)(row.team_id)
                kept.at[row.team_id] = row.submission_id
        return rows

    def _vectors(self, connection: sa.Connection, at: Any, part: str, wanted: list[int]) -> Any:
        """Row and vector in one statement, so that they belong together."""
        b = boards.c
        if part == _COPY:
            source, held = boards.join(
                vectors, (vectors.c.submission_id == b.submission_id) & (vectors.c.rubric == b.rubric)
                & (vectors.c.part == _COPY),
            ), vectors.c.data  # fmt: skip
        else:
            own = (ladders.c.team_id == b.team_id) & (ladders.c.rubric == b.rubric)
            source, held = boards.join(ladders, own), ladders.c.data
        chosen = sa.select(b.team_id, b.submission_id, b.value, b.low, b.high, held.label("data"))
        return connection.execute(chosen.select_from(source).where(at, b.team_id.in_(wanted))).all()

    def _copy_ranks(
        self, connection: sa.Connection, job: Job, frozen_at: float | None, facts: Facts
    ) -> dict[int, tuple[int, int | None]]:
        """Of the frozen copy, once: the ranks that differ from those that it was copied with."""
        if frozen_at is None or (job.event_id, frozen_at) in self._copies:
            return {}
        kept = _Kept(empty_board(facts, "public"))
        rows = self._catch_up(connection, job, kept, _COPY)
        if rows:
            self._copies.add((job.event_id, frozen_at))
        return _differing(rows, kept.standings.ranks()) if rows else {}

    def _behind(self, connection: sa.Connection, job: Job, kept: _Kept) -> bool:
        b = boards.c
        at = (b.event_id == job.event_id) & (b.part == _SHOWN) & (b.rubric == job.rubric)
        found = connection.execute(sa.select(b.team_id, b.submission_id).where(at))
        return any(kept.at.get(team) != number for team, number in found)


def _differing(rows: dict[int, Any], ranks: dict[str, int]) -> dict[int, tuple[int, int | None]]:
    """team -> (submission, rank) where the board has another rank."""
    return {
        team: (row.submission_id, ranks.get(str(team)))
        for team, row in rows.items()
        if row.rank != ranks.get(str(team))
    }


def _write(connection: sa.Connection, job: Job, part: str, new: dict[int, tuple[int, int | None]]) -> None:
    if not new:
        return
    b = boards.c
    at = (b.event_id == job.event_id) & (b.part == part) & (b.rubric == job.rubric)
    at &= (b.team_id == sa.bindparam("team")) & (b.submission_id == sa.bindparam("number"))
    connection.execute(
        boards.update().where(at).values(rank=sa.bindparam("place")),
        [{"team": team, "number": number, "place": rank} for team, (number, rank) in sorted(new.items())],
    )
