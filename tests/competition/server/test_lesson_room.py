"""A hosted lesson on a real server: solutions are graded in the sandbox, which holds neither check nor seeds."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from deepdojo import api
from deepdojo.competition.client import Client
from deepdojo.competition.entrant import join_event, send
from deepdojo.errors import UsageError
from deepdojo.grader.lessons import find_lesson
from deepdojo.grader.loading import load_check
from tests.competition.server.running import supervised

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux" or shutil.which("bwrap") is None, reason="needs Linux with bubblewrap"),
]

SOFTMAX = find_lesson("a2-softmax")
CASES = len(load_check(SOFTMAX).cases)
LAST_AXIS = """
def softmax(x, dim):
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)
"""
SPY = """
import os, torch, deepdojo
from pathlib import Path

lessons = Path(deepdojo.__file__).parent / "catalogue" / "lessons"
seen = [str(p) for p in lessons.rglob("*")]
for root, folders, names in os.walk("/"):
    folders[:] = [f for f in folders if f not in ("proc", "sys", "usr", "site-packages")]
    seen += [f"{root}/{n}" for n in names if n in ("seeds.json", "solution.parquet", "server.sqlite")]
    seen += [root] if "softmax" in root and {"check.py", "solution.py"} & set(names) else []

def softmax(x, dim):
    print("SEEN", seen, "FROM", torch.initial_seed())
    raise RuntimeError(f"the first is {x.flatten()[0].item()!r} of {x.shape}")
"""
FORGED = """
import os
from deepdojo.grader.protocol import frame, pack

runs = {"plain": 0, "again": 0, "float32": 0, "layout": 0}
record = {"faults": {}, "changed": None, "grads": None, **runs}
frames = [frame(pack({"kind": "case", "case": i, "record": record, "forbidden": 3})) for i in range(500)]
with open("/tmp/output/reply", "wb") as file:
    file.write(b"".join(frames) + frame(pack({"kind": "done"})))
os._exit(0)
"""
LOOP = "def softmax(x, dim):\n    while True:\n        pass\n"


@dataclass
class Room:
    url: str
    host: Client
    folder: Path
    store: Path
    seeds: list[int]

    def send(self, text: str, name: str = "mine.py") -> dict[str, Any]:
        path = self.folder / name
        path.write_text(text)
        return send(path, self.url, wait_s=240)

    def log(self, public_id: str) -> str:
        """What the sender's code printed, which the host alone reads."""
        return str(self.host.submission(public_id)["ran"]["log"])


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("lesson")
    with mock.patch.dict("os.environ", DEEPDOJO_CONFIG=str(folder / "config")):
        made = api.host_lesson("a2-softmax", store=folder / "store", per_day=50, run_s=20.0)
        seeds = json.loads((Path(made["private"]) / "seeds.json").read_text())["seeds"]
        token = json.loads(Path(made["token_file"]).read_text())["token"]
        with supervised(folder / "store") as port:
            url = f"http://127.0.0.1:{port}/a2-softmax"
            joined = join_event(f"{url}?code={made['code']}", "ada", folder / "entrant")
            assert joined["rules"]["lesson"] == "a2-softmax"
            yield Room(url, Client(f"http://127.0.0.1:{port}", token), folder, folder / "store", seeds)


def test_what_is_handed_out_is_the_stub_and_the_texts(room: Room) -> None:
    given = {path.name: path.read_text() for path in (room.folder / "entrant").iterdir()}
    assert set(given) == {"event.json", "README.md", "a2_softmax.py", "text.en.md", "text.zh.md"}
    assert given["a2_softmax.py"] == SOFTMAX.stub
    assert not [name for name, text in given.items() for seed in room.seeds if str(seed) in text]
    again = join_event(room.url, None, room.folder / "entrant")
    assert not again["fetched"]


def test_a_wrong_solution_is_told_what_is_wrong_and_a_right_one_stands_above_it(room: Room) -> None:
    wrong = room.send(LAST_AXIS)
    assert wrong["state"] == "scored"
    assert 0 < wrong["value"] < 1
    said = wrong["verdict"]
    assert "the last axis is normalised whatever dim says" in said["en"]
    assert "归一化的总是最后一个轴" in said["zh"]
    assert "seed" not in said["en"]
    assert "种子" not in said["zh"]
    right = room.send(SOFTMAX.solution)
    assert (right["state"], right["value"], right["n"], right["moved"]) == ("scored", 1.0, 10 * CASES, True)
    assert right["verdict"]["passed"]
    rows = room.host.board("a2-softmax")["rows"]
    assert [(row["team"], row["value"]) for row in rows] == [("ada", 1.0)]
    assert room.host.board("a2-softmax", "private")["rows"][0]["value"] == 1.0
    audited = api.manage("a2-softmax", "audit", store=room.store)
    assert (audited["equal"], audited["different"]) == (True, [])
    with pytest.raises(UsageError, match="a lesson's checks are what they were"):
        api.manage("a2-softmax", "rescore", store=room.store, preview=True)


def test_the_senders_code_reaches_neither_check_nor_seeds_and_tells_no_number(room: Room) -> None:
    found = room.send(SPY)
    printed = room.log(found["id"])
    assert "SEEN [] FROM 19" in printed  # its end: the last seed's number, not the seed
    assert not [seed for seed in room.seeds if str(seed) in printed]
    assert "RuntimeError: the first is … of torch.Size([" in found["verdict"]["en"]
    assert "SEEN" not in json.dumps({key: value for key, value in found.items() if key != "ran"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def softmax(x, dim:\n", "the file is not Python yet: '(' was never closed"),
        ("def sofmax(x, dim): ...\n", "It has sofmax. Did you mean softmax?"),
        (SOFTMAX.stub, "not written yet"),
        (LOOP, "no answer within 20 s, stopped"),
        ("import os\n\ndef softmax(x, dim):\n    os._exit(0)\n", "your code ended the process"),
        (FORGED, "what came back of it is no answer"),
        ("import torch\nx = torch.ones(2 << 33)\n", "the file stops with an error before anything is called"),
    ],
)
def test_what_gives_no_answer_is_refused_and_costs_no_submission(room: Room, text: str, said: str) -> None:
    begun = time.monotonic()
    found = room.send(text)
    assert found["state"] == "refused"
    assert said in found["fault"]["error"]
    assert time.monotonic() - begun < 200


def test_what_is_no_file_of_python_is_refused_before_it_is_sent(room: Room) -> None:
    for given, said in ((room.folder, "is a folder"), (room.folder / "nothing.py", "there is no such file")):
        with pytest.raises(UsageError, match=said):
            send(given, room.url)
    (room.folder / "mine.csv").write_text("id,label\n")
    with pytest.raises(UsageError, match="is no Python file"):
        send(room.folder / "mine.csv", room.url)
