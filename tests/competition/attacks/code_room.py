"""A real server of a code competition, and how strangers' programs are sent to it and followed to their end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.competition.server.running import Running, running

CANARY = "zq7" + "canary"
"""Stands in secrets of the host alone: no program sent may hold it in one piece, and none may find it."""
HOST_SECRETS = {
    "DATABASE_URL": f"postgresql://host:{CANARY}@db/room", "DEEPDOJO_TOKEN": CANARY, "AWS_SECRET_ACCESS_KEY": CANARY,
}  # fmt: skip
GOOD = """
import csv, sys
import duckdb
rows = duckdb.sql(f"SELECT id, x FROM read_parquet('{sys.argv[1]}/test.parquet')").fetchall()
with open(sys.argv[2], "w") as file:
    out = csv.writer(file)
    out.writerow(["id", "label"])
    out.writerows([row, "zq7south" if x > 0.5 else "zq7north"] for row, x in rows)
"""


def needs_sandbox() -> None:
    """Skips the module where no sandbox can start."""
    from deepdojo.competition.sandbox import self_test

    if sys.platform != "linux" or shutil.which("bwrap") is None:
        pytest.skip("needs Linux with bubblewrap (bwrap)", allow_module_level=True)
    missing = self_test()
    if missing:
        pytest.skip(f"no whole sandbox here: {missing[0]}", allow_module_level=True)


@contextlib.contextmanager
def code_room(folder: Path, **rules: Any) -> Iterator[Running]:
    """The server, with secrets in the environment of all its processes and canaries beside the answers."""
    given = {"per_day": 1000, "broken_per_day": 1000, "run_s": 6.0, "run_bytes": 256 << 20, "largest_bytes": 1 << 20}
    with mock.patch.dict(os.environ, HOST_SECRETS), running(folder, code=True, **(given | rules)) as room:
        private = room.store / "events" / room.event / "private"
        (private / "answers.csv").write_text(f"id,label\nr1,{CANARY}\n")
        (room.store / "notes.txt").write_text(CANARY)
        yield room


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """A folder with these files, packed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def told(room: Running, files: Mapping[str, str | bytes], name: str = "mallory") -> dict[str, Any]:
    """What the sender reads of a program in the end."""
    token = room.join(name)
    sent = room.send(token, zipped(files), "p.zip", content_type="application/zip")
    assert sent.status == 202, sent.body
    return room.result(token, sent.json["id"])


def seen_by_host(room: Running, public_id: str) -> dict[str, Any]:
    """What the host reads of it."""
    found: dict[str, Any] = room.ask("GET", f"/api/v1/submissions/{public_id}", token=room.host).json
    return found


def stdout_of(log: str) -> str:
    """What a program printed, out of the host's log."""
    return log.partition("the end of stdout:\n")[2]


def shown(room: Running, public_id: str, name: str = "mallory") -> str:
    """All that the server ever tells the sender of a submission: the API's words and the page's."""
    token = room.join(name)
    parts = [room.ask("GET", path, token=token).body for path in
             (f"/api/v1/submissions/{public_id}", f"/api/v1/events/{room.event}/submissions")]  # fmt: skip
    return b"\n".join(parts).decode()


def running_with(token: str) -> list[int]:
    """Processes with this text in their command line; a fork keeps its parent's."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and token.encode() in Path(f"/proc/{entry}/cmdline").read_bytes():
                found.append(int(entry))
    return found


def gone_within(token: str, seconds: float) -> list[int]:
    """What still runs after so long."""
    deadline = time.monotonic() + seconds
    while (left := running_with(token)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
