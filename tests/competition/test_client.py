"""The client against servers that fail, lie and answer nonsense; the tokens it keeps."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from deepdojo.competition import client as client_module
from deepdojo.competition.address import is_address, parse_address
from deepdojo.competition.client import Client
from deepdojo.competition.entrant import join_event, what_to_send
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.tokens import keep_token, token_for, token_of_server
from deepdojo.errors import DojoError, UsageError

from .scripted import scripted, told

TAKEN = told({"id": "s1", "event": "reviews", "state": "queued", "before": False}, 202)


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEEPDOJO_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(client_module, "_LONGEST_WAIT_S", 0.01)
    return tmp_path / "config"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("id,label\n1,a\n")
    return path


# ---- addresses ----


@pytest.mark.parametrize(
    ("text", "server", "event", "code"),
    [
        ("http://room:8000/reviews?code=a-b_c", "http://room:8000", "reviews", "a-b_c"),
        ("https://host/dojo/reviews/", "https://host/dojo", "reviews", None),
        ("http://[::1]:8000/reviews", "http://[::1]:8000", "reviews", None),
    ],
)
def test_an_address_is_taken_apart(text: str, server: str, event: str, code: str | None) -> None:
    place = parse_address(text)
    assert (place.server, place.event, place.code) == (server, event, code)


@pytest.mark.parametrize(
    "text",
    ["http://room:8000", "http://room:8000/", "http://room:8000/A%20b", "ftp://room/reviews", "http:///reviews",
     "http://room:99999/reviews", "http://user:word@room/reviews", "http://[::1/reviews", "http://room/x\ny/../.."],
)  # fmt: skip
def test_what_is_no_address_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


def test_a_projects_name_is_no_address() -> None:
    assert not is_address("reviews")
    assert not is_address(Path("http"))
    assert is_address("https://x/y")


# ---- tries ----


def test_a_submission_is_sent_again_with_the_same_key_and_the_whole_file(table: Path) -> None:
    busy = told({"error": "busy", "where": None, "todo": None, "code": "unavailable"}, 503, retry_after="0")
    with scripted("hang up", busy, TAKEN) as server:
        made = Client(server.address, "dd_x").submit("reviews", table, note="ä & b")
    assert made["id"] == "s1"
    assert len(server.asked) == 3
    assert len({headers["idempotency-key"] for _, _, headers, _ in server.asked}) == 1
    assert {body for *_, body in server.asked} == {table.read_bytes()}
    assert server.asked[0][1] == "/api/v1/events/reviews/submissions?file_name=mine.csv&note=%C3%A4%20%26%20b"
    assert server.asked[0][2]["authorization"] == "Bearer dd_x"


def test_two_submissions_have_two_keys(table: Path) -> None:
    with scripted(TAKEN) as server:
        for _ in range(2):
            Client(server.address).submit("reviews", table)
    assert len({headers["idempotency-key"] for _, _, headers, _ in server.asked}) == 2


def test_a_join_that_may_have_arrived_is_not_sent_again() -> None:
    with scripted("hang up") as server, pytest.raises(DojoError, match="cannot be reached"):
        Client(server.address).join("reviews", "c", "ada")
    assert len(server.asked) == 1


def test_a_refusal_is_not_tried_again_and_says_what_the_server_said(table: Path) -> None:
    answer = told({"error": "too many", "where": None, "todo": "wait", "code": "quota"}, 429)
    with scripted(answer) as server, pytest.raises(Refusal) as caught:
        Client(server.address).submit("reviews", table)
    assert (caught.value.code, str(caught.value)) == ("quota", "too many; wait")
    assert len(server.asked) == 1


def test_a_server_that_stays_away_is_given_up() -> None:
    busy = told({"error": "busy", "where": None, "todo": None, "code": "unavailable"}, 503)
    with scripted(busy) as server, pytest.raises(Refusal, match="busy"):
        Client(server.address).events()
    assert len(server.asked) == 5


def test_nothing_listens_is_one_sentence() -> None:
    with scripted(told({})) as server:
        address = server.address
    with pytest.raises(DojoError, match=r"cannot be reached: nothing listens there"):
        Client(address).events()


def test_silence_ends_with_the_time_limit() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(DojoError, match=r"no answer came in 0\.05 s"):
            Client(f"http://127.0.0.1:{port}", timeout_s=0.05).events()


# ---- nonsense ----


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"<html>"), (200, {}, b"[" * 100_000), (200, {}, b"\xff\xfe"), (404, {}, b"<h1>404</h1>"),
        (500, {}, b""), told([1, 2]), told({"a": 1}), (301, {"location": "http://elsewhere/"}, b""),
        told({"error": 7}, 400),
    ],
)  # fmt: skip
def test_an_answer_of_another_kind_is_one_sentence(answer: object) -> None:
    with scripted(answer) as server, pytest.raises(DojoError) as caught:
        Client(server.address).events()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("status", "sentence"), [
    (413, "a proxy before the server takes no file as large as this; send less, or tell the host"),
    (502, "a proxy is there, and cannot reach the competition server"), (504, "a proxy is there"),
])  # fmt: skip
def test_what_a_proxy_says_in_its_own_words_is_known(status: int, sentence: str) -> None:
    page = (status, {"content-type": "text/html"}, b"<html><center>nginx</center></html>")
    with scripted(page) as server, pytest.raises(DojoError, match=sentence):
        Client(server.address, tries=1).events()


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_JSON_BYTES", 1000)
    with scripted((200, {}, b'"' + b"x" * 5000 + b'"')) as server, pytest.raises(DojoError, match="larger than"):
        Client(server.address).events()


def test_signs_of_a_terminal_do_not_come_through() -> None:
    answer = told({"error": "\x1b[2Jgone\r\n", "where": "\x07", "todo": None, "code": "no such code"}, 400)
    with scripted(answer) as server, pytest.raises(Refusal) as caught:
        Client(server.address).events()
    assert str(caught.value).isprintable()


def test_the_token_does_not_follow_to_another_address() -> None:
    with (
        scripted(told([])) as other, scripted((302, {"location": other.address}, b"")) as server,
        pytest.raises(DojoError, match="another address"),
    ):  # fmt: skip
        Client(server.address, "dd_secret").events()
    assert other.asked == []


# ---- data ----


def test_data_that_break_off_are_fetched_again(tmp_path: Path) -> None:
    whole = b"PK" + bytes(5000)
    short = (200, {"content-length": "9000"}, whole)
    with scripted(short, (200, {}, whole)) as server:
        Client(server.address).data("reviews", tmp_path / "d.zip", code="c")
    assert (tmp_path / "d.zip").read_bytes() == whole
    assert server.asked[0][1] == "/api/v1/events/reviews/data?code=c"


def test_data_larger_than_allowed_are_not_kept_on(tmp_path: Path) -> None:
    with scripted((200, {}, bytes(5000))) as server, pytest.raises(DojoError, match="larger than"):
        Client(server.address).data("reviews", tmp_path / "d.zip", most_bytes=1000)


# ---- tokens ----


def test_tokens_are_of_one_server_and_event_and_closed_to_others(config: Path) -> None:
    path = keep_token("http://room:8000", "reviews", "ada", "dd_1")
    assert token_for("http://room:8000", "reviews") == {"name": "ada", "token": "dd_1"}
    assert config in path.parents
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for server, event in (("http://room:8000", "winds"), ("http://room:8001", "reviews")):
        with pytest.raises(UsageError, match="nobody has joined"):
            token_for(server, event)
    assert token_of_server("http://room:8000", "ada") is not None
    assert token_of_server("http://room:8000", "bob") is None
    assert os.listdir(path.parent) == ["reviews.json"]


def test_a_broken_token_file_is_as_if_it_were_not_there() -> None:
    path = keep_token("http://room:8000", "reviews", "ada", "dd_1")
    path.write_text("{")
    with pytest.raises(UsageError, match="nobody has joined"):
        token_for("http://room:8000", "reviews")


# ---- joining ----


def test_nothing_is_asked_where_the_folder_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "mine.txt").write_text("x")
    with scripted(told({})) as server, pytest.raises(UsageError, match="already"):
        join_event(f"{server.address}/reviews?code=c", "ada", tmp_path / "reviews")
    assert server.asked == []


@pytest.mark.parametrize(("query", "name"), [("", "ada"), ("?code=c", None)])
def test_a_link_without_code_or_name_is_one_sentence(tmp_path: Path, query: str, name: str | None) -> None:
    with scripted(told({})) as server, pytest.raises(UsageError):
        join_event(f"{server.address}/reviews{query}", name, tmp_path / "reviews")
    assert server.asked == []


def test_a_token_of_a_server_that_was_there_before_is_replaced(tmp_path: Path) -> None:
    gone = told({"error": "not known", "where": None, "todo": None, "code": "wrong_token"}, 401)
    answers = [gone, told({"event": "reviews", "name": "ada", "token": "dd_new"}, 201), told({"team": "ada"}),
               told({"title": "R"}), (200, {}, b"no zip")]  # fmt: skip
    with scripted(*answers) as server:
        keep_token(server.address, "reviews", "ada", "dd_old")
        with pytest.raises(DojoError, match="damaged"):
            join_event(f"{server.address}/reviews?code=c", None, tmp_path / "reviews")
    assert token_for(server.address, "reviews") == {"name": "ada", "token": "dd_new"}
    assert [headers.get("authorization") for _, _, headers, _ in server.asked[:3]] == [
        "Bearer dd_old", None, "Bearer dd_new"
    ]  # fmt: skip
    assert not (tmp_path / "reviews").exists()


def test_data_that_are_hostile_leave_no_folder_but_the_token(tmp_path: Path) -> None:
    import io
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("project.toml", "name = 'x'")
        archive.writestr("../outside.txt", "x")
    answers = [told({"event": "reviews", "name": "ada", "token": "dd_1"}, 201),
               told({"team": "ada", "members": ["ada"], "invite": "i"}), told({"title": "R"}),
               (200, {}, packed.getvalue())]  # fmt: skip
    with scripted(*answers) as server, pytest.raises(DojoError, match="no plain path"):
        join_event(f"{server.address}/reviews?code=c", "ada", tmp_path / "in" / "reviews")
    assert list((tmp_path / "in").iterdir()) == []
    assert not (tmp_path / "outside.txt").exists()
    assert token_for(server.address, "reviews")["token"] == "dd_1"
    assert json.loads(server.asked[0][3]) == {"code": "c", "name": "ada"}


# ---- what is sent ----


def test_what_is_sent_is_named_where_it_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prog").mkdir()
    (tmp_path / "prog" / "predict.py").write_text("")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "mine.csv").write_text("id\n")
    assert what_to_send("mine.csv", code=False).name == "mine.csv"
    assert what_to_send("prog", code=True).name == "prog"
    for given, code in (("prog", False), ("mine.csv", True), ("notes.txt", False), ("nowhere.csv", False),
                        ("last", False)):  # fmt: skip
        with pytest.raises(DojoError):
            what_to_send(given, code=code)


def test_what_is_no_table_and_no_program_is_told_without_naming_last_as_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DojoError, match=r"empty: the folder has no predict.py at its top, and is no run"):
        what_to_send("empty", code=True)
    with pytest.raises(DojoError, match=r"nope.csv: no table and no run; give a file, or a run of dojo runs"):
        what_to_send("nope.csv", code=False)
