"""The pages against a real server: who may see what, nothing that acts or fetches, forms, both languages."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from markupsafe import Markup

from deepdojo.competition.event import RESERVED, event_name
from deepdojo.competition.refusal import STATUSES, Refusal
from deepdojo.competition.server import page_looks
from deepdojo.competition.server.page_board import board_csv, board_view
from deepdojo.competition.server.page_forms import local_path
from deepdojo.competition.server.page_markdown import markdown
from deepdojo.competition.server.page_tables import BoardTables
from deepdojo.competition.server.page_words import CODES, PageWords, chinese
from deepdojo.competition.server.pages import page_routes
from deepdojo.competition.service import Service
from deepdojo.report.words import Words
from tests.competition.server.pages_room import Browser, Page
from tests.competition.server.running import running

SERVER = Path(page_looks.__file__).parent
HOSTILE = "<img src=x onerror=alert(1)>"
FORMULA = "=cmd|' /C calc'!A0"
DESCRIPTION = (
    f"# About\n\n#### Deep\n\n{HOSTILE} <script>alert(2)</script> [x](javascript:alert(3)) ![p](http://elsewhere/p.png)"
)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Three teams with results, one refused file, an announcement."""
    with running(tmp_path_factory.mktemp("room"), per_day=50, team_size=2, description=DESCRIPTION) as server:
        for k, name in enumerate(("ada", HOSTILE, FORMULA)):
            token = server.join(name)
            told = server.send(token, server.table(0.6 + 0.1 * k, seed=k), name="p.csv").json
            server.result(token, told["id"])
        refused = server.send(server.tokens["ada"], b"id,label\n1,2\n", name="bad.csv").json["id"]
        assert server.result(server.tokens["ada"], refused)["state"] == "refused"
        assert server.api("POST", "/host/announce", {"text": HOSTILE}, server.host).status == 200
        server.refused = refused
        yield server


@pytest.fixture(scope="module")
def people(room):
    """Browsers of nobody, an entrant, another team's entrant, the host."""
    return {
        "nobody": Browser(room), "ada": Browser(room).sign_in(room.tokens["ada"]),
        "other": Browser(room).sign_in(room.tokens[HOSTILE]), "host": Browser(room).sign_in(room.host),
    }  # fmt: skip


OPEN = {"nobody": 200, "ada": 200, "other": 200, "host": 200}
OWN = {"nobody": 401, "ada": 200, "other": 200, "host": 403}
ABSENT = dict.fromkeys(OPEN, 404)
MATRIX = {
    "/": OPEN, "/sign-in": OPEN, "/winds": OPEN, "/winds?code=abc": OPEN, "/winds/board": OPEN, "/winds/rules": OPEN,
    "/winds/data": OPEN, "/winds/join?code=x": OPEN,
    "/winds/board?part=private": {"nobody": 403, "ada": 403, "other": 403, "host": 200},
    "/winds/submissions": {**OWN, "host": 200}, "/winds/team": OWN,
    "/winds/desk": {"nobody": 401, "ada": 403, "other": 403, "host": 200},
    "/submissions/REFUSED": {"nobody": 401, "ada": 200, "other": 404, "host": 200},
    "/nothing": ABSENT, "/nothing/board": ABSENT, "/winds/nothing": ABSENT, "/nothing/data": ABSENT,
    "/static/nothing": ABSENT, "/winds/board?part=secret": ABSENT, "/submissions/nothing": {**ABSENT, "nobody": 401},
}  # fmt: skip


@pytest.mark.parametrize("path", MATRIX)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_page_for_those_who_may_see_it_and_harmless_in_both_languages(room, people, path, language):
    for who, status in MATRIX[path].items():
        people[who].cookies["dojo_lang"] = language
        page = people[who].page(path.replace("REFUSED", room.refused), status)
        assert page.faults() == [], who
        assert page.named("html")[0]["lang"] == {"en": "en", "zh": "zh-CN"}[language]
        assert "zq7" not in page.text or path.startswith("/submissions"), "a label of the answers"


def test_every_answer_forbids_inline_scripts_and_outside_addresses(people):
    for path in ("/", "/winds/board", "/nothing", "/static/pages.js"):
        policy = people["nobody"].get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    sheet = people["nobody"].get(people["nobody"].page("/").named("link")[1]["href"])
    assert sheet.status == 200
    assert not re.search(rb"url\(|@import|https?:", sheet.body)
    assert "immutable" in sheet.headers["cache-control"]


def test_hostile_names_and_texts_are_shown_as_they_are_and_do_nothing(people):
    for path in ("/winds/board", "/winds", "/winds/desk"):
        page = people["host"].page(path)
        assert HOSTILE in page.text
        assert page.named("img") == []
        links = [a.get("href") or "" for a in page.named("a")]
        assert not [link for link in links if "alert" in link and not link.startswith("?team=%3C")]


def test_the_board_as_csv_quotes_formula_cells(people):
    answer = people["nobody"].get("/winds/board?as=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert {row["team"] for row in rows} == {"ada", HOSTILE, "'" + FORMULA}
    assert next(row["rank"] for row in rows) == "1"
    board = {"part": "public", "rows": [{"rank": None, "team": t, "value": -0.5, "low": 0.0, "high": 1.0, "n": 3,
             "submissions": 1, "moved": 0.0} for t in ("+1", "-1", "@a", "\ta", "a=b")]}  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(board_csv(board))))
    assert [line["team"] for line in lines] == ["'+1", "'-1", "'@a", "'\ta", "a=b"]
    assert {line["value"] for line in lines} == {"-0.5"}


def test_the_fragment_is_the_table_alone_and_the_same_for_all_entrants(people):
    told = {who: people[who].get("/winds/board?fragment=1").body for who in ("nobody", "ada", "other")}
    assert len(set(told.values())) == 1
    assert b"<html" not in told["ada"]
    assert people["ada"].page("/winds/board").tags != []
    own = [
        a["data-own"]
        for who in ("ada", "other")
        for a in people[who].page("/winds/board").named("div")
        if a.get("id") == "board"
    ]
    assert own == ["ada", HOSTILE]


def test_the_fragment_says_its_version_and_may_be_compressed(people):
    plain = people["nobody"].get("/winds/board?fragment=1")
    packed = people["nobody"].get("/winds/board?fragment=1", accept_encoding="gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert int(plain.headers["x-version"]) == people["nobody"].server.api("GET", "/board").json["version"]


def test_a_table_is_made_once_for_many_and_anew_when_the_board_has_moved(room):
    tables = BoardTables(Service(room.database, room.store))
    first = tables.get("winds", None, "public", "en", 1)
    assert tables.get("winds", None, "public", "en", 1) is first
    assert tables.get("winds", None, "public", "zh", 1).html != first.html
    assert room.api("POST", "/host/announce", {"text": "now"}, room.host).status == 200
    time.sleep(0.6)
    assert tables.get("winds", None, "public", "en", 1).version > first.version
    with pytest.raises(Refusal, match="opens at the end"):
        tables.get("winds", None, "private", "en", 1)


def test_a_file_sent_by_the_form_is_scored_and_told(room, people):
    people["ada"].cookies["dojo_lang"] = "en"
    answer = people["ada"].upload("/winds/submissions", "mine.csv", room.table(0.9, seed=9), note="<b>new</b>")
    assert answer.status == 303, answer.body
    place = answer.headers["location"]
    room.result(room.tokens["ada"], place.rpartition("/")[2])
    page = people["ada"].page(place)
    assert "mine.csv" in page.text
    assert "<b>new</b>" in page.text
    assert people["ada"].get(place + "?fragment=1").headers["x-state"] == "scored"
    assert people["ada"].get(place + "/file").body == room.table(0.9, seed=9)
    assert people["other"].get(place + "/file").status == 404
    again = people["ada"].upload("/winds/submissions", "mine.csv", room.table(0.9, seed=9))
    assert again.status == 409
    assert "sent this very file before" in Page(again.body.decode()).text


@pytest.mark.parametrize(("name", "data", "status"), [
    ("", b"", 400), ("a.csv", b"", 400), ("a.exe", b"MZ", 415), ("../../a.php", b"x", 415),
])  # fmt: skip
def test_a_file_that_cannot_be_taken_is_refused_beside_the_form(people, name, data, status):
    answer = people["ada"].upload("/winds/submissions", name, data)
    assert answer.status == status
    page = Page(answer.body.decode())
    assert page.faults() == []
    assert "Not done:" in page.text or "没有完成：" in page.text


def test_a_form_larger_than_the_limit_is_refused_before_it_is_read(people):
    path, head = "/winds/submissions", {"content-type": "multipart/form-data; boundary=x"}
    answer = people["ada"].ask("POST", path, b"x", {**head, "content-length": str(65 << 20)})
    assert answer.status == 413
    assert people["nobody"].ask("POST", "/sign-in", b"a" * (90 << 10), {
        "content-type": "application/x-www-form-urlencoded"}).status == 413  # fmt: skip


@pytest.mark.parametrize("path", [
    "/sign-in", "/sign-out", "/winds/join", "/winds/team", "/winds/submissions", "/winds/finals", "/winds/desk",
])  # fmt: skip
def test_a_form_without_the_secret_of_this_browser_does_nothing(people, path):
    for secret in ("", "0" * 64, people["other"].csrf()):
        assert (
            people["host" if path.endswith("desk") else "ada"].post(path, {"action": "freeze"}, csrf=secret).status
            == 403
        )
    assert people["ada"].post(path, {}, origin="http://elsewhere").status == 403
    assert people["ada"].ask("POST", path, b"{}", {"content-type": "text/plain"}).status in (403, 415)
    assert people["ada"].get("/winds/team").status == 200, "still signed in"


def test_joining_shows_the_token_once_and_signs_the_browser_in(room):
    new = Browser(room)
    assert new.page(f"/winds/join?code={room.code}").field("code") == room.code
    wrong = new.post("/winds/join", {"code": "nothing", "name": "emmy"})
    assert wrong.status == 403
    assert Page(wrong.body.decode()).field("name") == "emmy", "what was filled in stays"
    answer = new.post("/winds/join", {"code": room.code, "name": "emmy"})
    assert answer.status == 201
    assert answer.headers["cache-control"] == "no-store"
    token = re.search(r"dd_[\w-]{20,}", answer.body.decode())
    assert token is not None
    cookie = next(each for each in new.set_cookies if each.startswith("dojo_session="))
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "emmy" in new.page("/winds/team").text
    assert token[0].encode() not in new.get("/winds/team").body
    assert Browser(room).sign_in(token[0]).get("/winds/team").status == 200
    taken = Browser(room).post("/winds/join", {"code": room.code, "name": "Emmy"})
    assert taken.status == 409
    assert new.post("/sign-out", {}).status == 303
    assert new.get("/winds/team").status == 401


def test_an_invitation_moves_into_the_other_team(room):
    one, two = Browser(room).sign_in(room.join("sofia")), Browser(room).sign_in(room.join("maria"))
    invite = room.api("GET", "/team", token=room.tokens["sofia"]).json["invite"]
    assert invite in one.page("/winds/team").text
    assert two.post("/winds/team", {"invite": "nothing"}).status == 403
    assert two.post("/winds/team", {"invite": invite}).status == 303
    assert "sofia" in two.page("/winds/team").text


def test_finals_are_chosen_by_the_form(room, people):
    people["ada"].cookies["dojo_lang"] = "en"
    sent = room.api("GET", "/submissions", token=room.tokens["ada"]).json
    scored = [each["id"] for each in sent if each["state"] == "scored"][:1]
    assert people["ada"].post("/winds/finals", {"chosen": scored}).status == 303
    boxes = [i for i in people["ada"].page("/winds/submissions").named("input") if i.get("name") == "chosen"]
    assert [box["value"] for box in boxes if "checked" in box] == scored
    refused = people["ada"].post("/winds/finals", {"chosen": [room.refused]})
    assert refused.status == 404
    assert "no scored submission" in Page(refused.body.decode()).text


def test_the_desk_freezes_extends_and_announces_and_the_log_tells(people):
    host = people["host"]
    host.cookies["dojo_lang"] = "en"
    assert people["ada"].post("/winds/desk", {"action": "freeze"}).status == 403
    assert host.post("/winds/desk", {"action": "freeze"}).status == 303
    assert "frozen" in people["nobody"].page("/winds/board?lang=en").text
    assert host.post("/winds/desk", {"action": "unfreeze"}).status == 303
    assert host.post("/winds/desk", {"action": "extend", "ends": "2100-01-31T18:00"}).status == 303
    assert "2100-01-31 18:00 UTC" in people["nobody"].page("/winds").text
    assert host.post("/winds/desk", {"action": "extend", "ends": "soon"}).status == 400
    past = host.post("/winds/desk", {"action": "extend", "ends": "2020-01-31T18:00"})
    assert (past.status, "he new end is in the past" in Page(past.body.decode()).text) == (400, True)
    assert "2100-01-31 18:00 UTC" in people["nobody"].page("/winds").text
    assert host.post("/winds/desk", {"action": "announce", "text": " "}).status == 400
    assert host.post("/winds/desk", {"action": "destroy"}).status == 400
    assert host.post("/winds/desk", {"action": "announce", "text": "The *end* has moved."}).status == 303
    assert "The end has moved." in people["ada"].page("/winds").text
    log = host.page("/winds/desk").text
    for line in ("froze the public board", "ended the freeze", "moved the end", "announced"):
        assert line in log


@pytest.mark.parametrize("path", [
    "/winds/board?page=99999", "/winds/board?page=-1", "/winds/board?page=%F0%9F%98%80", "/winds/board?page=²",
    "/winds/board?part=%00", "/winds?lang=%3Cscript%3E", "/winds?code=%22%3E%3Cscript%3E", "/%00",
    "/..%2f..%2fetc/data",
    "/winds%2f..%2f..%2f/data", "/%E2%80%AE/board", "/static/..%2fpages.py", "/submissions/%00",
    "/winds/join?code=" + "a" * 5000,
    "/winds/board?as=xml", "/sign-in?next=//evil.example", "/" + "a" * 3000,
])  # fmt: skip
def test_odd_addresses_are_answered_without_a_fault_of_the_server(people, path):
    for who in ("nobody", "ada", "host"):
        answer = people[who].get(quote(path, safe="/?&=%+-._~"), accept_language="q=,;;,zh;q=nan,en;q=1e999,\t")
        assert answer.status < 500, (who, answer.body[-300:])
        page = Page(answer.body.decode())
        assert page.faults() == []
        assert not [a for a in page.named("a") if (a.get("href") or "").startswith(("//", "http"))]


def test_an_event_cannot_hide_the_servers_own_addresses(room):
    first = {route.path.split("/")[1] for route in page_routes(Service(room.database, room.store))}
    assert first - {"", "{event}"} <= set(RESERVED)
    for name in RESERVED:
        with pytest.raises(Refusal, match=name):
            event_name(name)


def test_signing_in_never_leads_elsewhere():
    for bad in ("//evil.example", "/\\evil.example", "http://evil.example", "/a\r\nb", "/\x00", "evil", None, "/é"):
        assert local_path(bad) == "/"
    assert local_path("/winds/board?part=public") == "/winds/board?part=public"


def test_behind_a_proxy_that_speaks_tls_cookies_travel_over_tls_alone(room):
    plain, secure = Browser(room), Browser(room)
    plain.get("/sign-in")
    secure.get("/sign-in", X_Forwarded_Proto="https")
    assert ["Secure" in each for browser in (plain, secure) for each in browser.set_cookies] == [False, True]


def test_a_wrong_token_is_said_beside_the_field(room):
    browser = Browser(room)
    answer = browser.post("/sign-in", {"token": "dd_nothing"})
    assert answer.status == 401
    assert "not known" in Page(answer.body.decode()).text


def test_the_language_is_asked_for_kept_and_guessed(room):
    new = Browser(room)
    assert new.page("/").named("html")[0]["lang"] == "en"
    guessed = new.get("/", accept_language="fr;q=0.9, zh-CN;q=0.8, en;q=0.2")
    assert Page(guessed.body.decode()).named("html")[0]["lang"] == "zh-CN"
    assert "accept-language" in guessed.headers["vary"]
    assert new.page("/?lang=zh").named("html")[0]["lang"] == "zh-CN"
    assert new.page("/winds").named("html")[0]["lang"] == "zh-CN"
    assert new.page("/winds?lang=xx").named("html")[0]["lang"] == "zh-CN"


def sentences() -> set[str]:
    found = set(CODES.values())
    for path in (SERVER / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'\bt\("([^"]*)"', text)) | set(re.findall(r"\bt\('([^']*)'", text))
    for path in SERVER.glob("page*.py"):
        found |= set(re.findall(r'\bwords\("([^"]*)"', path.read_text(encoding="utf-8")))
    return found


def test_each_sentence_has_its_chinese_one_with_the_same_blanks():
    shared = Words("zh")
    found = sentences()
    assert len(found) > 150
    assert [each for each in sorted(found) if each not in chinese() and shared(each) == each] == []
    assert sorted(set(chinese()) - found) == [], "no longer used"
    for english, other in chinese().items():
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", other)), english


def test_each_code_of_a_refusal_has_a_head():
    assert set(CODES) == set(STATUSES)


@pytest.mark.parametrize("text", [
    "<script>alert(1)</script>", "<p onclick=alert(1)>x", "[x](javascript:alert(1))", "![x](http://a/b.png)",
    "<style>*{}", "[x](data:text/html,y)", "<svg/onload=alert(1)>", "<a href='vbscript:x'>y</a>", "<iframe src=//a>",
])  # fmt: skip
def test_markdown_of_hosts_cannot_act_or_fetch(text):
    made = Page(f"<h1>x</h1>{markdown(text)}")
    assert made.faults() == []
    assert not {tag for tag, _ in made.tags} & {"script", "img", "style", "svg", "iframe"}


def test_headings_of_markdown_leave_no_level_out():
    made = Page(str(markdown("#### a\n\n# b\n\n### c\n\n###### d", below=3)))
    levels = [int(tag[1]) for tag, _ in made.tags]
    assert levels[0] == 3
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    assert isinstance(markdown("x"), Markup)


def row(team: str, rank: int | None, value: float, **more: object) -> dict[str, object]:
    return {"team": team, "rank": rank, "value": value, "low": value - 0.1, "high": value + 0.1, "n": 100,
            "submissions": 1, "moved": time.time(), **more}  # fmt: skip


def test_ties_share_a_band_and_bands_that_touch_differ():
    ranks = [1, 1, 2, 2, 5, 6, 6]
    rows = [row(str(k), rank, 0.9 - k / 100) for k, rank in enumerate(ranks)]
    board = {"part": "public", "rows": rows, "published": [], "metric": "accuracy", "closed": False}
    made = board_view(board, PageWords("en"))["rows"]
    assert [line["tint"] for line in made] == [True, True, False, False, False, True, True]
    assert [line["tied"] for line in made] == [True, True, True, True, False, True, True]


def test_the_final_board_tells_who_moved():
    rows = [row("a", 1, 0.9, public_rank=3, public_value=0.8), row("b", 2, 0.8, public_rank=1, public_value=0.9),
            row("c", 3, 0.7, public_rank=3, public_value=0.7),
            row("d", 4, 0.6, public_rank=None, public_value=None)]  # fmt: skip
    board = {"part": "private", "rows": rows, "published": [], "metric": "accuracy", "closed": True}
    made = board_view(board, PageWords("en"))["rows"]
    assert [line["shift"][0] for line in made] == ["▲ 2", "▼ 1", "=", "–"]


def test_a_board_of_more_than_a_thousand_rows_has_pages():
    rows = [row(str(k), k + 1, 0.9 - k / 10000) for k in range(2500)]
    board = {"part": "public", "rows": rows, "published": [], "metric": "accuracy", "closed": False}
    made = board_view(board, PageWords("en"), 3)
    assert (made["pages"], len(made["rows"]), made["rows"][0]["team"]) == (3, 500, "2000")


def test_after_ten_wrong_tokens_an_address_waits(room):
    """The last of this file: the address is shut out for a minute."""
    browser = Browser(room)
    said = [browser.post("/sign-in", {"token": f"dd_{k}"}).status for k in range(12)]
    assert said[0] == 401
    assert said[-1] == 429
    assert browser.post("/sign-in", {"token": room.tokens["ada"]}).status == 429
