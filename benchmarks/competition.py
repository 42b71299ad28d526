"""The competition server under load: boards read, submissions taken in and scored; SQLite and PostgreSQL in one run.

    python benchmarks/competition.py             # writes results/competition.md
    python benchmarks/competition.py --fast      # five seconds each, nothing written
    python benchmarks/competition.py --only sqlite
    python benchmarks/competition.py --only kills --kills 1000      # kill -9 under load: see kills.py

A real `dojo serve` (web process and workers) on this machine, asked by processes of our own over HTTP. The event has
10,000 test rows; the board 1,000 teams with 100 submissions each. CPU milliseconds are those of the server's own
processes (user and system, from /proc), and tell more than rates on a machine that does other work. PostgreSQL is
started in a temporary folder where it is installed; its own CPU is not in the figures.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import sqlalchemy as sa
from tests.competition.database.room import postgresql_server

import deepdojo as dd
from deepdojo.competition.database import events, people, tables
from deepdojo.competition.database.engine import Database, open_database
from deepdojo.competition.event import Rules
from deepdojo.competition.hosting.publish import publish
from deepdojo.competition.hosting.solution import read_solution
from deepdojo.competition.server.supervisor import Supervisor

ROWS, TEAMS, EACH = 10_000, 1_000, 100
RESULT = Path(__file__).parent / "results" / "competition.md"
HEAD = """# The competition server, measured

`python benchmarks/competition.py`; see its head for how. {when}, {machine}. Load before the run: {load:.1f}.

| | {names} | goal |
|---|{lines}---|
"""
GOALS = {
    "board of 1,000 teams, requests a second": "≥ 5,000 (idle machine)",
    "board, p95 ms": "≤ 8 (idle machine)",
    "board, CPU ms a request": "≤ 0.15",
    "board of 1,000 teams, requests a second, at a million submissions": "as with 100,000",
    "board, p95 ms, at a million submissions": "as with 100,000",
    "board while submissions arrive, p95 ms": "≤ 40",
    "accepted durably a second": "≥ 400",
    "accept, p95 ms": "≤ 150",
    "scored a second": "≥ 300",
    "accept + score, CPU ms each": "≤ 4",
    "one submission on an idle server, 202 to board, median s": "≤ 0.3",
    "server, MB": "≤ 80",
    "worker and its scoring process, MB": "≤ 130",
}


@dataclass
class Room:
    """A server's store with its event."""

    store: Path
    database: Database
    address: str | None
    code: str
    ids: list[str]
    tokens: list[str]
    port: int


def make_room(folder: Path, address: str | None) -> Room:
    """Publish 10,000 rows, enter 1,000 teams with 100,000 scored submissions."""
    rng = random.Random(0)
    for name, n in (("train", 1_000), ("test", ROWS)):
        lines = ["key,x,label"] + [f"{name}{i},{rng.gauss(0, 1):.3f},{'ab'[rng.randrange(2)]}" for i in range(n)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    dd.new(folder / "project", folder / "train.csv", test=folder / "test.csv", target="label", id="key")
    published = publish(folder / "project", folder / "store" / "events" / "big")
    solution = read_solution(published.private)
    database = open_database(address or folder / "store" / "server.sqlite")
    rules = Rules(name="big", title="Big", task="tabular-classification", metric="accuracy", higher_is_better=True,
                  per_day=100_000)  # fmt: skip
    with database.write() as connection:
        event = events.make_event(database, connection, rules, solution_sha256=solution.digest, who="bench")
    tokens = []
    with database.write() as connection:
        for i in range(TEAMS):
            _, token, team = people.join(database, connection, "big", event.code, f"team {i}")
            tokens.append(token)
            _fill(connection, event.id, team, i)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    return Room(folder / "store", database, address, event.code, solution.ids, tokens, port)


def _ten_times(room: Room) -> None:
    """Nine hundred submissions more for each team: a million in all."""
    with room.database.read() as connection:
        event = events.event_of(connection, "big").id
        teams = connection.execute(sa.select(tables.teams.c.id).order_by(tables.teams.c.id)).scalars().all()
    for i in range(0, len(teams), 20):
        with room.database.write() as connection:
            for team in teams[i : i + 20]:
                _send(connection, event, team, range(EACH, 10 * EACH))


def _fill(connection: sa.Connection, event: int, team: int, index: int) -> None:
    made = _send(connection, event, team, range(EACH))
    value = 0.5 + index / 4000
    row = {"event_id": event, "team_id": team, "rubric": 1, "part": "public", "submission_id": made[-1],
           "value": value, "low": value - 0.01, "high": value + 0.01, "n": 3000, "rank": 1 + (TEAMS - index) // 30,
           "submissions": EACH, "moved": 1.7e9}  # fmt: skip
    connection.execute(tables.boards.insert(), row)


def _send(connection: sa.Connection, event: int, team: int, numbers: range) -> list[int]:
    person = connection.execute(
        sa.select(tables.members.c.person_id).where(tables.members.c.team_id == team)
    ).scalar_one()
    now = 1.7e9
    return list(connection.execute(
        tables.submissions.insert().returning(tables.submissions.c.id),
        [
            {"public_id": f"x{team}-{i}", "event_id": event, "team_id": team, "person_id": person, "key": f"{i}",
             "kind": "table", "file_name": "p.csv", "note": "", "sha256": f"{team}-{i}", "bytes": 1, "version": "0",
             "created": now, "address": "", "state": "scored"}
            for i in numbers
        ],
    ).scalars().all())  # fmt: skip


# ---- clients, in processes of their own ----


def read_boards(port: int, seconds: float, connections: int, out: Any) -> None:
    """Ask for the board over kept connections as fast as it answers; put the milliseconds of each."""
    took: list[float] = []
    end = time.monotonic() + seconds

    def one() -> None:
        with socket.create_connection(("127.0.0.1", port)) as line:
            ask = b"GET /api/v1/events/big/board HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            while time.monotonic() < end:
                begun = time.perf_counter()
                line.sendall(ask)
                _read_answer(line)
                took.append(1e3 * (time.perf_counter() - begun))

    threads = [threading.Thread(target=one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put(took)


def send_tables(port: int, seconds: float, ids: list[str], tokens: list[str], pause: float, out: Any) -> None:
    """Send tables of 10,000 rows, each another one; put (status, milliseconds) of each."""
    took: list[tuple[int, float]] = []
    end = time.monotonic() + seconds
    base = "".join(f"{i},{'ab'[k % 2]}\n" for k, i in enumerate(ids[:-40])).encode()

    def one(number: int) -> None:
        rng = random.Random(number * 7919 + os.getpid())
        with socket.create_connection(("127.0.0.1", port)) as line:
            while time.monotonic() < end:
                tail = "".join(f"{i},{rng.choice('ab')}\n" for i in ids[-40:]).encode()
                body = b"id,label\n" + base + tail
                head = (
                    f"POST /api/v1/events/big/submissions?file_name=p.csv HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    f"Authorization: Bearer {rng.choice(tokens)}\r\nContent-Type: text/csv\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n"
                )
                begun = time.perf_counter()
                line.sendall(head.encode() + body)
                status = _read_answer(line)
                took.append((status, 1e3 * (time.perf_counter() - begun)))
                if pause:
                    time.sleep(pause)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put(took)


def _read_answer(line: socket.socket) -> int:
    data = b""
    while b"\r\n\r\n" not in data:
        data += line.recv(1 << 18)
    head, _, rest = data.partition(b"\r\n\r\n")
    length = next(int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length"))
    left = length - len(rest)
    while left > 0:
        left -= len(line.recv(min(left, 1 << 18)))
    return int(head.split(b" ")[1])


def _clients(function: Any, *arguments: Any, processes: int = 1) -> Iterator[Any]:
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    running = [context.Process(target=function, args=(*arguments, out)) for _ in range(processes)]
    for process in running:
        process.start()
    for _ in running:
        yield out.get()
    for process in running:
        process.join()


# ---- the measuring ----


def cpu_s(pids: list[int]) -> float:
    """User and system seconds of processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def with_children(pid: int) -> list[int]:
    """A process and those it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += with_children(int(child))
    return found


def memory_mb(pids: list[int]) -> float:
    """Memory of processes; pages that several share count once in all."""
    kib = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kib += int(line.split()[1])
    return kib / 1024


def measure(room: Room, seconds: float) -> dict[str, str]:
    """All figures of one store."""
    supervisor = Supervisor(room.store, room.address, host="127.0.0.1", port=room.port, workers=1, say=print)
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=supervisor.run, args=(stop, ready.set))
    thread.start()
    ready.wait(60)
    web = [supervisor.children["web"].pid]
    figures: dict[str, str] = {}
    try:
        _idle(room, figures)
        worker = with_children(supervisor.children["worker 1"].pid)
        _boards(room, web, seconds, figures)
        _submissions(room, web, worker, 3 * seconds, figures)
        _ten_times(room)
        _boards(room, web, seconds, figures, ", at a million submissions")
        figures["server, MB"] = f"{memory_mb(web):.0f}"
        worker = with_children(supervisor.children["worker 1"].pid)
        figures["worker and its scoring process, MB"] = f"{memory_mb(worker[:1]):.0f} + {memory_mb(worker[1:]):.0f}"
    finally:
        stop.set()
        thread.join(30)
    return figures


def _idle(room: Room, figures: dict[str, str]) -> None:
    import http.client
    import json

    def ask(method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", room.port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        connection.close()
        return found

    took = []
    for i in range(11):
        rng = random.Random(i)
        table = "id,label\n" + "".join(f"{row},{rng.choice('ab')}\n" for row in room.ids)
        token = room.tokens[i]
        sent = ask("POST", "/api/v1/events/big/submissions?file_name=p.csv", table.encode(),
                   **{"Authorization": f"Bearer {token}", "Content-Type": "text/csv"})  # fmt: skip
        begun = time.perf_counter()
        while ask("GET", f"/api/v1/submissions/{sent['id']}", Authorization=f"Bearer {token}")["state"] == "queued":
            time.sleep(0.005)
        took.append(time.perf_counter() - begun)
    figures["one submission on an idle server, 202 to board, median s"] = f"{statistics.median(took[1:]):.2f}"


def _boards(room: Room, web: list[int], seconds: float, figures: dict[str, str], when: str = "") -> None:
    before, begun = cpu_s(web), time.monotonic()
    took = [t for part in _clients(read_boards, room.port, seconds, 8, processes=2) for t in part]
    used, lasted = cpu_s(web) - before, min(seconds, time.monotonic() - begun)
    figures[f"board of 1,000 teams, requests a second{when}"] = f"{len(took) / lasted:,.0f}"
    figures[f"board, p95 ms{when}"] = f"{_p95(took):.1f}"
    figures[f"board, CPU ms a request{when}"] = f"{1e3 * used / len(took):.3f}"


def _submissions(room: Room, web: list[int], worker: list[int], seconds: float, figures: dict[str, str]) -> None:
    done_before, before = _scored(room), cpu_s(web + worker)
    sent = [t for part in _clients(send_tables, room.port, seconds, room.ids, room.tokens, 0.0) for t in part]
    fine = [t for status, t in sent if status == 202]
    figures["accepted durably a second"] = f"{len(fine) / seconds:,.0f}"
    figures["accept, p95 ms"] = f"{_p95(fine):.0f}"
    meanwhile = _scored(room) - done_before
    begun = time.monotonic()
    while _waiting(room) and time.monotonic() - begun < 600:
        time.sleep(0.2)
    drained, lasted = _scored(room) - done_before - meanwhile, time.monotonic() - begun
    figures["scored a second"] = (
        f"{drained / lasted:,.0f} (a backlog of {drained:,}); {meanwhile / seconds:,.0f} meanwhile"
    )
    figures["accept + score, CPU ms each"] = f"{1e3 * (cpu_s(web + worker) - before) / max(1, len(fine)):.1f}"
    refused = len(sent) - len(fine)
    if refused:
        figures["answers other than 202"] = f"{refused:,}"
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    arguments = (room.port, seconds, room.ids, room.tokens, 32 / 150, out)
    sender = context.Process(target=send_tables, args=arguments)
    sender.start()
    time.sleep(1)
    took = [t for part in _clients(read_boards, room.port, seconds - 1, 4) for t in part]
    arrived = len(out.get())
    sender.join()
    figures["board while submissions arrive, p95 ms"] = f"{_p95(took):.1f} ({arrived / seconds:,.0f} a second arrived)"


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))] if values else float("nan")


def _scored(room: Room) -> int:
    with room.database.read() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM scores WHERE part = 'public'")).scalar_one())


def _waiting(room: Room) -> int:
    statement = sa.text("SELECT count(*) FROM jobs WHERE kind = 'score' AND state IN ('queued', 'leased')")
    with room.database.read() as connection:
        return int(connection.execute(statement).scalar_one())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="five seconds each, nothing written")
    parser.add_argument("--only", choices=["sqlite", "postgresql", "kills"])
    parser.add_argument("--kills", type=int, default=1000, help="how many processes are killed on each database")
    given = parser.parse_args()
    if given.only == "kills":
        from kills import table

        sys.exit(0 if table(given.kills) else 1)
    load, found = os.getloadavg()[0], {}
    for name in [given.only] if given.only else ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory(prefix="dojo-bench-") as folder:
            servers = postgresql_server() if name == "postgresql" else iter([None])
            address = next(servers)
            if name == "postgresql" and address is None:
                print("postgresql: not installed, left out")
                continue
            room = make_room(Path(folder), address)
            found[name] = measure(room, 5 if given.fast else 20)
            room.database.close()
            next(servers, None)
        for what, figure in found[name].items():
            print(f"{name}: {what}: {figure}", flush=True)
    if not given.fast and not given.only:
        what = list(dict.fromkeys([*GOALS, *(key for figures in found.values() for key in figures)]))
        rows = [
            f"| {key} | {' | '.join(f.get(key, '–') for f in found.values())} | {GOALS.get(key, '')} |" for key in what
        ]
        head = HEAD.format(
            when=time.strftime("%d %B %Y"), machine=f"{os.cpu_count()} CPU cores, {platform.machine()}", load=load,
            names=" | ".join(found), lines="---|" * len(found),
        )  # fmt: skip
        RESULT.write_text(head + "\n".join(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main()
