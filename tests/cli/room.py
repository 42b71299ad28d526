"""A room with a competition's real server, and people who type `dojo` in it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from deepdojo.cli import main
from deepdojo.competition.hosting.solution import read_solution

from .conftest import Answer


@dataclass
class Room:
    """A folder with one store, whose server runs; people with config folders of their own."""

    folder: Path
    port: int
    link: str
    hosted: dict[str, Any]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/winds"

    def dojo(self, *words: str, who: str = "host", inside: str = ".", typed: str | None = None) -> Answer:
        """What one person runs."""
        return dojo(self.folder, who, *words, inside=inside, typed=typed)

    def board(self) -> list[dict[str, Any]]:
        """As an entrant sees it now: the server looks for a new version every 50 ms at most."""
        time.sleep(0.2)
        rows: list[dict[str, Any]] = json.loads(self.dojo("board", self.address, "--json").out)
        return rows

    def audited(self) -> dict[str, Any]:
        """What the audit finds once nothing is being scored."""
        end = time.monotonic() + 60
        while (said := self.dojo("host", "winds", "audit", "--json")).code == 2 and time.monotonic() < end:
            time.sleep(0.3)
        return dict(json.loads(said.out))

    def sent(self, who: str, share: float, seed: int) -> Path:
        """A table of which about this share of the rows is right."""
        draws, labels = random.Random(seed), ("zq7north", "zq7south")
        rows = read_solution(Path(self.hosted["private"])).rows
        lines = [f"{row['id']},{labels[(draws.random() < share) == (row['label'] == labels[1])]}" for row in rows]
        path = self.folder / f"{who}{seed}.csv"
        path.write_text("id,label\n" + "\n".join(lines) + "\n")
        return path


class Story:
    """What happens in a room, one step after the other: an event's end comes once."""

    def __init__(self) -> None:
        self._steps: list[Callable[[Room], None]] = []

    def step(self, happens: Callable[[Room], None]) -> Callable[[Room], None]:
        """One more thing that happens, after those before it."""
        self._steps.append(happens)
        return happens

    def happen(self, room: Room) -> None:
        for happens in self._steps:
            happens(room)


def dojo(folder: Path, who: str, *words: str, inside: str = ".", typed: str | None = None) -> Answer:
    """In this process: two dozen interpreters would take a minute to start. `typed` is what stands on stdin."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder / inside),
        mock.patch.dict(os.environ, {"DEEPDOJO_CONFIG": str(folder / f"config-{who}")}),
        contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
        mock.patch.object(sys, "stdin", io.StringIO(typed or "")),
    ):  # fmt: skip
        code = main(list(words))
    assert "fault of DeepDojo" not in err.getvalue(), err.getvalue()
    return Answer(code, out.getvalue(), err.getvalue())
