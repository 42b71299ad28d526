"""How long it takes to score a whole event anew, and whether boards answer as fast with ten times the submissions.

    python benchmarks/rescoring.py                          # 100,000 submissions of 10,000 rows: about 7 GB of disk
    python benchmarks/rescoring.py --submissions 10000      # a tenth of it

The files are what entrants send (CSV, an id of 26 signs and a label a row), each another one, compressed as accepting
does; scores of the first version are written beside them, since only the second is measured. Then the host's own call
puts all of them into the queue under corrected answers, and as many workers as there are cores score them.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import sqlalchemy as sa
from benchmarks.competition import ROWS, cpu_s, make_room, with_children

from deepdojo.competition.database import rescore, tables
from deepdojo.competition.database.events import event_of
from deepdojo.competition.packing import pack

TEAMS = 1_000


def fill(room: object, each: int) -> None:
    """Replace what `make_room` entered by `each` real files of every team, with their scores."""
    rng = random.Random(1)
    base = "".join(f"{i},{rng.choice('ab')}\n" for i in room.ids[:-40])
    with room.database.write() as connection:
        for table in (tables.boards, tables.submissions):
            connection.execute(table.delete())
        teams = connection.execute(
            sa.select(tables.members.c.team_id, tables.members.c.person_id).order_by(tables.members.c.team_id)
        ).all()
        event = event_of(connection, "big").id
    for team, person in teams:
        with room.database.write() as connection:
            for i in range(each):
                tail = "".join(f"{row},{rng.choice('ab')}\n" for row in room.ids[-40:])
                _enter(connection, event, team, person, i, pack(f"id,label\n{base}{tail}".encode()))


def _enter(connection: sa.Connection, event: int, team: int, person: int, i: int, packed: object) -> None:
    row = {"public_id": f"x{team}-{i}", "event_id": event, "team_id": team, "person_id": person, "key": f"{i}",
           "kind": "table", "file_name": "p.csv", "note": "", "sha256": packed.sha256, "bytes": packed.size_bytes,
           "version": "0", "created": 1.7e9 + i, "address": "", "state": "scored"}  # fmt: skip
    number = connection.execute(tables.submissions.insert().returning(tables.submissions.c.id), row).scalar_one()
    connection.execute(
        tables.payloads.insert(), {"submission_id": number, "encoding": packed.encoding, "data": packed.data}
    )
    for part, n in (("public", 3_000), ("private", 7_000)):
        connection.execute(tables.scores.insert(), {
            "submission_id": number, "rubric": 1, "part": part, "value": 0.5, "low": 0.4, "high": 0.6, "n": n,
            "interval": "wilson", "shown": 0.5, "moved": i == 0, "version": "0", "scored": 1.7e9 + i,
        })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="dojo-rescoring-", dir=os.environ.get("TMPDIR")) as folder:
        room = make_room(Path(folder), None)
        begun = time.monotonic()
        fill(room, given.submissions // TEAMS)
        size = sum(path.stat().st_size for path in room.store.glob("server.sqlite*")) / 1e9
        print(
            f"{given.submissions:,} files of {ROWS:,} rows entered in {time.monotonic() - begun:.0f} s, {size:.1f} GB"
        )
        corrected(room)
        command = [sys.executable, "-m", "deepdojo.competition.worker", str(room.store / "server.sqlite"),
                   str(room.store / "events")]  # fmt: skip
        workers = [subprocess.Popen(command) for _ in range(given.workers)]
        try:
            measure(room, [worker.pid for worker in workers], given.submissions, load)
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait()
            room.database.close()


def corrected(room: object) -> None:
    """A second version of the answers: the folder of the first again, which is the same work to score."""
    import shutil

    private = room.store / "events" / "big" / "private"
    shutil.copytree(private, private / "rubrics" / "2", ignore=shutil.ignore_patterns("rubrics"))


def measure(room: object, pids: list[int], n: int, load: float) -> None:
    """From the host's call until every submission has its new score and every team its new rank."""
    begun = time.monotonic()
    with room.database.write() as connection:
        event = event_of(connection, "big")
        rescore.preview(room.database, connection, event, reason="corrected", metric="accuracy", solution_sha256="2",
                        folder="rubrics/2", who="bench")  # fmt: skip
    said = begun
    while True:
        with room.database.read() as connection:
            state = rescore.progress(connection, event, 2)
            unranked = connection.execute(sa.select(sa.func.count()).select_from(tables.boards).where(
                tables.boards.c.rubric == 2, tables.boards.c.rank.is_(None)
            )).scalar_one()  # fmt: skip
        if not state["waiting"] and not unranked:
            break
        if time.monotonic() - said > 10:
            said = time.monotonic()
            print(f"  {state['done']:,} of {TEAMS:,} teams after {said - begun:.0f} s", file=sys.stderr, flush=True)
        time.sleep(0.2)
    lasted = time.monotonic() - begun
    used = cpu_s([each for pid in pids for each in with_children(pid)])
    print(f"{n:,} submissions scored anew in {lasted:.0f} s by {len(pids)} workers: {n / lasted:,.0f} a second, "
          f"{1e3 * used / n:.2f} CPU ms each; {state['failed']} teams failed; load before {load:.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
