"""Attacks 12, 20, 21, 28: names and texts that act in a spreadsheet or a page, names that look alike, one as many."""

from __future__ import annotations

import csv
import io
import json
import time

import pytest

from tests.competition.attacks.room import Visitor, dojo
from tests.competition.attacks.routes import everything
from tests.competition.server.pages_room import Page

FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "＝1＋1", "＠x", '=HYPERLINK("http://x")')
SCRIPTS = ("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", '"><svg/onload=alert(3)>', "'-alert(4)-'",
           "{{1234567*7}}", "</title><script>alert(5)", "javascript:alert(6)", "&lt;b&gt;")  # fmt: skip


@pytest.fixture(scope="module")
def crowd(arenas):
    """Teams of hostile names, each with a row on the board, hostile file names and notes."""
    winds = arenas["winds"].anew()
    sent = {}
    for k, name in enumerate((*FORMULAS, *SCRIPTS)):
        token = winds.entrant(name)
        note = "".join(f"%{byte:02x}" for byte in name.encode())
        answer = winds.api("POST", f"/submissions?file_name={note}.csv&note={note}", winds.table(0.6, 800 + k), token,
                           headers={"content-type": "text/csv"})  # fmt: skip
        assert winds.result(token, answer.json["id"])["state"] == "scored"
        sent[name] = (token, answer.json["id"])
    return winds, sent


def test_attack_12_formulas_in_names_are_quoted_in_every_exported_table(crowd, tmp_path):
    winds, _ = crowd
    tables = [winds.ask("GET", "/winds/board?as=csv").body.decode()]
    for _ in range(40):  # ranks of the last one may still be computed
        code, _, said = dojo(winds.folder, "host", "winds", "archive", str(tmp_path / "kept"))
        if "still being computed" not in said:
            break
        time.sleep(0.5)
    assert code == 0, said
    tables.append((tmp_path / "kept" / "pages" / "board.csv").read_text())
    for table in tables:
        rows = list(csv.DictReader(io.StringIO(table)))
        assert {f"'{name}" for name in FORMULAS} <= {row["team"] for row in rows}
        for row in rows:
            assert not row["team"].startswith(tuple("=+-@＝＋－＠\t\r")), row
            for name, cell in row.items():
                assert name == "team" or not cell.startswith(("=", "+", "@")), row


@pytest.mark.parametrize("who", ["nobody", "hostile", "host"])
def test_attack_20_no_name_note_or_file_name_acts_on_any_page(crowd, who):
    winds, sent = crowd
    name = SCRIPTS[1]
    token = {"nobody": None, "hostile": sent[name][0], "host": winds.host}[who]
    text = (
        "# <script>alert(7)</script>\n\n[x](javascript:alert(8)) <img src=x onerror=alert(9)> ![y](http://elsewhere/z)"
    )
    if who == "host":
        assert winds.api("POST", "/host/announce", {"text": text}, winds.host).status == 200
    seen = 0
    for asked, answer in everything(winds.anew(), token, sent[name][1]):
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.headers.get("content-type", "").startswith("text/html"):
            html = answer.body.decode()
            page = Page(html if "<h1" in html else f"<h1>x</h1>{html}")
            idle = (
                "no label",
                "h2",
                "h3",
                "id",
                "<tr data-team=",
                "<svg aria-label=",
                "<input value=",
            )  # texts that nothing follows
            acting = [fault for fault in page.faults() if not fault.startswith(idle)]
            assert acting == [], (asked, acting)
            assert not {tag for tag, _ in page.tags} & {"iframe", "object", "embed", "base", "style"}, asked
            assert not [a for a in page.named("img") if "onerror" in a or a.get("src") == "x"], asked
            assert "8641969" not in html, "no template is made of a name"
            seen += 1
        elif "/file" in asked and answer.status == 200:
            assert answer.headers["content-disposition"].startswith("attachment")
            assert answer.headers["content-type"] == "application/octet-stream"
    assert seen > 30


def test_attack_20_a_cell_and_a_column_of_a_refused_file_are_shown_and_do_nothing(winds):
    token = winds.entrant()
    browser = Visitor(winds).sign_in(token)
    for script in SCRIPTS:
        for body in (f'id,"{script.replace(chr(34), chr(34) * 2)}"\n1,a\n', f"id,label\n{winds.ids[0]},{script}\n",
                     f"id,label\n{script},zq7north\n"):  # fmt: skip
            told = winds.told(token, body.encode())
            page = browser.page(f"/submissions/{told['id']}")
            assert page.faults() == [], script
            assert told["state"] == "refused"


LOOKALIKES = {
    "capitals": "ALICE HILL", "a blank behind": "alice hill ", "a blank before": "  alice hill",
    "no blank": "alicehill",
    "two blanks": "alice  hill", "wide signs": "ａｌｉｃｅ ｈｉｌｌ", "a Cyrillic a": "аlice hill",
    "Cyrillic": "аlісе һill", "Greek": "αlιcε hιll", "accents": "álîcé hïll", "a combining mark": "al\u0336ice hill",
    "digits": "al1ce h1ll", "a capital I for an l": "aIice hiIl", "a bar for an l": "a|ice hi||",
    "a dotless i": "al\u0131ce h\u0131ll", "a Latin alpha": "\u0251lice hill", "signs between": "alice-hill",
    "ligatures and letters of mathematics": "𝐚𝐥𝐢𝐜𝐞 𝒉𝒊𝒍𝒍", "circled": "ⓐⓛⓘⓒⓔ hill", "a joiner that is a mark":
    "alice\u034f hill",
}  # fmt: skip


@pytest.mark.parametrize("how", LOOKALIKES)
def test_attack_21_a_name_that_looks_like_another_is_refused(arenas, how):
    storms = arenas["storms"].anew()
    first = storms.api("POST", "/join", {"code": storms.code, "name": "alice hill"})
    assert first.status in (201, 409)
    answer = arenas["storms"].anew().api("POST", "/join", {"code": storms.code, "name": LOOKALIKES[how]})
    assert (answer.status, answer.json["code"]) in [(409, "name_taken"), (400, "bad_request")], answer.body


@pytest.mark.parametrize("sign", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u202e", "\u2066", "\u00ad", "\u3164",
                                  "\uffa0", "\u115f", "\u2800", "\u180e", "\x00", "\x1b", "\n", "\ud800", "\ue000",
                                  "\U000e0041"])  # fmt: skip
def test_attack_21_signs_that_are_not_seen_are_refused(arenas, sign):
    storms = arenas["storms"].anew()
    for name in (f"bob{sign}", f"{sign}bob", f"bo{sign}b", sign, f"{sign} "):
        answer = storms.anew().api("POST", "/join", {"code": storms.code, "name": name})
        if name.strip() in ("bob", ""):  # a line end at an edge is no more than a blank
            assert answer.status in (201, 400, 409)
        else:
            assert (answer.status, answer.json["code"]) == (400, "bad_request"), answer.body


def test_attack_21_the_hosts_name_is_taken_in_every_spelling(winds):
    for name in ("host", "HOST", "h0st", "һost", "ho st"):
        answer = winds.anew().api("POST", "/join", {"code": winds.code, "name": name})
        assert (answer.status, answer.json["code"]) == (409, "name_taken")


def test_attack_28_the_host_sees_the_same_file_of_five_teams_and_teams_of_one_address(winds):
    table, teams = winds.table(0.75, 900), [f"sybil {word}" for word in ("one", "two", "three", "four", "five")]
    ids = [winds.at("203.0.113.7").send(winds.entrant(name), table).json["id"] for name in teams]
    told = winds.api("GET", "/host/copies", token=winds.host).json
    (sent,) = [file["sent"] for file in told["files"] if ids[0] in {each["submission"] for each in file["sent"]}]
    assert [(each["team"], each["submission"]) for each in sent] == list(zip(teams, ids, strict=True))
    (place,) = [place for place in told["addresses"] if place["address"] == "203.0.113.7"]
    assert (set(place["teams"]), place["submissions"]) == (set(teams), 5)
    desk = Visitor(winds).sign_in(winds.host).page("/winds/desk")
    assert [team for team in teams if team not in desk.text] == []
    assert "203.0.113.7" in desk.text
    for token in (None, winds.entrant()):
        answer = winds.api("GET", "/host/copies", token=token)
        assert answer.status in (401, 403)
        assert "203.0.113.7" not in json.dumps(answer.json)


def test_attack_28_each_of_them_has_one_quota_and_the_files_of_others_count_for_their_own(arenas):
    storms = arenas["storms"].anew()
    one, two = storms.entrant(), storms.entrant()
    said = [storms.send(one, storms.table(0.8, 1000 + k)).status for k in range(6)]
    assert said == [202] * 5 + [429]
    assert [storms.send(two, storms.table(0.8, 1000 + k)).status for k in range(6)] == said
