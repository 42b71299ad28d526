"""Databases for the tests: SQLite always, PostgreSQL where its programs are installed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that belongs to this test run."""

    port: int
    folder: Path
    command: tuple[object, ...] = ()
    options: dict[str, object] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Again, after `stop`; returns once it answers."""
        with (self.folder / "log").open("ab") as log:
            self.running.append(subprocess.Popen(self.command, stdout=log, **self.options))  # type: ignore[call-overload]
        _wait(self.port, self.running[-1], self.folder)

    def stop(self, number: int = signal.SIGINT) -> None:
        """At once, whoever is connected. SIGQUIT: without a word, so that it recovers at the next start."""
        self.running[-1].send_signal(number)
        try:
            self.running[-1].wait(20)
        except subprocess.TimeoutExpired:
            self.running[-1].kill()
            self.running[-1].wait()

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(host="127.0.0.1", port=self.port, user="dojo", dbname="postgres", autocommit=True) as made:
            made.execute(f"CREATE DATABASE {name}")
        return f"postgresql://dojo@127.0.0.1:{self.port}/{name}"


def programs() -> Path | None:
    """The folder of initdb and postgres, of the newest version that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@contextlib.contextmanager
def postgresql() -> Iterator[Server]:
    """Start one in a temporary folder, as a user without rights; end it afterwards."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    place = programs()
    if place is None:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="deepdojo-pg-"))
    options: dict[str, object] = {}
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # it refuses to run as root
        import pwd

        try:
            who = pwd.getpwnam("nobody")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user nobody")
        os.chown(folder, who.pw_uid, who.pw_gid)
        options = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}, "stderr": subprocess.STDOUT, **options}
    data = folder / "data"
    done = subprocess.run(  # type: ignore[call-overload]
        [place / "initdb", "-D", data, "-U", "dojo", "-A", "trust", "-E", "UTF8", "--no-sync"],
        stdout=subprocess.PIPE, **base,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"initdb does not work here: {done.stdout[-300:]!r}")
    server = Server(port, folder, (
        place / "postgres", "-D", data, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1",
        "-c", "fsync=off", "-c", "max_connections=80", "-c", "shared_buffers=32MB",
    ), base)  # fmt: skip
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int, running: subprocess.Popen[bytes], folder: Path) -> None:
    import psycopg

    until = time.monotonic() + 30
    while time.monotonic() < until:
        if running.poll() is not None:
            pytest.skip(f"PostgreSQL does not start here: {(folder / 'log').read_text()[-300:]}")
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user="dojo", dbname="postgres", connect_timeout=5).close()
            return
        time.sleep(0.1)
    pytest.skip("PostgreSQL does not answer here")
