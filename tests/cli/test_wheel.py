"""The installed wheel, not the checkout: in an empty folder with blanks and Chinese characters, with a home that cannot
be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="the paths of this test are POSIX ones")]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel of this checkout; the dependencies are those of this one."""
    place = tmp_path_factory.mktemp("wheel \u9053\u573a")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(place), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    venv.create(place / "venv", symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place / "venv")}))
    wheel = next(place.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    site.joinpath("dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return place / "venv" / "bin" / "python"


def dojo(python: Path, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("DEEPDOJO_", "PYTHON", "XDG_"))}
    environ |= {"HOME": "/dev/null/home", "PYTHONIOENCODING": "utf-8"}
    # -P -s: neither the folder nor the user's own packages come before the wheel
    return subprocess.run(
        [str(python), "-P", "-s", "-m", "deepdojo.cli", *args], capture_output=True, cwd=folder, env=environ,
        text=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip


def test_train_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my work \u7ec3\u4e60"
    folder.mkdir()
    where = "import deepdojo; print(deepdojo.__file__)"
    found = subprocess.run([str(python), "-P", "-s", "-c", where], capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(python.parents[1])
    done = dojo(python, folder, "train", "digits", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["score"] > 0.98
    for args in (
        ["list"],
        ["board", "digits"],
        ["report", "last"],
        ["show", "titanic"],
        ["doctor"],
        ["schema", "recipe"],
    ):
        done = dojo(python, folder, *args)
        assert done.returncode == 0, (args, done.stderr)
    quick = ["--set", "train.steps=20", "--offline", "--json"]
    done = dojo(python, folder, "train", "shakespeare", *quick)  # its text lies inside the wheel
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n"] == 114
    assert {p.name for p in folder.iterdir()} == {"runs"}
