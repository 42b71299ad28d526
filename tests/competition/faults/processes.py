"""One server as processes that a test holds by the hand: a web process and workers, started, stopped, killed each."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.database import people
from deepdojo.competition.database.tables import jobs, submissions
from tests.competition.arena import Arena
from tests.competition.server.running import Answer

PROJECT = """\
name = "reviews"
title = "Reviews"
task = "text-classification"
metric = "accuracy"

[source]
path = "train.csv"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """A store with an arena's event, and the processes that serve it.

    Attributes:
        address: of the database.
        environ: what all processes find in their environment beside ours.
    """

    arena: Arena
    address: str
    store: Path
    logs: Path
    lease_s: float = 1.0
    environ: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        public = self.arena.events / self.arena.name / "public"
        public.mkdir(parents=True, exist_ok=True)
        (public / "project.toml").write_text(PROJECT)
        self.logs.mkdir(parents=True, exist_ok=True)

    # ---- processes ----

    def start(self, name: str, *words: str, **environ: str) -> subprocess.Popen[bytes]:
        """A process of that name with these words after `python`; what it says is in `log(name)`."""
        with (self.logs / f"{name}.log").open("ab") as log:
            made = subprocess.Popen(
                [sys.executable, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1", "DEEPDOJO_DATABASE": self.address} | self.environ | environ,
            )  # fmt: skip
        self.running[name] = made
        return made

    def web(self, *program: str, wait: bool = True, **environ: str) -> subprocess.Popen[bytes]:
        """The web process, or another program with its arguments in its place; returns once it answers."""
        program = program or ("-m", "deepdojo.competition.server")
        words = ("-", str(self.store), "--host", "127.0.0.1", "--port", str(self.port))
        made = self.start("web", *program, *words, **environ)
        if wait:
            self.await_web()
        return made

    def worker(self, name: str = "worker", *more: str, **environ: str) -> subprocess.Popen[bytes]:
        """A worker that takes four jobs at a time."""
        words = ("-", str(self.arena.events), "--lease", str(self.lease_s), "--most", "4", *more)
        return self.start(name, "-m", "deepdojo.competition.worker", *words, **environ)

    def await_web(self, most_s: float = 60.0) -> None:
        until = time.monotonic() + most_s
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
                return
            assert self.running["web"].poll() is None, self.log("web")
            time.sleep(0.02)
        raise AssertionError("the web process does not answer")

    def kill(self, name: str) -> None:
        """kill -9."""
        self.running[name].kill()
        self.running[name].wait()

    def hold(self, pid: int) -> None:
        """SIGSTOP, and wait until it stands."""
        os.kill(pid, signal.SIGSTOP)
        until = time.monotonic() + 20
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "Tt":
            assert time.monotonic() < until
            time.sleep(0.005)

    def end(self) -> None:
        """All of them, at once and without a farewell."""
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self.running.values():
            process.wait(20)

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(errors="replace")

    # ---- requests ----

    def token(self, team: str) -> str:
        """Of the team's only person; made on the first call."""
        if team not in self.tokens:
            self.arena.team(team)
            _, person = self.arena.teams[team]
            self.tokens[team] = token = f"dd_{team.replace(' ', '-')}"
            table = people.people
            with self.arena.database.write() as connection:
                digest = people.secret_digest(token)
                connection.execute(table.update().where(table.c.id == person).values(token_sha256=digest))
        return self.tokens[team]

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, timeout_s: float = 60.0, **headers: str
    ) -> Answer:
        """One request; OSError or HTTPException where the connection breaks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            sent = {name.replace("_", "-"): text for name, text in headers.items()}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            told = {name.lower(): text for name, text in answer.getheaders()}
            return Answer(answer.status, told, answer.read())
        finally:
            connection.close()

    def post(self, team: str, data: bytes, key: str, *, timeout_s: float = 60.0) -> Answer:
        """A submission."""
        return self.ask(
            "POST", f"/api/v1/events/{self.arena.name}/submissions?file_name=mine.csv", data, timeout_s=timeout_s,
            authorization=f"Bearer {self.token(team)}", content_type="text/csv", idempotency_key=key,
        )  # fmt: skip

    def board(self) -> Answer:
        return self.ask("GET", f"/api/v1/events/{self.arena.name}/board")

    def told(self, team: str, public_id: str) -> dict[str, Any]:
        """What the team is told of its submission."""
        answer = self.ask("GET", f"/api/v1/submissions/{public_id}", authorization=f"Bearer {self.token(team)}")
        assert answer.status == 200, answer.body
        return dict(json.loads(answer.body))

    # ---- the database ----

    def waiting(self, *kinds: str) -> int:
        """Jobs that are not done."""
        chosen = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.state.in_(("queued", "leased")))
        if kinds:
            chosen = chosen.where(jobs.c.kind.in_(kinds))
        with self.arena.database.read() as connection:
            return int(connection.execute(chosen).scalar_one())

    def drained(self, most_s: float = 120.0) -> None:
        """Wait until nothing waits."""
        until = time.monotonic() + most_s
        while self.waiting():
            assert time.monotonic() < until, {name: self.log(name)[-2000:] for name in self.running}
            time.sleep(0.05)

    def ids(self) -> list[str]:
        """Of all submissions that are there."""
        with self.arena.database.read() as connection:
            return list(connection.execute(sa.select(submissions.c.public_id)).scalars())


@contextlib.contextmanager
def site(address: str, folder: Path, *, n: int = 60, **options: Any) -> Iterator[Site]:
    """A store in the folder with an event of `n` rows; all processes are ended behind it."""
    from deepdojo.competition.database.engine import open_database

    database = open_database(address)
    made = Site(Arena(database, folder / "events", n=n), address, folder, folder / "logs", **options)
    try:
        yield made
    finally:
        made.end()
        database.close()
