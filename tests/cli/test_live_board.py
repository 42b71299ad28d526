"""`dojo board ADDRESS --watch`: drawn over itself at a terminal, printed in a pipe, ended by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepdojo.cli.live_board import marks
from tests.competition.scripted import Scripted, scripted, told


def row(team: str, rank: int | None, value: float) -> dict[str, Any]:
    return {"rank": rank, "team": team, "value": value, "low": value - 0.1, "high": value + 0.1, "n": 40,
            "submissions": 2, "moved": 0.0, "submission": "x", "parameters": 17154, "train_flops": None,
            "seconds": 2.5, "pareto": ["seconds"]}  # fmt: skip


def board(version: int, *rows: dict[str, Any]) -> Any:
    return told({"event": "winds", "title": "Winds", "metric": "accuracy", "higher_is_better": True, "part": "public",
                 "frozen": False, "closed": False, "version": version, "rows": list(rows), "published": []},
                etag=f'"{version}"')  # fmt: skip


EVENTS = (200, {"content-type": "text/event-stream"}, b"event: version\ndata: 2\n\n")
FIRST, SECOND = board(1, row("ada", 1, 0.8), row("bo", 2, 0.6)), board(2, row("bo", 1, 0.9), row("ada", 2, 0.8))
AWAY = told({"error": "busy", "code": "unavailable"}, 503)


def watching(server: Scripted, *words: str, **more: Any) -> subprocess.Popen[Any]:
    command = [sys.executable, "-m", "deepdojo.cli", "board", f"{server.address}/winds", "--watch", *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src"), "COLUMNS": "80", "TERM": "xterm"}
    heard = None if os.name == "nt" else _hears_ctrl_c
    return subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=heard, **more)


def _hears_ctrl_c() -> None:
    """A test run in the background of a shell ignores it, and what it starts would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stopped(process: subprocess.Popen[Any]) -> int:
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(10)
    finally:
        process.kill()


def until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not there():
        assert time.monotonic() < end, "it did not come within 20 s"
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_in_a_pipe_each_change_is_printed_once_and_ctrl_c_ends_with_0(tmp_path: Path) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    same = (304, {}, b"")
    with scripted(FIRST, EVENTS, SECOND, same, EVENTS, same, AWAY) as server, out.open("wb") as o, err.open("wb") as e:
        process = watching(server, stdout=o, stderr=e)
        until(lambda: "no connection; trying again" in err.read_text())
        assert stopped(process) == 0
    text = out.read_text()
    assert text.count("Winds · accuracy") == 2
    assert "\x1b" not in text
    assert "▲ bo" in text
    assert "▼ ada" in text
    assert err.read_text().splitlines()[-1] == "stopped watching"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_as_json_each_change_is_one_array(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with scripted(FIRST, EVENTS, SECOND, AWAY) as server, out.open("wb") as o:
        process = watching(server, "--json", stdout=o, stderr=subprocess.DEVNULL)
        until(lambda: out.read_text().count("\n]") == 2)
        assert stopped(process) == 0
    first, second = (json.loads(part + "]") for part in out.read_text().split("\n]")[:2])
    assert [[one["name"] for one in rows] for rows in (first, second)] == [["ada", "bo"], ["bo", "ada"]]


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_at_a_terminal_it_draws_over_itself_says_how_it_stands_and_leaves_the_last_picture() -> None:
    import pty
    import threading

    ours, theirs = pty.openpty()
    seen = bytearray()

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                seen.extend(data)
        except OSError:
            return

    with scripted(FIRST, EVENTS, SECOND, AWAY) as server:
        process = watching(server, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        os.close(theirs)
        threading.Thread(target=read, daemon=True).start()
        until(lambda: b"no connection, again in" in seen)
        assert stopped(process) == 0
    text = seen.decode()
    drawn, _, left = text.partition("\x1b[?25h\x1b[?1049l")
    assert drawn.startswith("\x1b[?1049h\x1b[?25l")
    assert "live · " in drawn
    assert "▲ bo" in drawn
    assert "bo" in left
    assert "▲" not in left
    os.close(ours)


def test_marks_tell_who_moved_between_two_pictures() -> None:
    def rows(*found: tuple[str, int | None, float]) -> dict[str, Any]:
        return {"rows": [{"name": n, "rank": r, "score": s, "kind": "run"} for n, r, s in found]}

    before = rows(("a", 1, 0.9), ("b", 2, 0.8), ("c", 3, 0.7), ("d", 3, 0.6))
    now = rows(("b", 1, 0.95), ("a", 2, 0.9), ("c", 3, 0.75), ("d", 3, 0.6), ("e", None, 0.5))
    assert marks(before, now) == {"b": "▲", "a": "▼", "c": "●", "e": "●"}
    assert marks(None, now) == {}
