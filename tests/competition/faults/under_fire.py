"""kill -9 of a web process and of workers at random moments while clients send; then what was lost, what doubled.

`benchmarks/competition.py --only kills` runs the same with a thousand kills on each database.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.audit import audit_event
from deepdojo.competition.database.tables import jobs, ladders, scores, submissions
from deepdojo.competition.ladder import Ladder
from tests.competition.faults.processes import Site

_RETRY_S = 0.05


@dataclass
class Client:
    """Sends one table after the other, each with its key until it is acknowledged, and keeps the list.

    Attributes:
        acknowledged: key -> id. again: how many requests got no answer and were repeated.
        odd: answers that a client must never get.
    """

    site: Site
    team: str
    pause_s: float
    acknowledged: dict[str, str] = field(default_factory=dict)
    again: int = 0
    odd: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            self.one(f"{self.team}-{number}", self.site.arena.table(0.4 + 0.005 * (number % 100), number))
            time.sleep(self.pause_s)

    def one(self, key: str, data: bytes) -> None:
        """Until it is acknowledged, also when the end has come: what was sent once may be on the disk."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                answer = self.site.post(self.team, data, key, timeout_s=20)
            except (OSError, http.client.HTTPException):
                answer = None
            if answer is not None and answer.status == 202:
                before = self.acknowledged.setdefault(key, answer.json["id"])
                if before != answer.json["id"]:
                    self.odd.append(f"{key} was {before} and is {answer.json['id']}")
                if random.random() < 0.97:  # a few ask again though they know
                    return
                continue
            if answer is not None and answer.status != 503:
                self.odd.append(f"{answer.status} {answer.body[:200]!r}")
            self.again += 1
            time.sleep(_RETRY_S)
        self.odd.append(f"{key} was not acknowledged in two minutes")


@contextlib.contextmanager
def sending(site: Site, teams: int, pause_s: float) -> Iterator[list[Client]]:
    """So many teams with tokens, of which each sends in a thread of its own while the body runs."""
    stop, senders = threading.Event(), [Client(site, f"team {k}", pause_s) for k in range(teams)]
    for sender in senders:
        site.token(sender.team)
    threads = [threading.Thread(target=sender.run, args=(stop,)) for sender in senders]
    for thread in threads:
        thread.start()
    try:
        yield senders
    finally:
        stop.set()
        for thread in threads:
            thread.join(150)


@dataclass
class Toll:
    """What became of it all.

    Attributes:
        lost: acknowledged, and not there. doubled: sent once and there twice, or scored twice, or offered twice.
        unscored: neither scored nor refused in the end. different: sentences of the audit.
    """

    kills: Counter[str]
    acknowledged: int
    repeated: int
    leased_again: int
    lost: int
    doubled: int
    unscored: int
    odd: list[str]
    different: list[str]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.unscored or self.odd or self.different)


def under_fire(
    site: Site, kills: int, *, seed: int = 0, clients: int = 4, pause_s: float = 0.1, rest_s: float = 0.8,
    said: Any = None,
) -> Toll:  # fmt: skip
    """Kill that many processes: one in three is the web process, the others are two workers or their scoring
    processes; then let everything be scored and count. Four in five are at work when they are killed, the others
    perhaps still starting.

    Args:
        rest_s: mean seconds between two kills. said: called with the number of kills now and then.
    """
    draws, killed = random.Random(seed), Counter[str]()
    site.web()
    for name in ("worker a", "worker b"):
        site.worker(name)
    with sending(site, clients, pause_s) as senders:
        for number in range(kills):
            time.sleep(draws.uniform(0.25, 1.75) * rest_s)
            killed[_kill(site, draws)] += 1
            if said is not None and number % 50 == 49:
                said(number + 1)
    site.drained(600)
    return count(site, senders, killed)


def _kill(site: Site, draws: random.Random) -> str:
    name = draws.choice(["web", "worker a", "worker b"])
    until = time.monotonic() + 20
    wait = draws.random() < 0.8
    while wait and not _at_work(site, name) and time.monotonic() < until:
        time.sleep(0.05)
    if name == "web":
        site.kill("web")
        site.web(wait=False)
        return "web"
    if draws.random() < 0.25:
        inner = children(site.running[name].pid)
        if inner:
            with contextlib.suppress(ProcessLookupError):
                os.kill(inner[0], signal.SIGKILL)
            return "scoring process"
    site.kill(name)
    site.worker(name)
    return "worker"


def _at_work(site: Site, name: str) -> bool:
    """The web process listens; a worker has started its scoring process."""
    if name != "web":
        return bool(children(site.running[name].pid))
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", site.port), timeout=2).close()
        return True
    return False


def children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def count(site: Site, senders: list[Client], killed: Counter[str]) -> Toll:
    """Compare the clients' own lists with what is in the database."""
    acknowledged = [name for sender in senders for name in sender.acknowledged.values()]
    database = site.arena.database
    with database.read() as connection:
        s = submissions.c
        kept = connection.execute(sa.select(s.public_id, s.key, s.state, s.fault, s.fault_host)).all()
        lines = connection.execute(sa.select(scores.c.submission_id, scores.c.part)).all()
        states = connection.execute(sa.select(ladders.c.state, ladders.c.data)).all()
        again = connection.execute(sa.select(sa.func.sum(jobs.c.attempts - 1)).where(jobs.c.kind == "score")).scalar()
        whole = connection.exec_driver_sql("PRAGMA integrity_check").scalar() if database.sqlite else "ok"
    there = Counter(row.public_id for row in kept)
    walked = [Ladder.from_json(row.state, row.data) for row in states]
    offers = Counter(offer.submission for ladder in walked for offer in (*ladder.steps, *ladder.since))
    doubled = sum(many > 1 for many in Counter(row.key for row in kept).values())
    doubled += sum(many > 1 for many in Counter((row.submission_id, row.part) for row in lines).values())
    doubled += sum(many > 1 for many in offers.values())
    doubled += abs(sum(ladder.offered for ladder in walked) - sum(row.state == "scored" for row in kept))
    odd = [each for sender in senders for each in sender.odd] + ([] if whole == "ok" else [str(whole)])
    odd += [f"{len(kept)} are there, {len(acknowledged)} acknowledged"] if len(kept) != len(acknowledged) else []
    odd += [f"{row.public_id} is {row.state}: {row.fault_host or row.fault}" for row in kept if row.state != "scored"]
    found = audit_event(database, site.arena.events, site.arena.event)
    return Toll(
        killed, len(acknowledged), sum(sender.again for sender in senders), int(again or 0),
        lost=sum(name not in there for name in acknowledged), doubled=doubled,
        unscored=sum(row.state != "scored" for row in kept), odd=odd, different=list(found["different"]),
    )  # fmt: skip
