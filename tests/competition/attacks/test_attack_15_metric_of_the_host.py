"""Attack 15: a host's metric that connects, reads what is not its own, allocates, forks, writes, loops."""

from __future__ import annotations

import json
import socket
import time

import pytest

from tests.competition.attacks.room import Arena, arena, hosted, served
from tests.competition.server.running import LABELS, a_project

pytestmark = pytest.mark.slow
METRIC = """
import glob, os, socket, sys

class ParticipantVisibleError(Exception): ...

PORT, STORE = {port}, {store!r}

def connect(kind, address):
    try:
        with socket.socket(kind, socket.SOCK_STREAM) as wire:
            wire.settimeout(2)
            wire.connect(address)
        return "connected"
    except OSError as error:
        return "refused"

def read(places):
    found = []
    for place in places:
        try:
            with open(place, "rb") as file:
                found.append(place + ":" + repr(file.read(40)))
        except OSError:
            continue
    return "read " + str(found)

def act(number):
    if number == 1:
        said = [connect(socket.AF_INET, ("127.0.0.1", PORT)), connect(socket.AF_INET6, ("::1", PORT, 0, 0))]
        return "net " + " ".join(said + [connect(socket.AF_UNIX, "\\0zq7")])
    if number == 2:
        outside = [path for root in (STORE, "/root", "/home", "/etc/shadow", "/work", "/var/lib")
                   for path in [root, *glob.glob(root + "/**", recursive=True)][:500]]
        return read(outside)
    if number == 3:
        return "environment " + " ".join(sorted(os.environ))
    if number == 4:
        held = []
        while True:
            held.append(bytearray(1 << 26))
    if number == 5:
        while True:
            os.fork()
    if number == 6:
        open(STORE + "/written", "w").close()
    if number == 7:
        while True:
            pass
    if number == 8:
        os.kill(os.getppid(), 9)
        os._exit(0)

def score(solution, submission, row_id_column_name):
    said = list(submission["label"])
    told = act(round(100 * max(submission["probabilities"][0].values())) - 60)
    if told:
        raise ParticipantVisibleError(told)
    return sum(a == b for a, b in zip(list(solution["label"]), said)) / len(said)
"""


def table(event: Arena, number: int) -> bytes:
    """All columns of the task; the chances tell the metric what to do."""
    lines, share = [], 0.6 + number / 100
    for k, row in enumerate(event.ids):
        label, other = (LABELS[k % 3 == 0], LABELS[k % 3 > 0])
        cells = {"label": label, "probabilities": {label: share, other: 1 - share}}
        lines.append(json.dumps({"id": row, **cells}))
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    from deepdojo.competition.sandbox import Sandbox, SandboxError

    try:
        Sandbox().run(["/bin/true"])
    except SandboxError as error:
        pytest.skip(f"no sandbox can start here: {error}")
    folder = tmp_path_factory.mktemp("metric")
    project = a_project(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        text = METRIC.format(
            port=listener.getsockname()[1],
            store=str(folder / "dojo-server"),
        )
        (project / "metric.py").write_text(text)
        page = project / "project.toml"
        lines = [line for line in page.read_text().splitlines() if not line.startswith("metric")]
        page.write_text('metric = "python:metric.py"\n' + "\n".join(lines) + "\n")
        told = hosted(folder, "own", "project", "--per-day", "1000", "--trust")
        other = hosted(folder, "other", "project", "--per-day", "1000", "--trust")
        with served(folder) as (port, log, pid):
            yield arena(folder, port, log, pid, told), arena(folder, port, log, pid, other), listener


def said_of(event: Arena, number: int) -> dict:
    return event.told(event.entrant(), table(event, number), "p.jsonl")


def test_attack_15_it_reaches_no_network_no_other_answers_and_no_environment(judged):
    event, _, listener = judged
    for number, start in ((1, "net"), (2, "read"), (3, "environment")):
        told = said_of(event, number)
        assert told["state"] == "refused", told
        said = told["fault"]["error"]
        assert said.startswith(start), said
        assert "connected" not in said
        if number == 2:
            assert said == "read []", said
        if number == 3:
            secret = ("TOKEN", "DATABASE", "PASSW", "SECRET", "KEY")
            assert not [word for word in secret if word in said]
    with pytest.raises(TimeoutError):
        listener.accept()


def test_attack_15_what_breaks_limits_fails_and_the_host_alone_sees_why(judged):
    event, other, _ = judged
    for number in (4, 5, 6, 8):
        told = said_of(event, number)
        assert told["state"] == "failed", told
        assert told["fault"]["error"] == "this submission could not be scored"
        seen = event.ask("GET", f"/api/v1/submissions/{told['id']}", token=event.host).json
        assert "the metric" in seen["fault_host"] or "metric.py" in seen["fault_host"], seen["fault_host"]
        assert "fault_host" not in told
    assert not (event.store / "written").exists()
    assert said_of(other, 20)["state"] == "scored"


def test_attack_15_one_that_never_ends_is_ended_and_others_are_scored_meanwhile(judged):
    """Three attempts of two minutes of processor time; between them comes what waits."""
    event, other, _ = judged
    token = event.entrant()
    sent = event.send(token, table(event, 7), "p.jsonl").json["id"]
    waiting, beside = other.entrant(), other.entrant()
    scored = [other.send(who, table(other, 20 + k), "p.jsonl").json["id"] for k, who in enumerate((waiting, beside))]
    end = time.monotonic() + 1500
    while (told := event.ask("GET", f"/api/v1/submissions/{sent}", token=token).json)["state"] == "queued":
        assert time.monotonic() < end
        time.sleep(1)
    assert told["state"] == "failed"
    for who, name in zip((waiting, beside), scored, strict=True):
        assert other.ask("GET", f"/api/v1/submissions/{name}", token=who).json["state"] == "scored"
