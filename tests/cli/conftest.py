"""Calls `dojo` in this process, in an empty folder, with nothing of the caller's environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from deepdojo.cli import main


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


Dojo = Callable[..., Answer]


@pytest.fixture
def dojo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dojo:
    """`dojo("list", "--json")` -> exit code, stdout, stderr."""
    for name in ("DEEPDOJO_DATA", "DEEPDOJO_RUNS", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*args: str) -> Answer:
        capsys.readouterr()
        code = main(list(args))
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return call
