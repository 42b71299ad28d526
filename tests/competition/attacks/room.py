"""A store with several events, served by `dojo serve` as a room would serve it, with all that it prints kept."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, cast
from unittest import mock

import deepdojo as dd
from deepdojo.cli import main
from deepdojo.competition.hosting.solution import read_solution
from tests.competition.server.pages_room import Browser
from tests.competition.server.running import LABELS, Answer, Running, a_project, served

__all__ = ["HIDDEN", "Arena", "Visitor", "dojo", "opened"]

HIDDEN = "zq7hidden"
"""A label that test rows alone have: no answer of the server may contain it, whoever asks before the end."""
_PEOPLE = count(1)


@dataclass
class Arena(Running):
    """One event as somebody at one address finds it; `at` gives it as another address does."""

    address: str = "198.51.100.1"
    folder: Path = Path()
    log: Path = Path()
    pid: int = 0
    rows: Mapping[str, bool] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """The address travels as a proxy on the same machine would say it."""
        return super().ask(method, path, body, token, {"x-forwarded-for": self.address, **(headers or {})})

    def at(self, address: str, event: Arena | None = None) -> Arena:
        """The same, or another event, from elsewhere."""
        kept = dict(vars(event or self))
        return Arena(**(kept | {"address": address}))

    def anew(self) -> Arena:
        """From an address that nobody had before: limits count by address."""
        number = next(_PEOPLE)
        return self.at(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    def entrant(self, name: str | None = None) -> str:
        """The token of a new entrant."""
        return self.anew().join(name or f"person {next(_PEOPLE)}")

    def told(self, token: str, body: bytes, name: str = "p.csv") -> dict[str, Any]:
        """What became of a submission."""
        sent = self.send(token, body, name)
        assert sent.status == 202, sent.body
        return self.result(token, sent.json["id"])

    def public(self) -> set[str]:
        """The rows behind the public board."""
        return {row for row, seen in self.rows.items() if seen}

    def table(self, right: float = 1.0, seed: int = 0) -> bytes:
        """A table of predictions of which this share is right."""
        rng = random.Random(seed)
        return self.right_on({row for row in self.ids if rng.random() < right})

    def right_on(self, rows: set[str]) -> bytes:
        """A table that is right on these rows alone, as far as their labels can be known."""
        lines = [f"{i},{self.truth[i] if i in rows and self.truth[i] != HIDDEN else _other(self.truth[i])}"
                 for i in self.ids]  # fmt: skip
        return ("id,label\n" + "\n".join(lines) + "\n").encode()


class Visitor(Browser):
    """A browser at an address of its own."""

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        return super().ask(method, path, body, {"x-forwarded-for": cast(Arena, self.server).address, **(headers or {})})


def _other(label: str) -> str:
    """One of the labels that entrants know, and not this."""
    return LABELS[label == LABELS[0]]


def dojo(folder: Path, *words: str, who: str = "host") -> tuple[int, str, str]:
    """`dojo WORDS` in a folder, in this process: exit code, what it printed, what it complained of."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
        mock.patch.dict(os.environ, {"DEEPDOJO_CONFIG": str(folder / f"config-{who}")}),
    ):  # fmt: skip
        code = main(list(words))
    assert "fault of DeepDojo" not in err.getvalue(), err.getvalue()
    return code, out.getvalue(), err.getvalue()


def _numbers(folder: Path) -> None:
    """A project whose answers are numbers."""
    rng = random.Random(2)
    for name in ("train", "test"):
        lines = ["key,x,y,height"]
        for i in range(60):
            x, y = rng.gauss(0, 1), rng.gauss(0, 1)
            lines.append(f"{name}{i},{x:.3f},{y:.3f},{2 * x - y + rng.gauss(0, 0.1):.4f}")
        (folder / f"{name}-heights.csv").write_text("\n".join(lines) + "\n")
    dd.new(
        folder / "heights", folder / "train-heights.csv", test=folder / "test-heights.csv", target="height", id="key"
    )


def _chances(folder: Path) -> None:
    """The project of labels, judged by its probabilities."""
    dd.new(folder / "odds", folder / "train.csv", test=folder / "test.csv", target="label", id="key", metric="log_loss")


def _with_hidden_label(folder: Path) -> None:
    """Three test rows get a label that no training row has."""
    lines = (folder / "test.csv").read_text().splitlines()
    for number in (10, 20, 30):
        lines[number] = lines[number].rpartition(",")[0] + "," + HIDDEN
    (folder / "test.csv").write_text("\n".join(lines) + "\n")


EVENTS = {
    "winds": ("project", "--per-day", "1000", "--team-size", "2"),
    "storms": ("project", "--per-day", "5"),
    "heights": ("heights", "--per-day", "1000"),
    "odds": ("odds", "--per-day", "1000"),
    "soon": ("project", "--starts", "2090-01-01T00:00", "--until", "2091-01-01T00:00"),
    "over": ("project", "--starts", "2020-01-01T00:00", "--until", "2020-02-01T00:00"),
}


@contextlib.contextmanager
def opened(
    folder: Path, events: Mapping[str, tuple[str, ...]] = EVENTS, db: str | None = None
) -> Iterator[dict[str, Arena]]:
    """Host the events, serve them, give each; end the server as Ctrl-C does."""
    where = () if db is None else ("--db", db)
    a_project(folder)
    _with_hidden_label(folder)
    _numbers(folder)
    _chances(folder)
    made = {name: hosted(folder, name, *words, *where) for name, words in events.items()}
    with served(folder, *where) as (port, log, pid):
        yield {name: arena(folder, port, log, pid, told) for name, told in made.items()}


def hosted(folder: Path, name: str, *words: str) -> dict[str, Any]:
    """`dojo host PROJECT --name NAME …`."""
    share = () if "--public" in words else ("--public", "0.4")
    code, said, complaint = dojo(folder, "host", *words, *share, "--name", name, "--anyway", "--json")
    assert code == 0, complaint
    return dict(json.loads(said))


def arena(folder: Path, port: int, log: Path, pid: int, told: Mapping[str, Any]) -> Arena:
    """What tests know of one event, its answers too."""
    solution = read_solution(Path(told["private"]))
    target = next(iter(solution.contract.targets))
    truth = {row["id"]: row[target] for row in solution.rows}
    host = json.loads(Path(told["token_file"]).read_text())["token"]
    rows = dict(zip(truth, solution.public.tolist(), strict=True))
    return Arena(
        folder / "dojo-server", port, cast(Any, None), told["event"], told["code"], host, list(truth), truth,
        folder=folder, log=log, pid=pid, rows=rows,
    )  # fmt: skip
