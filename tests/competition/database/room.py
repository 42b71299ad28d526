"""A room for the tests: a database of each kind that is at hand, with one event and people in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdojo.competition.database import events, people
from deepdojo.competition.database.accept import Sent, accept
from deepdojo.competition.database.engine import Database
from deepdojo.competition.event import Rules
from deepdojo.competition.packing import pack


@dataclass
class Room:
    """One event, `ada` in a team of her own."""

    database: Database
    rules: Rules
    event: events.Event
    ada: people.Person
    token: str
    team: int

    def send(self, text: str = "id,label\n1,a\n", key: str | None = None, **changes: Any) -> tuple[str, bool]:
        """A submission of ada's team."""
        values: dict[str, Any] = {
            "team_id": self.team, "person_id": self.ada.id, "key": key or pack(text.encode()).sha256, "kind": "table",
            "file_name": "a.csv", "note": "", "address": "127.0.0.1", "file": pack(text.encode()),
        }  # fmt: skip
        rules = changes.pop("rules", self.rules)
        with self.database.write() as connection:
            return accept(self.database, connection, self.event.key, rules, Sent(**values | changes))


def room_in(database: Database, **rules: Any) -> Room:
    """Make it."""
    known: dict[str, Any] = {"name": "reviews", "title": "Reviews", "task": "text-classification",
                             "metric": "accuracy", "higher_is_better": True, "per_day": 3}  # fmt: skip
    made = Rules(**known | rules)
    with database.write() as connection:
        event = events.make_event(database, connection, made, solution_sha256="0" * 64, who="host")
    with database.write() as connection:
        ada, token, team = people.join(database, connection, made.name, event.code, "Ada")
    return Room(database, made, event, ada, token, team)


def postgresql_server() -> Iterator[str | None]:
    """The address of a PostgreSQL of our own in a temporary folder, or None where none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or not shutil.which("setpriv"):
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="dojo-pg-", dir="/tmp"))
    binaries, data = found[-1].parent, folder / "data"
    # PostgreSQL refuses to run as root.
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if drop:
        os.chown(folder, 65534, 65534)
    settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    subprocess.run([*drop, binaries / "initdb", "-D", data, "-A", "trust", "-U", "dojo"], check=True, **quiet)
    server = subprocess.Popen([*drop, binaries / "postgres", "-D", data, *settings], **quiet)
    try:
        for _ in range(200):
            ready = subprocess.run([binaries / "pg_isready", "-h", folder, "-q"], check=False, **quiet)
            if ready.returncode == 0:
                break
            server.poll()
            subprocess.run(["sleep", "0.05"], check=False)
        yield f"postgresql://dojo@/postgres?host={folder}"
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
