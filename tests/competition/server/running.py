"""A real server with a real event: web process and worker, on a free port, over a small project made here."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import deepdojo as dd
from deepdojo.competition.database import events, people
from deepdojo.competition.database.engine import Database, open_database
from deepdojo.competition.event import Rules
from deepdojo.competition.hosting.publish import publish
from deepdojo.competition.hosting.solution import read_solution
from deepdojo.competition.server.supervisor import Supervisor

LABELS = ("zq7north", "zq7south")  # words that no answer may contain


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """The server, the tokens, the answers."""

    store: Path
    port: int
    database: Database
    event: str
    code: str
    host: str
    ids: list[str]
    truth: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own; a dict is sent as JSON."""
        sent = dict(headers or {})
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def api(self, method: str, path: str, body: Any = None, token: str | None = None, **more: Any) -> Answer:
        """Below the event: `api("GET", "/board")`."""
        return self.ask(method, f"/api/v1/events/{self.event}{path}", body, token, **more)

    def join(self, name: str) -> str:
        """A new entrant's token."""
        if name not in self.tokens:
            answer = self.api("POST", "/join", {"code": self.code, "name": name})
            assert answer.status == 201, answer.body
            self.tokens[name] = answer.json["token"]
        return self.tokens[name]

    def table(self, right: float = 1.0, seed: int = 0) -> bytes:
        """A table of predictions of which this share is right."""
        rng = random.Random(seed)
        other = {LABELS[0]: LABELS[1], LABELS[1]: LABELS[0]}
        lines = [f"{i},{self.truth[i] if rng.random() < right else other[self.truth[i]]}" for i in self.ids]
        return ("id,label\n" + "\n".join(lines) + "\n").encode()

    def send(self, token: str, body: bytes, name: str = "p.csv", **headers: str) -> Answer:
        """One submission."""
        sent = {"content-type": "text/csv", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.api("POST", f"/submissions?file_name={name}", body, token, headers=sent)

    def result(self, token: str, public_id: str) -> dict[str, Any]:
        """The submission once it no longer waits."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            told = self.ask("GET", f"/api/v1/submissions/{public_id}", token=token).json
            if told["state"] != "queued":
                return dict(told)
            time.sleep(0.05)
        raise AssertionError("the submission was not scored within a minute")


def a_project(folder: Path) -> Path:
    """200 rows of two columns and a label, 100 of them held out."""
    rng = random.Random(1)
    for name in ("train", "test"):
        lines = ["key,x,y,label"]
        for i in range(100):
            label = rng.randrange(2)
            lines.append(f"{name}{i},{rng.gauss(label, 1):.3f},{rng.gauss(0, 1):.3f},{LABELS[label]}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    dd.new(folder / "project", folder / "train.csv", test=folder / "test.csv", target="label", id="key")
    return folder / "project"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path, workers: int = 1, **rules: Any) -> Iterator[Running]:
    """Host the project, serve it, give the server, end it."""
    store, name = folder / "store", "winds"
    published = publish(a_project(folder), store / "events" / name, code=rules.get("code", False))
    solution = read_solution(published.private)
    database = open_database(store / "server.sqlite")
    known: dict[str, Any] = {"name": name, "title": "Winds", "task": "tabular-classification",
                             "metric": solution.metric, "higher_is_better": True, "per_day": 5}  # fmt: skip
    with database.write() as connection:
        event = events.make_event(
            database, connection, Rules(**known | rules), solution_sha256=solution.digest, who="host"
        )
        _, host = people.make_person(connection, "grace", "host", database.now(connection))
    truth = {row["id"]: row["label"] for row in solution.rows}
    try:
        with supervised(store, workers) as port:
            yield Running(store, port, database, name, event.code, host, list(truth), truth)
    finally:
        database.close()


@contextlib.contextmanager
def supervised(store: Path, workers: int = 1) -> Iterator[int]:
    """The server of a store that is there; its port."""
    supervisor = Supervisor(store, host="127.0.0.1", port=free_port(), workers=workers, say=lambda _: None)
    stop, ready, failed = threading.Event(), threading.Event(), []

    def serve() -> None:
        try:
            supervisor.run(stop, ready.set)
        except Exception as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(60)
        assert not failed, failed
        yield supervisor.port
    finally:
        stop.set()
        thread.join(30)


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """A Python of our own kind."""
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


@contextlib.contextmanager
def served(folder: Path, *more: str, port: int | None = None) -> Iterator[tuple[int, Path, int]]:
    """`dojo serve` as the host of config-host: its port, the file of all that it prints, its process."""
    port, log = port or free_port(), folder / "serve.log"
    words = ["serve", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", *more]
    with log.open("wb") as kept:
        server = subprocess.Popen(
            [sys.executable, "-m", "deepdojo.cli", *words], cwd=folder, stdout=kept, stderr=subprocess.STDOUT,
            env={**os.environ, "DEEPDOJO_CONFIG": str(folder / "config-host")}, start_new_session=True,
        )  # fmt: skip
        try:
            end = time.monotonic() + 60
            while b"Serving at" not in log.read_bytes() and time.monotonic() < end:
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            yield port, log, server.pid
        finally:
            server.send_signal(signal.SIGINT)
            try:
                assert server.wait(30) == 0
            finally:
                server.kill()
                server.wait()
