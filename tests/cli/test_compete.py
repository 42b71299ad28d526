"""A competition from the command line, with the real server: hosted, served, joined, trained, sent, frozen, ended,
audited, backed up, archived.

It is one story, since an event's end comes once: its steps follow one another in one test, whatever else runs beside it
and in whichever order.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.competition.server.running import a_project, free_port, served

from .room import Room, Story, dojo

STORY = Story()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    folder, port = tmp_path, free_port()
    a_project(folder)
    said = dojo(folder, "host", "host", "project", "--name", "winds", "--public", "0.4", "--per-day", "20",
                "--team-size", "2", "--largest", "200kB", "--port", str(port), "--json")  # fmt: skip
    assert said.code == 0, said.err
    hosted = json.loads(said.out)
    with served(folder, "--name", "room.example.org", port=port):
        yield Room(folder, port, f"http://127.0.0.1:{port}/winds?code={hosted['code']}", hosted)


@STORY.step
def hosting_says_what_was_made_and_gives_the_link(room: Room) -> None:
    hosted = room.hosted
    assert hosted["link"].endswith(f":{room.port}/winds?code={hosted['code']}")
    assert hosted["rows"] == {"train": 90, "validation": 10, "test": 100}
    assert hosted["public_rows"] == 40
    kept = json.loads((Path(hosted["private"]) / "rules.json").read_text())
    assert (kept["rules"]["per_day"], kept["rules"]["largest_bytes"]) == (20, 200_000)
    said = (room.folder / "serve.log").read_text()
    assert f"The room asks the proxy: https://room.example.org in the place of http://127.0.0.1:{room.port}" in said
    assert f"dojo join 'https://room.example.org/winds?code={hosted['code']}' --as NAME" in said
    if sys.platform != "win32":
        assert (Path(hosted["private"]) / "rules.json").stat().st_mode & 0o077 == 0
        assert Path(hosted["token_file"]).stat().st_mode & 0o077 == 0


@STORY.step
def a_rule_that_cannot_be_is_named_by_its_option_and_a_past_end_is_said(room: Room) -> None:
    for option, value in (("--per-day", "0"), ("--team-size", "0"), ("--public", "1.5")):
        said = room.dojo("host", "project", "--name", "other", option, value)
        assert (said.code, f"error: {option}: " in said.err) == (2, True), said.err
    said = room.dojo("host", "project", "--name", "past", "--until", "2020-01-31T18:00", "--store", "elsewhere")
    assert (said.code, "note: its end, 2020-01-31 18:00" in said.err) == (0, True), said.err


@STORY.step
def the_hosts_token_is_good_for_the_server_and_stays_the_same(room: Room) -> None:
    from deepdojo.competition.client import Client

    told = json.loads(Path(room.hosted["token_file"]).read_text())
    client = Client(f"http://127.0.0.1:{room.port}", told["token"])
    assert client.event("winds")["join_code"] == room.hosted["code"]
    again = json.loads(room.dojo("host", "winds", "link", "--json").out)
    assert again["code"] == room.hosted["code"]
    assert json.loads(Path(room.hosted["token_file"]).read_text()) == told


@STORY.step
def an_entrant_joins_trains_sends_and_stands_on_the_board(room: Room) -> None:
    joined = room.dojo("join", room.link, "--as", "ada", who="ada")
    assert joined.code == 0, joined.err
    assert "Next: dojo train winds" in joined.out
    assert room.dojo("join", room.link, "--as", "ada", who="ada").code == 0  # again: nothing is lost, nothing doubled
    trained = room.dojo("train", "winds", "--set", "train.epochs=1", "--no-explain", "--json", who="ada")
    assert trained.code == 0, trained.err
    made = room.dojo("predict", json.loads(trained.out)["run"], "winds/test.parquet", "-o", "mine.csv", who="ada")
    assert made.code == 0, made.err
    sent = room.dojo("submit", "last", room.address, "--note", "one epoch", "--wait", "--json", who="ada")
    assert sent.code == 0, sent.err
    result = json.loads(sent.out)
    assert (result["state"], result["note"], result["file_name"]) == ("scored", "one epoch", "predictions.parquet")
    rows = json.loads(room.dojo("board", room.address, "--json").out)
    assert [row["name"] for row in rows if row["score"] == result["value"]] == ["ada"]
    again = room.dojo("submit", "mine.csv", room.address, "--wait", who="ada")  # the same predictions, as CSV
    assert again.code == 0, again.err
    assert "not surely better" in again.out


@STORY.step
def a_run_states_its_costs_and_a_table_those_that_are_given(room: Room) -> None:
    row = next(row for row in room.board() if row["name"] == "ada")
    assert row["parameters"] > 100
    assert 0 < row["seconds"] < 60
    assert row["pareto"] is True
    room.dojo("join", room.link, "guss", "--as", "gus", who="gus")
    table = str(room.sent("gus", 0.4, 3))
    for flag, value in (("--parameters", "1.5"), ("--seconds", "-1"), ("--flops", "nan")):
        said = room.dojo("submit", table, room.address, flag, value, who="gus")
        assert (said.code, f"error: {flag}" in said.err) == (2, True), said.err
    sent = room.dojo("submit", table, room.address, "--parameters", "12", "--flops", "3e9", "--wait", who="gus")
    assert "stated with it: 12 parameters, 3G FLOP" in sent.out
    row = next(row for row in room.board() if row["name"] == "gus")
    assert (row["parameters"], row["train_flops"], row["seconds"]) == (12, 3e9, None)


@STORY.step
def a_team_sees_what_it_sent_and_names_what_counts_at_the_end(room: Room) -> None:
    said = room.dojo("board", room.address, "--mine", who="gus")
    assert "None of 2 is chosen: the one that is best on the public rows counts at the end." in said.out
    (own,) = json.loads(room.dojo("board", room.address, "--mine", "--json", who="gus").out)
    assert own["chosen"] is False
    chosen = room.dojo("board", room.address, "--choose", own["id"], who="gus")
    assert "1 of 2 chosen" in chosen.out
    assert json.loads(room.dojo("board", room.address, "--mine", "--json", who="gus").out)[0]["chosen"] is True
    for wrong in (("a", "b", "c"), ("nothing",)):
        assert room.dojo("board", room.address, "--choose", *wrong, who="gus").code == 2
    assert "1 of 2" in room.dojo("board", room.address, "--mine", who="gus").out, "a refused choice changes nothing"
    assert "None of 2" in room.dojo("board", room.address, "--choose", "none", who="gus").out
    assert room.dojo("board", room.address, "--mine", who="stranger").code == 2


@STORY.step
def a_file_with_a_fault_is_one_sentence_and_code_2(room: Room) -> None:
    assert room.dojo("join", room.link, "bobs", "--as", "bob", who="bob").code == 0
    (room.folder / "bad.csv").write_text("id,label\nnobody,zq7north\n")
    said = room.dojo("submit", "bad.csv", room.address, "--wait", who="bob")
    assert said.code == 2
    assert said.err.strip().splitlines()[-1].startswith("error: ")
    (room.folder / "large.csv").write_bytes(b"id,label\n" + b"x" * 200_000)
    assert "has 0.2 MB, and the event takes 200 kB" in room.dojo("submit", "large.csv", room.address, who="bob").err
    as_json = room.dojo("submit", "bad.csv", room.address, "--wait", "--json", who="bob")
    assert set(json.loads(as_json.out)) >= {"error", "where", "todo"}


@STORY.step
def who_has_not_joined_is_told_how(room: Room) -> None:
    said = room.dojo("submit", "bad.csv", room.address, who="nobody")
    assert (said.code, said.out) == (2, "")
    assert "join first: dojo join" in said.err


@STORY.step
def a_wrong_code_and_a_taken_name_are_refused_and_leave_no_folder(room: Room) -> None:
    wrong = room.dojo("join", f"{room.address}?code=wrong", "eves", "--as", "eve", who="eve")
    assert (wrong.code, "not right" in wrong.err) == (2, True)
    taken = room.dojo("join", room.link, "eves", "--as", "ADA ", who="eve")
    assert (taken.code, "taken" in taken.err) == (2, True)
    assert not (room.folder / "eves").exists()


@STORY.step
def a_team_is_joined_by_invitation(room: Room) -> None:
    done = json.loads(room.dojo("join", room.link, "carols", "--as", "carol", "--json", who="carol").out)
    said = room.dojo("join", room.link, "dans", "--as", "dan", "--invite", done["invite"], "--json", who="dan")
    assert said.code == 0, said.err
    assert sorted(json.loads(said.out)["members"]) == ["carol", "dan"]
    assert "carol, dan; it is full" in room.dojo("join", room.link, "carols", who="carol").out


@STORY.step
def a_token_that_the_host_hands_out_moves_a_person_to_another_computer(room: Room) -> None:
    told = json.loads(room.dojo("host", "winds", "token", "vera", "--role", "viewer", "--json").out)
    joined = room.dojo("join", room.address, "veras", "--token", "-", who="vera", typed=told["token"] + "\n")
    assert joined.code == 0, joined.err
    assert "look on (viewer) as vera" in joined.out
    assert (room.folder / "veras" / "project.toml").is_file()
    new = json.loads(room.dojo("host", "winds", "token", "gus", "--json").out)["token"]
    there = room.dojo("join", room.address, "guss2", "--token", new, "--json", who="gus2")
    assert (there.code, json.loads(there.out)["name"]) == (0, "gus")
    assert json.loads(room.dojo("board", room.address, "--mine", "--json", who="gus2").out)
    assert "not known, or was revoked" in room.dojo("board", room.address, "--mine", who="gus").err, "the old one ended"
    for words, code in ((("--token", "dd_wrong"), 2), (("--token", new, "--as", "bob"), 2), (("--token", "-"), 2)):
        said = room.dojo("join", room.address, "x", *words, who="new")
        assert (said.code, (room.folder / "x").exists()) == (code, False), words


@STORY.step
def a_new_link_lets_in_whom_the_old_one_does_not(room: Room) -> None:
    old = json.loads(room.dojo("host", "winds", "link", "--json").out)
    new = json.loads(room.dojo("host", "winds", "link", "new", "--port", str(room.port), "--json").out)
    assert old["code"] != new["code"]
    link = f"{room.address}?code="
    refused = room.dojo("join", link + old["code"], "rae", "--as", "rae", who="rae")
    assert (refused.code, (room.folder / "rae").exists()) == (2, False)
    assert room.dojo("join", link + new["code"], "rae", "--as", "rae", who="rae").code == 0
    assert json.loads(room.dojo("board", room.address, "--mine", "--json", who="gus2").out), "who is in stays"
    room.link = link + new["code"]
    assert "made another join link" in room.dojo("host", "winds", "log").out
    assert room.dojo("host", "winds", "link", "old").code == 2


@STORY.step
def the_host_revokes_and_all_stands_in_the_log(room: Room) -> None:
    assert room.dojo("host", "winds", "revoke", "vera").code == 0
    people = {row["name"]: row for row in json.loads(room.dojo("host", "winds", "people", "--json").out)["people"]}
    assert people["vera"]["revoked"]
    assert (people["gus"]["role"], people["gus"]["team"]) == ("entrant", "gus")
    assert "revoked" in room.dojo("host", "winds", "people").out
    log = room.dojo("host", "winds", "log").out
    assert "host revoked: role viewer, whom vera" in log
    assert "host handed out a token: role viewer, whom vera" in log
    for words in (("revoke",), ("revoke", "nobody"), ("revoke", "host"), ("token",),
                  ("token", "vera", "--role", "king")):  # fmt: skip
        said = room.dojo("host", "winds", *words)
        assert (said.code, said.out) == (2, ""), words


@STORY.step
def a_password_is_typed_never_given_as_an_argument(room: Room) -> None:
    for words, typed in ((("password", "hunter22"), "x"), (("password",), "short\n"), (("password",), None)):
        said = room.dojo("host", "winds", *words, typed=typed)
        assert (said.code, said.out) == (2, ""), words
    assert "signs in on the pages" in room.dojo("host", "winds", "password", typed="winds of change\n").out
    assert json.loads(room.dojo("host", "winds", "people", "--json").out)["people"][0]["password"] is True
    assert "no password any more" in room.dojo("host", "winds", "password", typed="\n").out


@STORY.step
def a_frozen_board_stands_still_until_the_freeze_ends(room: Room) -> None:
    room.dojo("join", room.link, "fays", "--as", "fay", who="fay")
    assert room.dojo("host", "winds", "freeze").code == 0
    sent = room.dojo("submit", str(room.sent("fay", 0.95, 1)), room.address, "--wait", who="fay")
    assert sent.code == 0, sent.err
    assert "frozen" in room.dojo("board", room.address).out
    assert "fay" not in [row["name"] for row in json.loads(room.dojo("board", room.address, "--json").out)]
    assert room.dojo("host", "winds", "unfreeze").code == 0
    assert room.board()[0]["name"] == "fay"


@STORY.step
def announcements_and_a_new_end_reach_the_server(room: Room) -> None:
    from deepdojo.competition.client import Client

    assert room.dojo("host", "winds", "announce", "closes at six").code == 0
    assert room.dojo("host", "winds", "extend", "--until", "2041-01-31T18:00").code == 0
    told = Client(f"http://127.0.0.1:{room.port}").event("winds")
    assert told["announcements"][0]["text"] == "closes at six"
    assert told["ends"] > 2_240_000_000
    assert "to 2041-01-31 18:00" in room.dojo("host", "winds", "log").out  # no count of seconds
    for words in (("announce",), ("extend",), ("extend", "--until", "soon"), ("extend", "--until", "2020-01-31T18:00"),
                  ("dance",), ("backup",)):  # fmt: skip
        said = room.dojo("host", "winds", *words)
        assert (said.code, said.out) == (2, ""), words


@STORY.step
def the_audit_finds_all_equal_and_a_changed_score(room: Room) -> None:
    said = room.dojo("host", "winds", "audit")
    assert said.code == 0, said.out + said.err
    assert "equal" in said.out
    with sqlite3.connect(room.folder / "dojo-server" / "server.sqlite", timeout=30) as database:
        (value,) = database.execute("SELECT max(value) FROM scores WHERE part = 'private'").fetchone()
        for new, old in ((value - 1e-9, value), (value, value - 1e-9)):
            database.execute("UPDATE scores SET value = ? WHERE part = 'private' AND value = ?", (new, old))
            database.commit()
            if new != value:
                found = room.dojo("host", "winds", "audit", "--json")
                assert found.code == 1
                assert any("private score of" in each for each in json.loads(found.out)["different"])
    assert room.dojo("host", "winds", "audit").code == 0


@STORY.step
def a_backup_is_restored_elsewhere_with_the_same_board_and_a_wrong_byte_is_refused(room: Room) -> None:
    assert room.dojo("host", "winds", "backup", "monday.zip").code == 0
    file = room.folder / "monday.zip"
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o077 == 0
    assert room.dojo("host", "winds", "backup", "monday.zip").code == 2  # never over another
    assert room.dojo("host", "winds", "restore", "monday.zip").code == 2  # never over a store
    assert room.dojo("host", "winds", "restore", "monday.zip", "--store", "second").code == 0
    first, second = (json.loads(room.dojo("host", "winds", "audit", "--json", *more).out)
                     for more in ((), ("--store", "second")))  # fmt: skip
    assert second["equal"]
    assert (first["submissions"], first["rows"]) == (second["submissions"], second["rows"])
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    (room.folder / "wrong.zip").write_bytes(data)
    said = room.dojo("host", "winds", "restore", "wrong.zip", "--store", "third")
    assert (said.code, (room.folder / "third").exists()) == (2, False)


@STORY.step
def answers_that_were_wrong_are_scored_anew_seen_and_applied(room: Room) -> None:
    csv = room.folder / "test.csv"
    kept = csv.read_text()
    flipped = kept.replace("zq7north", "\0", 20).replace("zq7south", "zq7north", 20).replace("\0", "zq7south")
    none = room.dojo("host", "winds", "rescore", "--reason", "nothing", "--preview")
    assert (none.code, "has changed" in none.err) == (2, True)
    csv.write_text(flipped)
    try:
        before = json.loads(room.dojo("board", room.address, "--json").out)
        seen = room.dojo("host", "winds", "rescore", "--reason", "label fixed", "--preview", "--json")
        assert seen.code == 0, seen.err
        told = json.loads(seen.out)
        assert told["progress"]["waiting"] == told["progress"]["failed"] == 0
        assert {row["team"] for row in told["moves"]} == {row["name"] for row in before}
        assert json.loads(room.dojo("board", room.address, "--json").out) == before  # it does not count yet
        assert room.dojo("host", "winds", "rescore", "--apply").code == 0
        after = {row["name"]: row["score"] for row in room.board()}
        assert after == {row["team"]: row["new_value"] for row in told["moves"]}
        assert after != {row["name"]: row["score"] for row in before}
        assert room.audited()["equal"]
    finally:
        csv.write_text(kept)


@STORY.step
def the_end_opens_the_final_board_which_comes_out_of_the_archive_again(room: Room) -> None:
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - 1))
    assert room.dojo("host", "winds", "extend", "--until", soon).code == 0
    end = time.monotonic() + 60
    while (said := room.dojo("board", room.address, "--final", "--json")).code and time.monotonic() < end:
        time.sleep(0.3)
    rows = json.loads(said.out)
    assert {"ada", "fay"} <= {row["name"] for row in rows}
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert "dojo submit" not in room.dojo("board", room.address, "--final").out
    assert {"public_rank", "public_value"} <= set(rows[0])
    assert room.audited()["final_rows"] == len(rows)
    done = room.dojo("host", "winds", "archive", "kept")
    assert done.code == 0, done.err
    again = room.dojo("host", "kept", "audit", "--json")
    assert again.code == 0, again.out + again.err
    assert json.loads(again.out)["final_rows"] == len(rows)
    pages = room.folder / "kept" / "pages"
    assert {path.name for path in pages.iterdir()} == {
        "index.html",
        *(f"{name}.{end}" for name in ("board", "final") for end in ("html", "csv", "json")),
    }
    assert not re.search(
        r"(src|href)=\"https?://", (pages / "index.html").read_text() + (pages / "final.html").read_text()
    )
    first = next((room.folder / "kept" / "submissions").iterdir())
    first.write_bytes(first.read_bytes() + b" ")
    assert room.dojo("host", "kept", "audit").code == 2
    late = room.dojo("submit", str(room.sent("fay", 0.9, 2)), room.address, who="fay")
    assert (late.code, "has ended" in late.err) == (2, True)


def test_a_competition_from_its_hosting_to_its_archive(room: Room) -> None:
    STORY.happen(room)


# ---- without a server ----


def test_what_cannot_be_hosted_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    a_project(tmp_path)
    for words in (
        ("digits",), ("project", "--public", "1.5"), ("project", "--per-day", "0"), ("project", "--until", "tomorrow"),
        ("project", "--until", "0001-01-01T00:00"), ("project", "--description", "nowhere.md"),
        ("project", "--starts", "2027-02-01T00:00", "--until", "2027-01-01T00:00"), ("project", "--name", "A b"),
        ("project", "--apply"), ("project", "--run-time", "5s"), ("project", "--code", "--run-memory", "0.001"),
        ("nowhere",), ("project", "--db", "mysql://x/y"),
        ("project", "--largest", "7"), ("project", "--largest", "2GB"),
    ):  # fmt: skip
        said = dojo(tmp_path, "host", "host", *words)
        assert (said.code, said.out) == (2, ""), (words, said.out, said.err)
        assert not list((tmp_path / "dojo-server" / "events").glob("*")), words


def test_a_name_is_hosted_once(tmp_path: Path) -> None:
    a_project(tmp_path)
    first = dojo(tmp_path, "host", "host", "project")
    assert first.code == 0, first.err
    assert "Join link: http" in first.out
    assert "Next: dojo serve" in first.out
    again = dojo(tmp_path, "host", "host", "project")
    assert (again.code, "already" in again.err) == (2, True)


def test_verbs_and_serve_without_a_store_say_so(tmp_path: Path) -> None:
    for words in (("host", "winds", "freeze"), ("serve",), ("serve", "--port", "0"), ("serve", "--key", "k.pem"),
                  ("host", "winds", "rescore", "--reason", "x", "--preview"),
                  ("host", "winds", "restore", "nowhere.zip")):  # fmt: skip
        said = dojo(tmp_path, "host", *words)
        assert said.code == 2, words
        assert said.err.startswith("error: ")
        assert words[1:2] != ("winds",) or "restore" in words or "on the server's machine" in said.err
    assert not (tmp_path / "dojo-server").exists()


def test_a_projects_board_cannot_be_watched(dojo: Any) -> None:
    for flag in (("--watch",), ("--final",), ("--mine",), ("--choose", "a", "b")):
        said = dojo("board", "digits", *flag)
        assert (said.code, "event's address" in said.err) == (2, True)
