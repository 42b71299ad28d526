"""A competition for the tests: real answers on disk, a real database, teams that send real files."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepdojo.competition.database.accept import Sent, accept
from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.events import Event, event_of, make_event
from deepdojo.competition.database.people import join
from deepdojo.competition.event import Rules
from deepdojo.competition.hosting.solution import write_solution
from deepdojo.competition.packing import pack
from deepdojo.competition.worker import Worker
from deepdojo.competition.worker.process import ScoringLimits
from deepdojo.contracts import contract_of

LABELS = ("amber", "beige", "coral")


@dataclass
class Arena:
    """One event of text classification with `n` rows, of which every third is public.

    Attributes:
        truth: (n,) label of each row. ids: of the rows, sorted.
    """

    database: Database
    events: Path
    n: int = 300
    per_day: int = 100_000
    grouped: bool = False
    name: str = "reviews"
    metric: str = "accuracy"
    freeze_at: float | None = None
    ends: float | None = None
    truth: list[str] = field(default_factory=list)
    teams: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draws = np.random.default_rng(7)
        self.ids = [f"r{k:06d}" for k in range(self.n)]
        self.truth = [LABELS[k] for k in draws.integers(0, 3, self.n)]
        self.public = draws.permutation(np.arange(self.n) % 3 == 0)
        self.write_answers(".", self.truth)
        rules = Rules(
            name=self.name, title="Reviews", task="text-classification", metric=self.metric, higher_is_better=True,
            per_day=self.per_day, team_size=3, freeze_at=self.freeze_at, ends=self.ends,
        )  # fmt: skip
        with self.database.write() as connection:
            self.code = make_event(self.database, connection, rules, solution_sha256="0" * 64, who="host").code

    def write_answers(self, folder: str, truth: Sequence[str]) -> Path:
        private = self.events / self.name / "private" / folder
        private.mkdir(parents=True, exist_ok=True)
        groups = [f"g{k // 3}" for k in range(self.n)] if self.grouped else None
        public = np.repeat(self.public[::3], 3)[: self.n] if self.grouped else self.public
        rows = [{"id": a, "label": b} for a, b in zip(self.ids, truth, strict=True)]
        write_solution(
            private, contract=contract_of("text-classification"), task="text-classification", metric=self.metric,
            rows=rows, public=public, groups=groups, labels=list(LABELS), key=b"k" * 32, facts={},
        )  # fmt: skip
        return private

    @property
    def event(self) -> Event:
        with self.database.read() as connection:
            return event_of(connection, self.name)

    def team(self, name: str) -> int:
        if name not in self.teams:
            with self.database.write() as connection:
                person, _, team = join(self.database, connection, self.name, self.code, name)
            self.teams[name] = (team, person.id)
        return self.teams[name][0]

    def table(self, share: float, seed: int = 0) -> bytes:
        """A CSV of which about `share` of the rows are right."""
        draws = np.random.default_rng(seed)
        right = draws.random(self.n) < share
        said = [
            t if ok else LABELS[(LABELS.index(t) + 1) % 3] for t, ok in zip(self.truth, right.tolist(), strict=True)
        ]
        return ("id,label\n" + "".join(f"{a},{b}\n" for a, b in zip(self.ids, said, strict=True))).encode()

    def send(self, team: str, data: bytes, *, name: str = "mine.csv", key: str | None = None) -> str:
        number = self.team(team)
        sent = Sent(number, self.teams[team][1], key or secrets.token_hex(8), "table", name, "", "", pack(data))
        with self.database.write() as connection:
            event = event_of(connection, self.name)
            return accept(self.database, connection, event.key, event.rules, sent)[0]

    def worker(self, **options: object) -> Worker:
        options.setdefault("limits", ScoringLimits(wall_s=20, cpu_s=20))
        return Worker(self.database, self.events, **options)  # type: ignore[arg-type]

    def drain(self, worker: Worker, most_s: float = 60.0) -> None:
        """Work until nothing waits."""
        from deepdojo.competition.database.tables import OPEN_JOB, jobs

        until = time.monotonic() + most_s
        while time.monotonic() < until:
            worker.once()
            with self.database.read() as connection:
                waiting = connection.execute(jobs.select().where(OPEN_JOB)).first()
            if waiting is None:
                return
        raise AssertionError("the queue was not drained")
