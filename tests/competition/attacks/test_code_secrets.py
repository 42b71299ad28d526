"""Attacks 14, 16, 17 and 18: programs that are sent look for answers, secrets and a way out."""

from __future__ import annotations

import os
import pickle
import socket
import threading
from pathlib import Path

import duckdb
import pytest

from deepdojo.competition.server.supervisor import addresses
from tests.competition.attacks.code_leaks import HEAD, WAYS
from tests.competition.attacks.code_room import (
    CANARY,
    GOOD,
    code_room,
    needs_sandbox,
    seen_by_host,
    shown,
    stdout_of,
    told,
    zipped,
)  # fmt: skip

needs_sandbox()
MARKER = Path("/tmp/deepdojo-code-was-run-outside")
REVERSED = CANARY[::-1]


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    with code_room(tmp_path_factory.mktemp("secrets"), run_s=60.0) as found:
        yield found


def test_an_honest_program_is_scored_and_its_sender_sees_what_it_cost(room):
    found = told(room, {"predict.py": GOOD}, "ada")
    assert found["state"] == "scored", found
    assert found["value"] is not None
    assert 0 < found["ran"]["seconds"] < 60
    assert found["ran"]["peak_bytes"] % (1 << 20) == 0
    assert "log" not in found["ran"]
    assert seen_by_host(room, found["id"])["ran"]["log"].startswith("exit code 0")


# ---- 14: files that run code when they are opened ----


class Marks:
    """What a pickle could do."""

    def __reduce__(self):
        return os.system, (f"touch {MARKER}",)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("weights.pkl", pickle.dumps(Marks())), ("weights.safetensors", pickle.dumps(Marks())),
        ("model.pt", zipped({"archive/data.pkl": pickle.dumps(Marks())})),
        ("model.bin", zipped({"archive/data.pkl": pickle.dumps(Marks())})),
        ("config.yaml", f"a: !!python/object/apply:os.system ['touch {MARKER}']\n"),
    ],
)  # fmt: skip
def test_14_files_that_run_code_when_opened_are_refused_and_run_nothing(room, name, content):
    found = told(room, {"predict.py": GOOD, name: content})
    assert found["state"] == "refused"
    assert name in found["fault"]["error"]
    assert "safetensors" in found["fault"]["todo"]
    assert found["ran"] is None  # nothing ran
    assert not MARKER.exists()


def test_14_a_pickle_made_inside_is_opened_inside_alone(room):
    made = (
        f"import os, pickle\nclass M:\n    def __reduce__(self): return os.system, ('touch {MARKER}; echo opened',)\n"
    )
    found = told(room, {"predict.py": made + "pickle.loads(pickle.dumps(M()))\n" + GOOD})
    assert found["state"] == "scored"
    assert stdout_of(seen_by_host(room, found["id"])["ran"]["log"]) == "opened"
    assert not MARKER.exists()


# ---- 16: the answers ----

_LOOK = """
import os, sys, time
needle = "{reversed}"[::-1].encode()
roots = {paths!r} + ["/", "/proc/1/root", "/proc/self/root", "/proc/self/cwd/..", "/proc/1/cwd"]
skipped = [os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, "/usr", "/sys")]
end, seen, found = time.monotonic() + 25, 0, []
def look(path):
    global seen
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for ever
        try:
            data = os.read(file, 1 << 20)
            seen += 1
        finally:
            os.close(file)
    except OSError:
        return
    if needle in data or b"{key}"[::-1] in data:
        found.append(path)
for root in roots:
    if os.path.isfile(root):
        look(root)
    for folder, names, files in os.walk(root):
        if time.monotonic() > end:
            break
        names[:] = [n for n in names if os.path.realpath(os.path.join(folder, n)) not in skipped
                    and not (folder.startswith("/proc") and n == "root")]
        for name in files:
            if not name.startswith(("kmsg", "kcore")):
                look(os.path.join(folder, name))
print("LOOKED", seen > 50)
print("FOUND", found)
"""


def test_16_a_program_that_opens_every_path_finds_no_answer(room):
    private = room.store / "events" / room.event / "private"
    key = (private / "key").read_text().strip()
    paths = [str(path) for path in (
        private, private / "solution.parquet", private / "key", private / "answers.csv", room.store,
        room.store / "server.sqlite", room.store / "notes.txt", f"/proc/{os.getpid()}/root{room.store}",
    )]  # fmt: skip
    program = _LOOK.replace("{reversed}", REVERSED).replace("{key}", key[::-1]).replace("{paths!r}", repr(paths))
    found = told(room, {"predict.py": program + GOOD})
    assert found["state"] == "scored", found
    said = stdout_of(seen_by_host(room, found["id"])["ran"]["log"])
    assert said == "LOOKED True\nFOUND []"
    assert CANARY not in shown(room, found["id"]) + said


@pytest.mark.slow
def test_16_what_a_program_reads_of_hidden_inputs_never_reaches_its_sender(room):
    """By what it prints, raises, calls its cells and columns, ends with, or forges about itself."""
    inputs = room.store / "events" / room.event / "private" / "inputs" / "test.parquet"
    row, x = duckdb.sql(f"SELECT id, x FROM read_parquet('{inputs}') ORDER BY id").fetchall()[0]
    for way, program in WAYS.items():
        found = told(room, {"predict.py": HEAD + program}, way)
        text = shown(room, found["id"], way)
        assert found["state"] == "refused", (way, found)
        assert f"{x:.3f}" not in text, (way, found["fault"])
        assert row not in text, (way, found["fault"])
        assert len(text) < 3000, way


# ---- 17: secrets of the server ----

_SECRETS = """
import os, sys
needle = "{reversed}"[::-1]
for pid in sorted(n for n in os.listdir("/proc") if n.isdigit() or n in ("self", "thread-self")):
    for name in ("environ", "cmdline", "maps", "mountinfo", "status"):
        try:
            text = open(f"/proc/{pid}/{name}", "rb").read().decode("utf-8", "replace")
        except OSError:
            continue
        if needle in text:
            print("FOUND", pid, name)
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            print(pid, "fd", os.readlink(f"/proc/{pid}/fd/{number}").split(":")[0])
    except OSError:
        pass
print("FOUND environ" if needle in repr(os.environ) else "clean", sorted(os.environ))
"""


def test_17_environment_command_lines_and_descriptors_hold_no_secret(room):
    found = told(room, {"predict.py": _SECRETS.replace("{reversed}", REVERSED) + GOOD})
    assert found["state"] == "scored", found
    said = seen_by_host(room, found["id"])["ran"]["log"]
    assert "FOUND" not in said
    assert "clean ['DEEPDOJO_CACHE'" in said
    assert "DATABASE" not in said
    assert CANARY not in said + shown(room, found["id"])
    assert str(room.store) not in said


# ---- 18: a way out ----

_OUT = """
import socket, sys
def tried(what, do):
    try:
        do()
        print("OUT", what)
    except OSError as error:
        print("refused", what)
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as out:
        out.settimeout(2)
        out.connect(address)
for host in {hosts!r}:
    tried(host, lambda: connect(socket.AF_INET, (host, {port})))
    tried(host + " udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (host, {port})))
tried("ipv6", lambda: connect(socket.AF_INET6, ("::1", {port})))
tried("dns", lambda: socket.getaddrinfo("example.org", 80))
tried("abstract", lambda: connect(socket.AF_UNIX, "\\0{name}"))
tried("path", lambda: connect(socket.AF_UNIX, "{path}"))
tried("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
tried("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
tried("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
tried("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))  # its refusal alone; nobody connects there
import multiprocessing
with multiprocessing.Pool(2) as pool:
    print("pool", pool.map(abs, [-1, -2]))
"""


class Listener:
    """Counts who comes, by TCP on all addresses, and by two UNIX sockets."""

    def __init__(self, folder: Path) -> None:
        self.came = 0
        self.name, self.path = f"deepdojo-{os.getpid()}", str(folder / "out.sock")
        self.inet = socket.create_server(("0.0.0.0", 0))
        self.port = self.inet.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("0.0.0.0", self.port))
        self.all = [self.inet, self.udp]
        for address in ("\0" + self.name, self.path):
            unix = socket.socket(socket.AF_UNIX)
            unix.bind(address)
            unix.listen()
            self.all.append(unix)
        for each in self.all:
            each.settimeout(0.2)
            threading.Thread(target=self._wait, args=(each,), daemon=True).start()

    def _wait(self, each: socket.socket) -> None:
        while each.fileno() >= 0:
            try:
                each.recv(1) if each is self.udp else each.accept()[0].close()
                self.came += 1
            except TimeoutError:
                continue
            except OSError:
                return

    def close(self) -> None:
        for each in self.all:
            each.close()


def test_18_no_connection_leaves_and_no_socket_but_unix_opens(room, tmp_path):
    listener = Listener(tmp_path)
    os.chmod(listener.path, 0o777)
    try:
        with socket.create_connection(("127.0.0.1", listener.port)):  # it does listen
            pass
        hosts = ["127.0.0.1", *(a.partition("://")[2].rpartition(":")[0] for a in addresses(1, secure=False))]
        program = _OUT.replace("{hosts!r}", repr(hosts)).replace("{port}", str(listener.port))
        program = program.replace("{name}", listener.name).replace("{path}", listener.path)
        found = told(room, {"predict.py": program + GOOD})
    finally:
        listener.close()
    assert found["state"] == "scored", found
    said = stdout_of(seen_by_host(room, found["id"])["ran"]["log"])
    assert "OUT" not in said
    assert said.count("refused") == 2 * len(hosts) + 8
    assert "pool [1, 2]" in said
    assert listener.came == 1  # our own
