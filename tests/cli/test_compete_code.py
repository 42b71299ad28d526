"""A code competition from the command line, with the real server: a program and a run are sent, judged, judged anew,
audited, archived."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.room import Room, Story, dojo
from tests.competition.attacks.code_room import GOOD, needs_sandbox
from tests.competition.server.running import a_project, free_port, served

needs_sandbox()
pytestmark = pytest.mark.slow
STORY = Story()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    folder, port = tmp_path, free_port()
    a_project(folder)
    said = dojo(folder, "host", "host", "project", "--name", "winds", "--code", "--run-time", "2m", "--per-day", "20",
                "--port", str(port), "--json")  # fmt: skip
    assert said.code == 0, said.err
    hosted = json.loads(said.out)
    with served(folder, port=port):
        yield Room(folder, port, f"http://127.0.0.1:{port}/winds?code={hosted['code']}", hosted)


def program(room: Room, name: str, text: str) -> str:
    folder = room.folder / name
    folder.mkdir()
    (folder / "predict.py").write_text(text)
    return name


def runs_of_programs(room: Room) -> list[tuple[int, float, str]]:
    with sqlite3.connect(room.folder / "dojo-server" / "server.sqlite", timeout=30) as database:
        return database.execute("SELECT submission_id, seconds, sha256 FROM program_runs ORDER BY 1").fetchall()


@STORY.step
def a_program_runs_on_the_examples_at_home_and_on_the_hidden_rows_there(room: Room) -> None:
    joined = room.dojo("join", room.link, "--as", "ada", who="ada")
    assert joined.code == 0, joined.err
    assert "You send a program, which predicts hidden rows" in joined.out
    public = room.folder / "winds"
    name = program(room, "mine", GOOD)
    at_home = subprocess.run(
        [sys.executable, str(room.folder / name / "predict.py"), str(public), str(room.folder / "home.csv")],
        check=False,
    )
    assert at_home.returncode == 0
    ids = {line.partition(",")[0] for line in (public / "sample_submission.csv").read_text().splitlines()}
    assert {line.partition(",")[0] for line in (room.folder / "home.csv").read_text().splitlines()} == ids
    sent = room.dojo("submit", name, room.address, "--note", "first", "--wait", "--json", who="ada")
    assert sent.code == 0, sent.err
    told = json.loads(sent.out)
    assert (told["state"], told["file_name"], told["ran"]["kind"]) == ("scored", "mine.zip", "code")
    assert [row["name"] for row in room.board()] == ["ada"]


@STORY.step
def a_run_of_dojo_train_is_sent_with_what_predicting_needs_and_predicts_there(room: Room) -> None:
    trained = room.dojo("train", "winds", "--set", "train.epochs=1", "--no-explain", "--json", who="ada")
    assert trained.code == 0, trained.err
    sent = room.dojo("submit", "last", room.address, "--wait", "--json", who="ada")
    assert sent.code == 0, sent.err
    told = json.loads(sent.out)
    assert (told["state"], told["ran"]["kind"]) == ("scored", "run")
    run = Path(json.loads(trained.out)["run"])
    assert told["bytes"] < sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) / 2
    host = json.loads(Path(room.hosted["token_file"]).read_text())["token"]
    from deepdojo.competition.client import Client

    log = Client(f"http://127.0.0.1:{room.port}", host).submission(told["id"])["ran"]["log"]
    assert log.startswith("exit code 0"), log


@STORY.step
def what_a_failed_program_did_is_one_sentence_for_its_sender(room: Room) -> None:
    name = program(room, "broken", "import sys\n\nraise KeyError('label')\n")
    said = room.dojo("submit", name, room.address, "--wait", who="ada")
    assert (said.code, said.out) == (2, "")
    assert "error: predict.py: ended with exit code 1: KeyError at predict.py, line 3" in said.err
    refused = room.dojo("submit", str(room.sent("ada", 0.5, 1)), room.address, who="ada")
    assert (refused.code, "this event takes programs" in refused.err) == (2, True)


@STORY.step
def answers_are_scored_anew_and_audited_without_running_a_program_again(room: Room) -> None:
    kept = (room.folder / "test.csv").read_text()
    flipped = kept.replace("zq7north", "\0", 20).replace("zq7south", "zq7north", 20).replace("\0", "zq7south")
    ran, before = runs_of_programs(room), room.board()
    assert room.audited()["equal"]
    (room.folder / "test.csv").write_text(flipped)
    try:
        seen = room.dojo("host", "winds", "rescore", "--reason", "label fixed", "--preview", "--json")
        assert seen.code == 0, seen.err
        assert room.dojo("host", "winds", "rescore", "--apply").code == 0
        assert room.board() != before
        assert room.audited()["equal"]
    finally:
        (room.folder / "test.csv").write_text(kept)
    assert runs_of_programs(room) == ran


@STORY.step
def the_end_waits_for_programs_that_run_and_the_archive_has_programs_and_tables(room: Room) -> None:
    slow = program(room, "slow", f"import time\ntime.sleep(6)\n{GOOD}")
    sent = room.dojo("submit", slow, room.address, "--json", who="ada")
    assert sent.code == 0, sent.err
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - 1))
    assert room.dojo("host", "winds", "extend", "--until", soon).code == 0
    end = time.monotonic() + 90
    while (said := room.dojo("board", room.address, "--final", "--json")).code and time.monotonic() < end:
        time.sleep(0.3)
    assert json.loads(said.out)[0]["submissions"] == 3
    assert room.audited()["final_rows"] == 1
    done = room.dojo("host", "winds", "archive", "kept")
    assert done.code == 0, done.err
    names = sorted(path.name for path in (room.folder / "kept" / "submissions").iterdir())
    assert len(names) == 6
    assert sum(name.endswith(".table.csv") for name in names) == 3
    assert room.dojo("host", "kept", "audit").code == 0
    assert not any(b"zq7" in path.read_bytes() for path in (room.folder / "kept" / "pages").iterdir())
    for name in (next(n for n in names if n.endswith(".zip")), next(n for n in names if n.endswith(".table.csv"))):
        path = room.folder / "kept" / "submissions" / name
        whole = path.read_bytes()
        path.write_bytes(whole + b" ")
        assert room.dojo("host", "kept", "audit").code == 2
        path.write_bytes(whole)


def test_a_code_competition_from_its_hosting_to_its_archive(room: Room) -> None:
    STORY.happen(room)
