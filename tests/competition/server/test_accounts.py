"""Accounts over HTTP and in the store: a host's password, tokens that are handed out, revoking, the log, the desk."""

from __future__ import annotations

import json
import re
import threading

import pytest

from deepdojo.competition import passwords
from deepdojo.competition.database import accounts, events
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.service import Service
from tests.competition.server.pages_room import Browser, Page
from tests.competition.server.running import running

PASSWORD = "winds of change"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Grace hosts with a password; two teams, of which the second sent the first one's file."""
    with running(tmp_path_factory.mktemp("room"), per_day=50) as server:
        service = Service(server.database, server.store)
        host = service.by_token(server.host)
        service.desk.set_password("winds", host, passwords.hashed(PASSWORD))
        for name in ("ada", "bo"):
            told = server.send(server.join(name), server.table(0.7, seed=1)).json
            server.result(server.tokens[name], told["id"])
        told = server.send(server.tokens["ada"], server.table(0.69, seed=2)).json
        server.result(server.tokens["ada"], told["id"])
        yield server


@pytest.fixture(scope="module")
def host(room):
    browser = Browser(room).sign_in(PASSWORD)
    browser.cookies["dojo_lang"] = "en"
    return browser


def desk(room, method, path, body=None, token=None):
    return room.api(method, f"/host/{path}", body, token or room.host)


def test_a_host_signs_in_with_the_password_or_the_token_and_the_log_says_so(room, host):
    assert "The host's desk" in host.page("/winds/desk").text
    assert Browser(room).sign_in(room.host).get("/winds/desk").status == 200
    lines = desk(room, "GET", "audit").json
    log = [line["what"] for line in lines]
    days = [line["at"] // 86_400 for line in lines if line["what"] == "signed in"]
    assert len(days) == len(set(days)) > 0, "twice signed in, and one line a day"
    assert "set a password" in log
    assert PASSWORD not in json.dumps(desk(room, "GET", "audit").json)


def test_no_page_of_an_event_of_tables_asks_anybody_for_a_program(room, host):
    for browser in (host, Browser(room).sign_in(room.tokens["ada"])):  # a join code was taken for the rule of its name
        for path in ("/winds", "/winds/rules"):
            assert "predict.py" not in browser.page(path).text
    assert f"code={room.code}" in host.page("/winds").text


def test_who_wants_to_score_anew_over_the_network_is_told_where_to(room):
    told = desk(room, "POST", "preview", {"reason": "a label was wrong"})
    assert (told.status, told.json["code"]) == (400, "bad_request")
    assert "run on the server's machine: dojo host winds rescore --reason TEXT --preview" in told.json["todo"]
    assert desk(room, "POST", "cancel").status == 404, "it is an address, and there is no preview"


def test_the_password_is_kept_as_argon2_alone(room):
    with room.database.read() as connection:
        ((person, kept),) = accounts.with_password(connection)
    assert person.role == "host"
    assert kept.startswith("$argon2id$")
    assert passwords.is_password_of(kept, PASSWORD)
    assert not passwords.is_password_of(kept, PASSWORD + "x")
    assert not passwords.is_password_of("not a hash", PASSWORD)
    assert passwords.hashed("ｗｉｎｄｓ of change") != kept, "each has a salt of its own"
    assert passwords.is_password_of(kept, "ｗｉｎｄｓ of change"), "the same signs from another keyboard"


@pytest.mark.parametrize("wrong", ["short", "", "x" * 201, "dd_looks-like-a-token"])
def test_a_password_that_cannot_be_is_refused(wrong):
    with pytest.raises(Refusal) as refused:
        passwords.hashed(wrong)
    assert refused.value.where == "password"


def test_passwords_are_tried_one_at_a_time_and_a_flood_is_refused(monkeypatch):
    kept, together, most = passwords.hashed(PASSWORD), [0], [0]

    class Slow:
        def verify(self, *_):
            together[0] += 1
            most[0] = max(most[0], together[0])
            free.wait(10)
            together[0] -= 1
            return True

    free = threading.Event()
    monkeypatch.setattr(passwords, "_hasher", Slow)
    said = []

    def one():
        try:
            said.append(passwords.is_password_of(kept, PASSWORD))
        except Refusal as refusal:
            said.append(refusal.code)

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    while said.count("too_many_requests") < 8:
        pass
    free.set()
    for thread in threads:
        thread.join(10)
    assert (said.count(True), most[0]) == (4, 1)


def test_a_token_that_is_handed_out_opens_once_made_and_a_new_one_ends_it(room):
    made = desk(room, "POST", "token", {"name": "eve"})
    assert (made.status, made.json["role"]) == (201, "entrant")
    first = made.json["token"]
    assert room.ask("GET", "/api/v1/me", token=first).json == {"name": "eve", "role": "entrant", "events": ["winds"]}
    second = desk(room, "POST", "token", {"name": "Eve"}).json["token"]
    assert room.ask("GET", "/api/v1/me", token=first).status == 401
    assert room.ask("GET", "/api/v1/me", token=second).json["name"] == "eve"


def test_a_viewer_sees_the_data_and_neither_sends_nor_hosts(room):
    token = desk(room, "POST", "token", {"name": "lena", "role": "viewer"}).json["token"]
    assert room.api("GET", "/data", token=token).status == 200
    assert room.send(token, b"id,label\n").status == 403
    assert room.api("GET", "/team", token=token).status == 403
    for path in ("audit", "people", "queue", "ladders", "copies", "anew"):
        assert desk(room, "GET", path, token=token).status == 403
    assert Browser(room).sign_in(token).get("/winds/desk").status == 403


def test_revoking_ends_token_and_browsers_and_keeps_what_was_sent(room):
    token = room.join("mallory")
    browser = Browser(room).sign_in(token)
    assert browser.get("/winds/team").status == 200
    assert desk(room, "POST", "revoke", {"name": "mallory"}).json["name"] == "mallory"
    assert room.api("GET", "/team", token=token).status == 401
    assert browser.get("/winds/team").status == 401
    found = {row["name"]: row for row in desk(room, "GET", "people").json}
    assert found["mallory"]["revoked"]
    assert found["ada"]["team"] == "ada"
    again = desk(room, "POST", "token", {"name": "mallory"}).json["token"]
    assert room.api("GET", "/team", token=again).status == 200


@pytest.mark.parametrize(("path", "body", "code"), [
    ("revoke", {"name": "nobody"}, "not_found"), ("revoke", {"name": "grace"}, "bad_request"),
    ("revoke", {}, "bad_request"),
    ("token", {"name": "grace"}, "bad_request"), ("token", {"name": "ada", "role": "host"}, "name_taken"),
    ("token", {"name": "x", "role": "king"}, "bad_request"), ("token", {"name": "\u200b"}, "bad_request"),
    ("token", {"name": 3}, "bad_request"), ("token", {"name": "\ud800"}, "bad_request"),
    ("apply", None, "not_found"), ("cancel", None, "not_found"),
])  # fmt: skip
def test_what_a_host_cannot_do_is_one_sentence(room, path, body, code):
    said = desk(room, "POST", path, body)
    assert said.json["code"] == code
    assert said.status < 500


@pytest.mark.parametrize("path", ["token", "revoke", "apply", "cancel"])
def test_nobody_else_does_what_a_host_does(room, path):
    assert desk(room, "POST", path, {"name": "bo"}, room.tokens["ada"]).status == 403
    assert room.api("POST", f"/host/{path}", {"name": "bo"}).status == 401


def test_each_act_is_in_the_log_with_who_and_whom(room):
    found = {(line["what"], line["detail"].get("whom")): line["who"]
             for line in desk(room, "GET", "audit").json}  # fmt: skip
    assert found["handed out a token", "lena"] == "grace"
    assert found["revoked", "mallory"] == "grace"


def test_the_host_sees_copies_ladders_and_the_queue(room):
    (copy,) = desk(room, "GET", "copies").json["files"]
    assert [sent["team"] for sent in copy["sent"]] == ["ada", "bo"]
    states = {row["team"]: row for row in desk(room, "GET", "ladders").json}
    assert (states["ada"]["offered"], states["ada"]["steps"], states["ada"]["since"]) == (2, 1, 1)
    steps = desk(room, "GET", "ladders?team=ada").json
    assert [offer["moved"] for offer in steps["offers"]] == [True, False]
    own = {row["id"] for row in room.api("GET", "/submissions", token=room.tokens["ada"]).json}
    assert {offer["submission"] for offer in steps["offers"]} == own
    assert steps["offers"][1]["gain"] < steps["offers"][1]["needed"]
    assert desk(room, "GET", "ladders?team=nobody").status == 404
    assert desk(room, "GET", "queue").json["waiting"] == 0
    assert desk(room, "GET", "anew").json["preview"] is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_desk_shows_all_that_and_holds_nothing_that_acts(room, host, language):
    page = host.page(f"/winds/desk?team=ada&lang={language}")
    host.page("/winds/desk?lang=en")
    assert page.faults() == []
    words = {"en": ("Queue", "Scoring anew", "The Ladder of ada", "Copies", "People", "Revoke"),
             "zh": ("队列", "重新评分", "ada 的阶梯", "相同的文件", "人员", "撤销")}[language]  # fmt: skip
    assert [word for word in words if word not in page.text] == []
    assert host.page("/winds/desk?team=nobody").faults() == []


def test_a_token_made_at_the_desk_is_shown_once(room, host):
    answer = host.post("/winds/desk", {"action": "token", "who": "vera", "role": "viewer"})
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    assert Page(answer.body.decode()).faults() == []
    token = re.search(r"dd_[\w-]{20,}", answer.body.decode())
    assert token is not None
    assert room.ask("GET", "/api/v1/me", token=token[0]).json["role"] == "viewer"
    assert token[0] not in host.get("/winds/desk").body.decode()
    assert host.post("/winds/desk", {"action": "revoke", "who": "vera"}).status == 303
    assert room.ask("GET", "/api/v1/me", token=token[0]).status == 401
    odd = host.post("/winds/desk", {"action": "token", "who": "ada", "role": "host"})
    assert odd.status == 409
    assert "has the role entrant already" in Page(odd.body.decode()).text
    assert host.post("/winds/desk", {"action": "apply"}).status == 404


def test_a_preview_is_seen_and_cancelled_at_the_desk(room, host):
    from deepdojo.competition.database import rescore

    with room.database.write() as connection:
        event = events.event_of(connection, "winds")
        rescore.preview(room.database, connection, event, reason="label <fixed>", metric="accuracy",
                        solution_sha256="0" * 64, folder=".", who="grace")  # fmt: skip
    page = host.page("/winds/desk")
    assert "Version 2 is a preview; entrants still see version 1." in page.text
    assert "label <fixed>" in page.text
    assert page.faults() == []
    assert host.post("/winds/desk", {"action": "cancel"}).status == 303
    assert "cancelled" in host.page("/winds/desk").text


def test_after_ten_passwords_an_address_waits_before_any_is_tried(room):
    """The last of this file: the address is shut out for a minute."""
    browser = Browser(room)
    said = [browser.post("/sign-in", {"token": f"wrong {k}"}).status for k in range(12)]
    assert said[0] == 401
    assert said[-1] == 429
    assert browser.post("/sign-in", {"token": PASSWORD}).status == 429
