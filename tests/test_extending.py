"""docs/extending.md: its diffs apply to this tree, and what they add passes the tests that wait for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "extending.md"
ADDED = {"metric": ("scoring", "matthews"), "model": ("models", "fasttext"), "task": ("tasks", "text-regression")}

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git to apply a diff")


def diffs() -> list[str]:
    return re.findall(r"^```diff\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def apply(folder: Path, diff: str, *options: str) -> None:
    # a folder inside another repository is no repository of its own: GIT_CEILING_DIRECTORIES keeps git from looking up
    environ = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(["git", "apply", *options], cwd=folder, input=diff.encode(), capture_output=True, env=environ)
    assert done.returncode == 0, (
        f"{done.stderr.decode()}docs/extending.md shows how a line is added where yours stands now: "
        "make its diff anew (git diff), or put your line at the end of the table"
    )


@pytest.mark.parametrize(("number", "files"), [(0, 1), (1, 2), (2, 2)], ids=list(ADDED))
def test_each_diff_applies_and_touches_as_few_files_as_is_said(number, files):
    diff = diffs()[number]
    apply(ROOT, diff, "--check")
    assert diff.count("diff --git") == files
    changed = [line for line in diff.splitlines() if re.match(r"-(?!--)", line)]
    assert not changed  # nothing that is there had to be rewritten


@pytest.mark.slow
def test_what_is_added_passes_the_tests_that_wait_for_it(tmp_path):
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for diff in diffs():
        apply(tmp_path, diff)
    for folder, name in ADDED.values():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{folder}", "-k", name]
        environ = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]
        assert int(re.findall(r"(\d+) passed", done.stdout)[0]) >= 10
