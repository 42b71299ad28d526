"""`dojo serve`: one web process and some workers, each started anew when it ends. Any of them may be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepdojo.competition.database.engine import open_database
from deepdojo.competition.database.versions import same_version, serve_as_this_version
from deepdojo.competition.refusal import Refusal

__all__ = ["Supervisor", "addresses"]

_LOOK_S = 0.2
_PATIENCE_S = 30.0
_NICER = 5  # readers must not starve the workers: the web process gives way


@dataclass
class Supervisor:
    """Runs the processes of one server until `stop`.

    Attributes:
        store: folder with server.sqlite and events/.
        database: a PostgreSQL address; None: the store's own SQLite.
        workers: default: one core less than there are, at least one.
        names: further names by which the server may be asked.
        bundle: what `dojo bundle` wrote, offered to the room.
        pages: False: workers alone, for a server whose pages another machine serves.
    """

    store: Path
    database: str | None = None
    host: str = "0.0.0.0"
    port: int = 8000
    workers: int | None = None
    names: Sequence[str] = ()
    certificate: Path | None = None
    key: Path | None = None
    bundle: Path | None = None
    pages: bool = True
    say: Callable[[str], None] = print
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, stop: threading.Event, ready: Callable[[], None] | None = None) -> None:
        """Start all, keep all, end all.

        Raises:
            Refusal: the port is taken, the store cannot be opened, the web process does not come up.
        """
        self._check()
        begun: dict[str, float] = {}
        failures: dict[str, int] = {}
        commands = {f"worker {i + 1}": self._worker() for i in range(self._count())}
        if self.pages:
            commands = {"web": self._web(), **commands}
        try:
            for name, command in commands.items():
                self._start(name, command)
                begun[name] = time.monotonic()
            if self.pages:
                self._await_web()
            if ready is not None:
                ready()
            while not stop.wait(_LOOK_S):
                for name, command in commands.items():
                    code = self.children[name].poll()
                    if code is None:
                        continue
                    lived = time.monotonic() - begun[name]
                    failures[name] = 0 if lived > 60 else failures.get(name, 0) + 1
                    if lived < min(0.25 * 2 ** failures[name], _PATIENCE_S) and failures[name] > 1:
                        continue  # it fails at once, again and again: not in a hot loop
                    self.say(f"{name} ended with code {code}; it is started anew")
                    self._start(name, command)
                    begun[name] = time.monotonic()
        finally:
            self._end()

    def _check(self) -> None:
        address = self.database or self.store / "server.sqlite"
        database = open_database(address, create=False)
        try:
            if self.pages:
                serve_as_this_version(database)
            else:
                with database.read() as connection:
                    same_version(connection)
        finally:
            database.close()
        if not self.pages:
            return
        with socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise Refusal("bad_request", f"port {self.port} cannot be used ({error.strerror})", where="--port",
                              todo="give another with --port") from None  # fmt: skip

    def _count(self) -> int:
        return self.workers if self.workers is not None else max(1, (os.cpu_count() or 2) - 1)

    def _where(self) -> str:
        return "-" if self.database else str(self.store / "server.sqlite")

    def _web(self) -> list[str]:
        words = [sys.executable, "-m", "deepdojo.competition.server", self._where(), str(self.store), "--with-parent"]
        words += ["--host", self.host, "--port", str(self.port)]
        for name in self.names:
            words += ["--name", name]
        words += ["--no-workers"] if self._count() == 0 else []
        if self.certificate is not None:
            words += ["--certificate", str(self.certificate)]
        if self.bundle is not None:
            words += ["--bundle", str(self.bundle)]
        return words + (["--key", str(self.key)] if self.key is not None else [])

    def _worker(self) -> list[str]:
        events = str(self.store / "events")
        return [sys.executable, "-m", "deepdojo.competition.worker", self._where(), events, "--with-parent"]

    def _start(self, name: str, command: list[str]) -> None:
        # glibc gives each thread memory of its own, which it keeps: some MB more in all for no speed here.
        environ = {"MALLOC_ARENA_MAX": "2", **os.environ, "OMP_NUM_THREADS": "1"}
        if self.database:
            environ["DEEPDOJO_DATABASE"] = self.database
        before = None if os.name == "nt" or name != "web" else _give_way
        # Its own session: Ctrl-C in the terminal reaches us alone, and we end the others in order.
        self.children[name] = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, start_new_session=True, preexec_fn=before
        )

    def _await_web(self) -> None:
        end = time.monotonic() + _PATIENCE_S
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        while time.monotonic() < end:
            if self.children["web"].poll() is not None:
                raise Refusal("unavailable", "the web process did not start", todo="see what it printed above")
            try:
                socket.create_connection((host, self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Refusal("unavailable", "the web process does not answer", todo="try again")

    def _end(self) -> None:
        for child in self.children.values():
            if child.stdin is not None:
                child.stdin.close()
            if child.poll() is None and os.name != "nt":
                child.send_signal(signal.SIGTERM)
        end = time.monotonic() + 15
        for child in self.children.values():
            try:
                child.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(5)


def _give_way() -> None:
    os.nice(_NICER)


def addresses(port: int, *, secure: bool) -> list[str]:
    """Where the room finds this machine: its addresses in the network, then its own."""
    found = []
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing; tells which of our addresses would be used
            found.append(probe.getsockname()[0])
    except OSError:
        pass
    scheme = "https" if secure else "http"
    return [f"{scheme}://{host}:{port}" for host in dict.fromkeys([*found, "127.0.0.1"])]
