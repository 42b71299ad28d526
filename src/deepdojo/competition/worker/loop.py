"""A worker: leases jobs, has them scored outside any transaction, finishes them in one, and keeps ranks and ends.

It may be killed at any instant: what it had leased comes back when the lease runs out, and what it had finished stays.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from deepdojo.competition.database.boards import finals
from deepdojo.competition.database.closing import close_due, write_final_board
from deepdojo.competition.database.engine import Database, dump
from deepdojo.competition.database.events import by_id
from deepdojo.competition.database.finish import (
    Facts,
    FreezeFirst,
    Refused,
    Scored,
    finish,
    freeze_if_due,
    rescored,
)
from deepdojo.competition.database.lease import (
    LEASE_S,
    Job,
    fail,
    give_up_worn_out,
    lease,
    postpone,
    still_ours,
)
from deepdojo.competition.database.programs import ToScore, sizes, to_score
from deepdojo.competition.database.tables import events, rubrics, submissions
from deepdojo.competition.database.versions import OtherVersion, same_version
from deepdojo.competition.event import Rules
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.worker.heartbeat import Heartbeat
from deepdojo.competition.worker.process import Died, ScoringLimits, ScoringProcess
from deepdojo.competition.worker.programs import Programs
from deepdojo.competition.worker.ranking import Rankings, empty_board, put_row
from deepdojo.errors import ScoreError

__all__ = ["Failed", "Worker"]

_log = logging.getLogger("deepdojo.worker")
_IDLE_S = 0.02
_HOUSE_S = 1.0
_FLUSH_S = 0.5
_UNFIT_S = 10.0
_TRIES = 5
_TOGETHER_BYTES = 32 << 20
_RANK_REST, _RANK_EARLY_S = 4, 0.2


class Failed(Exception):
    """Scoring came to no result; the text is for the host."""


class Untold(Failed):
    """The text may quote answers: it is kept for the host's eyes, and not written into a log."""


class Unfit(Failed):
    """An event's answers cannot be used; its jobs wait until the host has mended that."""


@dataclass
class Worker:
    """One worker. `run` until its stop event is set, or `once` as long as there is something to do (but programs, which
    `run` alone has run, by a thread beside this one).

    Attributes:
        folder: the server's events/.
        most: jobs of one lease.
        lease_s: how long a lease holds without a sign of life.
    """

    database: Database
    folder: Path
    most: int = 32
    lease_s: float = LEASE_S
    limits: ScoringLimits = field(default_factory=ScoringLimits)

    def __post_init__(self) -> None:
        self.process = ScoringProcess(self.limits)
        self.rankings = Rankings()
        self._facts: dict[str, Facts] = {}
        self._folders: dict[tuple[int, int], str] = {}
        self._known_rules: dict[int, Rules] = {}
        self._ranked: dict[tuple[int, int], tuple[float, float]] = {}  # when a ranking ended, how long it took
        self._heart = Heartbeat(self.database, self.lease_s)
        self._programs = Programs(self.database, self.folder, self.lease_s)
        self._house = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. A database that cannot be reached is waited for. Raises OtherVersion."""
        wait = _IDLE_S
        self._programs.start()
        while not stop.is_set():
            try:
                if self.once():
                    wait = _IDLE_S
                    continue
            except OtherVersion:
                self.close()
                raise
            except (Refusal, DBAPIError) as error:
                _log.warning("the worker waits: %s", error)
                wait = 2.0
            except Exception:  # whatever one job brings about, the next ones must be done
                _log.exception("a fault of the worker itself")
                wait = 2.0
            stop.wait(wait)
            wait = min(0.2, wait * 1.3) if wait < 2.0 else _IDLE_S
        self.close()

    def close(self) -> None:
        """End the scoring process, a program that runs, and the heartbeat."""
        self._heart.close()
        self._programs.close()
        self.process.close()

    def once(self) -> int:
        """Lease, work, finish: how many jobs."""
        if time.monotonic() - self._house > _HOUSE_S:
            self._house = time.monotonic()
            self._keep_house()
        jobs = lease(self.database, self.most, lease_s=self.lease_s)
        if not jobs:
            return 0
        with self._heart.holding(jobs):
            jobs = give_up_worn_out(self.database, jobs)
            self._score([job for job in jobs if job.kind == "score"])
            for job in jobs:
                if job.kind != "score":
                    self._other(job)
        return len(jobs)

    # ---- scoring ----

    def _score(self, jobs: Sequence[Job]) -> None:
        done: list[Scored | Refused] = []
        begun = time.monotonic()
        for job, file in zip(jobs, self._files(jobs), strict=True):
            try:
                done.append(self._scored(job, file, ("public", "private")))
            except Failed as error:
                self._fail(job, error)
            if time.monotonic() - begun > _FLUSH_S:
                self._finish(done)
                done, begun = [], time.monotonic()
        self._finish(done)

    def _files(self, jobs: Sequence[Job]) -> Iterator[ToScore | None]:
        """The table of each; None where there is none. Small ones are read many in one statement, large ones are not
        held in memory together."""
        if not jobs:
            return
        numbers = [int(job.submission_id or 0) for job in jobs]
        with self.database.read() as connection:
            known = sizes(connection, numbers)
        for some in _groups([(number, known.get(number, 0)) for number in numbers]):
            with self.database.read() as connection:
                found = to_score(connection, some)
            for number in some:
                yield found.pop(number, None)

    def _scored(self, job: Job, file: ToScore | None, parts: tuple[str, ...]) -> Scored | Refused:
        if file is None:
            raise Failed("its file is not in the database")
        facts = self._facts_of(job.event_id, job.rubric)
        head = {"ask": "score", "private": self._private(job.event_id, job.rubric), "encoding": file.encoding,
                "bytes": file.size_bytes, "name": file.file_name, "parts": parts,
                "most_bytes": self._rules(job.event_id).largest_bytes}  # fmt: skip
        answer, body = self._ask(head, file.data, facts.custom)
        if "refused" in answer:
            if file.kind != "code" or self._rules(job.event_id).show_printed:
                return Refused(job, answer["refused"])
            return Refused(job, answer["unquoted"], host=dump(answer["refused"]))
        first = facts.n[parts[0]]
        influence = np.frombuffer(body, dtype="<f4", count=first) if body else np.zeros(first, dtype=np.float32)
        return Scored(job, answer["scores"], influence, facts, answer["cost"])

    def _ask(self, head: dict[str, Any], body: bytes = b"", custom: bool = False) -> tuple[dict[str, Any], bytes]:
        try:
            wall = self.limits.custom_wall_s if custom else None
            answer, data = self.process.ask(head, body, wall_s=wall)
        except Died as error:
            raise Failed(str(error)) from None
        if "unfit" in answer:
            raise Unfit(str(answer["unfit"]))
        if "failed" in answer:
            raise Untold(str(answer["failed"]))
        return answer, data

    def _finish(self, done: Sequence[Scored | Refused]) -> None:
        if not done:
            return
        for left in range(_TRIES)[::-1]:
            try:
                ours = finish(self.database, done)
            except FreezeFirst as first:
                freeze_if_due(self.database, first.event_id)
                continue
            except IntegrityError:
                self._finish_alone(done)
                return
            except ScoreError as error:  # of one of them the Ladder can make nothing
                if len(done) == 1:
                    self._fail(done[0].job, Untold(str(error)))
                for result in done if len(done) > 1 else ():
                    self._finish([result])
                return
            except (DBAPIError, Refusal) as error:  # of two workers that wait for each other, one is sent away
                if not left:
                    raise
                _log.info("finishing is tried again: %s", error)
                time.sleep(0.1)
                continue
            for result in done:
                if result.job.id not in ours:
                    _log.warning("job %d came too late: another worker has it", result.job.id)
            return

    def _finish_alone(self, done: Sequence[Scored | Refused]) -> None:
        """One of them has its score already; the others must not suffer for it."""
        if len(done) > 1:
            for result in done:
                self._finish([result])
            return
        with self.database.write() as connection:
            still_ours(connection, done[0].job, "done", why="its score was there already")

    def _fail(self, job: Job, error: Failed) -> None:
        why = str(error)
        if isinstance(error, Unfit):
            state = postpone(self.database, job, why, _UNFIT_S)
        else:
            state = fail(self.database, job, why)
        said = "a fault that the host sees with the submission" if isinstance(error, Untold) else why
        _log.warning("job %d (%s): %s; it is %s", job.id, job.kind, said.splitlines()[-1] if said else "", state)

    # ---- the other kinds of jobs ----

    def _other(self, job: Job) -> None:
        try:
            if job.kind == "rank":
                self._rank(job)
            elif job.kind == "rescore":
                self._rescore(job)
            elif job.kind == "close":
                self._close(job)
            else:
                raise Failed(f"no kind of job is named {job.kind!r}")
        except Failed as error:
            self._fail(job, error)

    def _rank(self, job: Job) -> None:
        """Ranks, but no longer than a fifth of the time: on a big board on which every row is new, ranking after each
        lease would take more than scoring."""
        key = (job.event_id, job.rubric)
        ended, took = self._ranked.get(key, (0.0, 0.0))
        early = ended + _RANK_REST * took - time.monotonic()
        if early > _RANK_EARLY_S:
            postpone(self.database, job, "ranked a moment ago", early)
            return
        begun = time.monotonic()
        self.rankings.rank(self.database, job, self._facts_of(*key))
        self._ranked[key] = (time.monotonic(), time.monotonic() - begun)

    def _rescore(self, job: Job) -> None:
        """All of a team's submissions under another version, in the order in which they were sent."""
        s = submissions.c
        with self.database.read() as connection:
            numbers = connection.execute(
                sa.select(s.id).where(s.team_id == job.team_id, s.state == "scored").order_by(s.id)
            ).scalars().all()  # fmt: skip
        found = []
        for start in range(0, len(numbers), self.most):
            each = [_of(job, number) for number in numbers[start : start + self.most]]
            for one, file in zip(each, self._files(each), strict=True):
                result = self._scored(one, file, ("public", "private"))
                if isinstance(result, Scored):
                    found.append(result)
        rescored(self.database, job, found)

    def _close(self, job: Job) -> None:
        """The final board: the chosen submissions once more, for the private part's influence."""
        with self.database.read() as connection:
            event = by_id(connection, job.event_id)
            rows = finals(connection, event)
        facts = self._facts_of(job.event_id, job.rubric)
        board, pseudo = empty_board(facts, "private"), {}
        for start in range(0, len(rows), self.most):
            some = rows[start : start + self.most]
            each = [_of(job, row["submission_id"]) for row in some]
            for row, one, file in zip(some, each, self._files(each), strict=True):
                result = self._scored(one, file, ("private",))
                if isinstance(result, Refused):
                    raise Failed(f"submission {row['submission']} was scored, and is refused now: {result.fault}")
                cells = (result.influence.astype(np.float64) + row["value"]).astype(np.float32)
                pseudo[row["submission_id"]] = cells
                put_row(board, row["team_id"], row["value"], cells, (row["low"], row["high"]))
        ranks = {int(name): rank for name, rank in board.ranks().items()}
        write_final_board(self.database, job, rows, ranks, pseudo)

    # ---- what is known of events ----

    def _private(self, event_id: int, rubric: int) -> str:
        key = (event_id, rubric)
        if key not in self._folders:
            r = rubrics.c
            with self.database.read() as connection:
                found = connection.execute(
                    sa.select(events.c.name, r.folder).join(rubrics, r.event_id == events.c.id).where(
                        events.c.id == event_id, r.version == rubric
                    )
                ).one()  # fmt: skip
            self._folders[key] = str((self.folder / found.name / "private" / found.folder).absolute())
        return self._folders[key]

    def _rules(self, event_id: int) -> Rules:
        """Of these only what never changes may be used: they are looked up once."""
        if event_id not in self._known_rules:
            with self.database.read() as connection:
                self._known_rules[event_id] = by_id(connection, event_id).rules
        return self._known_rules[event_id]

    def _facts_of(self, event_id: int, rubric: int) -> Facts:
        folder = self._private(event_id, rubric)
        if folder not in self._facts:
            answer, body = self._ask({"ask": "facts", "private": folder})
            n = answer["n"]
            groups: dict[str, np.ndarray | None] = {"public": None, "private": None}
            if answer["grouped"]:
                all_groups = np.frombuffer(body, dtype="<i8")
                groups = {"public": all_groups[: n["public"]], "private": all_groups[n["public"] :]}
            higher = answer["higher_is_better"]
            if higher is None:
                with self.database.read() as connection:
                    higher = by_id(connection, event_id).rules.higher_is_better
            self._facts[folder] = Facts(n, higher, groups, bytes.fromhex(answer["seed"]), answer["custom"])
        return self._facts[folder]

    # ---- beside the work ----

    def _keep_house(self) -> None:
        """Freezes and ends whose time has come."""
        with self.database.read() as connection:
            same_version(connection)
            chosen = sa.select(events.c.id, events.c.rules).where(
                events.c.frozen_at.is_(None), events.c.closed_at.is_(None)
            )
            due = [row.id for row in connection.execute(chosen) if '"freeze_at":null' not in row.rules]
        for event_id in due:
            freeze_if_due(self.database, event_id)
        close_due(self.database)


def _groups(sized: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Numbers in their order, cut where their sizes would exceed what is held together."""
    some: list[int] = []
    total = 0
    for number, size in sized:
        if some and total + size > _TOGETHER_BYTES:
            yield some
            some, total = [], 0
        some.append(number)
        total += size
    if some:
        yield some


def _of(job: Job, submission_id: int) -> Job:
    """A submission of a job that stands for several."""
    return Job(
        job.id, job.kind, job.event_id, job.team_id, submission_id, job.rubric, job.attempts, job.failures, job.token
    )
