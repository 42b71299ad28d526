"""Files that loop, exit, flood, crash or patch torch end in a verdict other than pass, and leave nothing running."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepdojo.grader.grade import Questions, grade_source
from deepdojo.grader.runner import OUTPUT_BYTES, Runner

from .conftest import WALL_S

MARK = "DOJO_HOSTILE_MARK"

RIGHT = """
import os, sys, time, torch
def softmax(x, dim):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)
"""


def _grandchild(how: str) -> str:
    """A file that starts a sleeping process, and is wrong."""
    return (
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)', '{MARK}']{how})\n"
        "def softmax(x, dim):\n    return x\n"
    )


# Name -> (file, what the verdict's kind may be).
FILES = {
    "endless loop": ("def softmax(x, dim):\n    while True:\n        x = x + 1\n", {"timeout"}),
    "4e9 floats": ("import torch\ndef softmax(x, dim):\n    return torch.ones(4_000_000_000)\n", {"crash"}),
    "os._exit": (RIGHT + "os._exit(0)\n", {"exit"}),
    "sys.exit": (RIGHT + "sys.exit(0)\n", {"import"}),
    "exit in the call": ("import os\ndef softmax(x, dim):\n    os._exit(0)\n", {"exit"}),
    "print flood": ("def softmax(x, dim):\n    while True:\n        print('x' * 10_000)\n", {"timeout"}),
    "segfault": ("import ctypes\ndef softmax(x, dim):\n    ctypes.string_at(0)\n", {"died"}),
    "recursion": ("def softmax(x, dim):\n    return softmax(x, dim)\n", {"crash"}),
    "syntax": ("def softmax(x, dim)\n    return x\n", {"syntax"}),
    "patched torch": (
        "import torch\ntorch.allclose = torch.equal = lambda *a, **k: True\ntorch.Tensor.__ne__ = lambda *a: "
        "torch.tensor(False)\ndef softmax(x, dim):\n    return x\n",
        {"wrong", "crash"},
    ),
    "sleep at import": (RIGHT + "time.sleep(1000)\n", {"timeout"}),
    "grandchild": (_grandchild(""), {"wrong"}),
    "detached grandchild": (_grandchild(", start_new_session=True"), {"wrong"}),
    "100 MB file": (
        "def softmax(x, dim):\n    with open('big', 'wb') as f:\n        f.write(bytes(100_000_000))\n    return x\n",
        {"crash"},
    ),
    "forged reply": (
        "import os, struct\ndef softmax(x, dim):\n    for n in range(3, 60):\n        try:\n            "
        "os.write(n, struct.pack('>Q', 5) + b'done!')\n        except OSError:\n            pass\n    return x\n",
        {"wrong", "exit", "died", "timeout"},
    ),
    "kills its parent": (
        "import os, signal\ndef softmax(x, dim):\n    os.kill(os.getppid(), signal.SIGKILL)\n    return x\n", {"any"},
    ),
}  # fmt: skip
_SPARE_MAY_NOT = {"kills its parent", "detached grandchild"}  # its parent is the grader; it takes in no orphans


def _marked() -> list[int]:
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                command = (each / "cmdline").read_bytes()
                state = (each / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if MARK.encode() in command and state != "Z":
                found.append(int(each.name))
    return found


@pytest.mark.parametrize("name", FILES)
def test_never_passes_and_leaves_nothing(quick: Runner, softmax: Questions, name: str) -> None:
    _grade_and_look(quick, softmax, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in FILES if n not in _SPARE_MAY_NOT])
def test_nor_does_it_in_a_spare_process(spare: Runner, softmax: Questions, name: str) -> None:
    _grade_and_look(spare, softmax, name)


@pytest.mark.slow
def test_both_ways_speak_one_protocol(spare: Runner, softmax: Questions) -> None:
    _grade_and_look(spare, softmax, "segfault")


def _grade_and_look(runner: Runner, softmax: Questions, name: str) -> None:
    text, kinds = FILES[name]
    begun = time.monotonic()
    verdict = grade_source(softmax.lesson, text, questions=softmax, runner=runner)
    took = time.monotonic() - begun
    assert not verdict.passed
    assert kinds == {"any"} or verdict.kind in kinds, str(verdict)
    assert took < WALL_S + 20
    assert len(verdict.output.encode()) <= OUTPUT_BYTES
    if Path("/proc").is_dir():
        assert not _marked()
    assert grade_source(softmax.lesson, RIGHT, questions=softmax, runner=runner).passed, "the next file is graded"


def test_a_timeout_says_at_which_line(quick: Runner, softmax: Questions) -> None:
    verdict = grade_source(softmax.lesson, FILES["endless loop"][0], questions=softmax, runner=quick)
    assert verdict.head.en == f"no answer within {WALL_S:g} s, stopped"
    assert "line" in verdict.facts[0].en
    assert "x = x + 1" in verdict.facts[0].en or "while True" in verdict.facts[0].en


def test_a_child_holds_no_oracle(tmp_path: Path) -> None:
    """`dojo grade` begins the warm process before it reads a check: no module or object of one is in its children."""
    file = tmp_path / "softmax.py"
    file.write_text(
        "import gc, sys\n"
        "def softmax(x, dim):\n"
        "    names = [m for m in sys.modules if 'deepdojo_check' in m]\n"
        "    checks = [o for o in gc.get_objects() if type(o).__name__ in ('Check', 'Asked', 'Mutant')]\n"
        "    raise ValueError(f'{len(names)} modules, {len(checks)} objects')\n"
    )
    command = [sys.executable, "-m", "deepdojo.cli", "grade", str(file), "--json"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert said.returncode == 1, said.stderr
    assert json.loads(said.stdout)["facts"][0]["en"] == "ValueError: 0 modules, 0 objects"
