"""A class in small: 40 simulated entrants send to a real server while it is frozen, rescored and killed.

    python benchmarks/class_in_small.py                       # ten minutes; prints one table
    python benchmarks/class_in_small.py --minutes 1 --entrants 10 --seed 3
    python benchmarks/class_in_small.py --db postgresql       # in a temporary server, where PostgreSQL is installed

Everything goes through the commands that people type (`dojo host`, `dojo serve`) and the Python client. A disturber
freezes and unfreezes, corrects labels and scores anew, applies and cancels, and kills the web process, the workers, or
all of `dojo serve` with SIGKILL. At the end: each 202 is in the archive once, the audit finds the boards equal, and the
archive alone gives the final board again. Exits with 1 where anything differs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.competition.database.room import postgresql_server
from tests.competition.server.running import LABELS, free_port

import deepdojo as dd
from deepdojo.competition.client import Client
from deepdojo.competition.hosting.solution import read_solution
from deepdojo.errors import DojoError

ROWS, EVENT = 2_000, "class"


@dataclass
class Classroom:
    """The store, the server that is started again whenever it dies, and what was promised to whom."""

    folder: Path
    port: int
    db: list[str]
    ending: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[str, str] = field(default_factory=dict)  # submission -> who
    did: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    server: subprocess.Popen[bytes] | None = None

    def dojo(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What the host types."""
        return subprocess.run(
            [sys.executable, "-m", "deepdojo.cli", *words], cwd=self.folder, text=True, capture_output=True,
            check=False, env={**os.environ, "DEEPDOJO_CONFIG": str(self.folder / "config")},
        )  # fmt: skip

    def host(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`dojo host EVENT …`."""
        return self.dojo("host", EVENT, *words, *self.db)

    def count(self, what: str) -> None:
        with self.lock:
            self.did[what] += 1


def make_project(folder: Path, seed: int) -> None:
    """Two columns and a label; 2,000 rows held out."""
    rng = random.Random(seed)
    for name in ("train", "test"):
        lines = ["key,x,y,label"]
        for i in range(ROWS):
            label = rng.randrange(2)
            lines.append(f"{name}{i},{rng.gauss(label, 1):.3f},{rng.gauss(0, 1):.3f},{LABELS[label]}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    dd.new(folder / "project", folder / "train.csv", test=folder / "test.csv", target="label", id="key")


@contextlib.contextmanager
def served(room: Classroom) -> Iterator[None]:
    """`dojo serve` in a loop, as a service manager would run it."""
    stop = threading.Event()

    def keep() -> None:
        while not stop.is_set():
            room.server = subprocess.Popen(
                [sys.executable, "-m", "deepdojo.cli", "serve", "--host", "127.0.0.1", "--port", str(room.port),
                 "--workers", "2", *room.db],
                cwd=room.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, "DEEPDOJO_CONFIG": str(room.folder / "config")},
            )  # fmt: skip
            room.server.wait()

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        if room.server is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(room.server.pid, signal.SIGINT)
        keeper.join(60)


def entrant(room: Classroom, number: int, code: str, truth: dict[str, str], seed: int) -> None:
    """Join, then send better and worse tables; each acknowledged one is written down; now and then choose finals."""
    rng = random.Random(seed * 1000 + number)
    who, skill = f"entrant {number}", rng.uniform(0.55, 0.9)
    client = _until_done(room, lambda: Client(f"http://127.0.0.1:{room.port}"))
    told = _until_done(room, lambda: client.join(EVENT, code, who))
    if told is None:
        return
    client.token = told["token"]
    turn = 0
    path = room.folder / f"sent-{number}.csv"
    while not room.ending.wait(rng.uniform(1.0, 6.0)):
        turn += 1
        path.write_bytes(_table(rng, truth, min(0.97, skill + 0.002 * turn)))
        key = f"{number}-{turn}"
        sent = _until_done(room, lambda key=key: client.submit(EVENT, path, key=key))
        if sent is None:
            continue
        with room.lock:
            room.acknowledged[sent["id"]] = who
        if rng.random() < 0.3:
            _until_done(room, lambda: client.board(EVENT))
        if rng.random() < 0.1:
            found = _until_done(room, lambda sent=sent: client.wait(sent["id"], most_s=60))
            if found and found["state"] == "scored":
                _until_done(room, lambda sent=sent: client.choose(EVENT, [sent["id"]]))
                room.count("finals chosen")


def _until_done(room: Classroom, what: Any) -> Any:
    """As a person would: again while the server is away; a refusal is an answer."""
    for _ in range(60):
        try:
            return what()
        except DojoError as error:
            if "cannot be reached" not in str(error):
                room.count(f"refused: {str(error)[:60]}")
                return None
            room.count("server away, tried again")
            time.sleep(0.5)
    return None


def _table(rng: random.Random, truth: dict[str, str], right: float) -> bytes:
    other = {LABELS[0]: LABELS[1], LABELS[1]: LABELS[0]}
    lines = [f"{i},{label if rng.random() < right else other[label]}" for i, label in truth.items()]
    return ("id,label\n" + "\n".join(lines) + "\n").encode()


# ---- disturbances ----


def children(pid: int) -> list[int]:
    """Processes below one, from /proc."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *children(int(child))]
    return found


def kill(room: Classroom, rng: random.Random) -> None:
    """SIGKILL to one process of the server, or to all at once."""
    if room.server is None:
        return
    below = children(room.server.pid)
    whole = rng.random() < 0.3
    for pid in [room.server.pid, *below] if whole else rng.sample(below, min(1, len(below))):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    room.count("dojo serve killed as a whole" if whole else "one process killed")


def correct_labels(room: Classroom, rng: random.Random) -> None:
    """The host mends twenty labels and scores anew; two times in three it counts."""
    path = room.folder / "test.csv"
    lines = path.read_text().splitlines()
    for i in rng.sample(range(1, len(lines)), 20):
        head, _, label = lines[i].rpartition(",")
        lines[i] = f"{head},{LABELS[1 - LABELS.index(label)]}"
    kept = path.read_text()
    path.write_text("\n".join(lines) + "\n")
    seen = room.host("rescore", "--reason", "labels corrected", "--preview", "--json")
    if seen.returncode:
        path.write_text(kept)
        room.count(f"rescore refused: {seen.stderr.strip()[:80]}")
        return
    verb = "--apply" if rng.random() < 0.67 else "--cancel"
    done = room.host("rescore", verb)
    if verb == "--cancel":
        path.write_text(kept)
    room.count(f"rescored, {verb[2:]}" if not done.returncode else f"{verb} refused: {done.stderr.strip()[:80]}")


def reap(room: Classroom, seed: int) -> None:
    """A SIGKILL every few seconds, whatever else goes on."""
    rng = random.Random(seed)
    while not room.ending.wait(rng.uniform(3, 12)):
        kill(room, rng)


def disturb(room: Classroom, seed: int) -> None:
    """The host's acts, until the end of the class."""
    rng = random.Random(seed)
    while not room.ending.wait(rng.uniform(2, 8)):
        if rng.random() < 0.35:
            correct_labels(room, rng)
            continue
        for verb in ("freeze", "unfreeze"):
            done = room.host(verb)
            room.count(verb if not done.returncode else f"{verb} refused: {done.stderr.strip()[:80]}")
            if room.ending.wait(rng.uniform(1, 4)):
                break
    room.host("unfreeze")


# ---- the end ----


def settle(room: Classroom, seconds: float = 300) -> str | None:
    """End the event and wait until the final board is open; why it is not."""
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - 1))
    done = room.host("extend", "--until", soon)
    if done.returncode:
        return done.stderr
    end, client = time.monotonic() + seconds, Client(f"http://127.0.0.1:{room.port}")
    while time.monotonic() < end:
        try:
            client.board(EVENT, "private")
            return None
        except DojoError as error:
            said = str(error)
        time.sleep(0.5)
    return said


def verdicts(room: Classroom) -> dict[str, tuple[bool, str]]:
    """What must hold: name -> (it holds, the figures)."""
    found: dict[str, tuple[bool, str]] = {}
    audited = room.host("audit", "--json")
    told = json.loads(audited.stdout or "{}")
    found["audit: kept scores, steps and ranks come out again"] = (
        bool(told.get("equal")),
        f"{told.get('submissions')} submissions, {told.get('final_rows')} final rows, "
        f"{len(told.get('different', []))} differences {told.get('different', [])[:3]}{_faults(audited)}",
    )
    archived = room.host("archive", "kept")
    again = room.dojo("host", "kept", "audit", "--json")
    again_told = json.loads(again.stdout or "{}")
    found["the archive alone gives the final board"] = (
        not archived.returncode and bool(again_told.get("equal")) and again_told.get("final_rows", 0) > 0,
        f"{again_told.get('final_rows')} rows {again_told.get('different', [])[:3]}{_faults(archived, again)}",
    )
    manifest = json.loads((room.folder / "kept" / "manifest.json").read_text())
    kept = Counter(row["id"] for row in manifest["submissions"])
    scored = Counter(row["submission"] for row in manifest["scored"])
    lost = [each for each in room.acknowledged if not kept[each]]
    unscored = [each for each in room.acknowledged if not scored[each]]
    doubled = [each for each, n in (kept + scored).items() if kept[each] > 1 or scored[each] > 1]
    keys = Counter((row["team"], row["sha256"]) for row in manifest["submissions"])
    found["no acknowledged submission is lost"] = (not lost, f"{len(lost)} of {len(room.acknowledged)}")
    found["each acknowledged submission is scored"] = (not unscored, f"{len(unscored)} not")
    found["none is doubled"] = (
        not doubled and max(keys.values(), default=0) <= 1,
        f"{len(doubled)} doubled, {len(kept) - len(room.acknowledged)} kept whose answer never arrived",
    )
    return found


def _faults(*said: subprocess.CompletedProcess[str]) -> str:
    return "".join(each.stderr[-200:] for each in said if each.returncode)


def run_class(folder: Path, minutes: float, entrants: int, seed: int, address: str | None) -> bool:
    """One class; prints what happened and whether all holds."""
    make_project(folder, seed)
    room = Classroom(folder, free_port(), [] if address is None else ["--db", address])
    hosted = room.dojo("host", "project", "--name", EVENT, "--public", "0.3", "--per-day", "10000", "--port",
                       str(room.port), "--json", *room.db)  # fmt: skip
    if hosted.returncode:
        raise SystemExit(hosted.stderr)
    told = json.loads(hosted.stdout)
    solution = read_solution(Path(folder / told["private"]))
    truth = {row["id"]: row["label"] for row in solution.rows}
    with served(room):
        _until_done(room, lambda: Client(f"http://127.0.0.1:{room.port}").events())
        threads = [threading.Thread(target=entrant, args=(room, i, told["code"], truth, seed)) for i in range(entrants)]
        threads += [threading.Thread(target=what, args=(room, seed)) for what in (disturb, reap)]
        for thread in threads:
            thread.start()
        time.sleep(60 * minutes)
        room.ending.set()
        for thread in threads:
            thread.join(180)
        why = settle(room)
        found = verdicts(room) if why is None else {"the final board opens": (False, why)}
    for what, n in sorted(room.did.items()):
        print(f"  {n:5,} × {what}")
    for what, (holds, figures) in found.items():
        print(f"{'yes' if holds else 'NO '} {what}: {figures}", flush=True)
    return all(holds for holds, _ in found.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--entrants", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--db", choices=["sqlite", "postgresql"], default="sqlite")
    given = parser.parse_args()
    servers = postgresql_server() if given.db == "postgresql" else iter([None])
    address = next(servers)
    if given.db == "postgresql" and address is None:
        raise SystemExit("PostgreSQL is not installed here")
    with tempfile.TemporaryDirectory(prefix="dojo-class-") as folder:
        print(f"{given.db}: {given.entrants} entrants for {given.minutes:g} minutes, seed {given.seed}", flush=True)
        good = run_class(Path(folder), given.minutes, given.entrants, given.seed, address)
    next(servers, None)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
