"""Attacks 1 and 2: hidden labels and private values leave the server by no answer, no header, no order, no log."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.competition.attacks.room import HIDDEN, Visitor
from tests.competition.attacks.routes import everything, plain
from tests.competition.server.running import LABELS

HEAD = "id,label\n"


def lines_of(ids: list[str]) -> list[str]:
    """A table of a label that is none."""
    return [f"{row},west" for row in ids]


def malformed(ids: list[str]) -> dict[str, bytes]:
    """Forty files with a fault, of which none names a label of the answers."""
    rows = lines_of(ids)
    whole = HEAD + "\n".join(rows) + "\n"
    near = ("zq7", "zq7nort", "zq7hidde", "ZQ7HIDDEN", "zq7hiddem", "zq8hidden", "hidden", "zq7 hidden")
    found: dict[str, str | bytes] = {
        "a label never heard of": whole, "nothing but a head": HEAD, "a head without rows' columns": "id\n" + ids[0],
        "wrong head": whole.replace("label", "lable", 1), "id twice in the head": "id,id,label\n" + ids[0] + ",x,y",
        "no head": "\n".join(rows), "one row": HEAD + rows[0], "one row missing": HEAD + "\n".join(rows[1:]),
        "one doubled": HEAD + "\n".join([*rows, rows[0]]), "one for another": HEAD + "\n".join([rows[1], *rows[1:]]),
        "one more": whole + "nobody,west\n", "empty ids": whole.replace(ids[3], ""), "all ids empty": HEAD + ",west\n",
        "empty labels": whole.replace("west", ""), "NaN": whole.replace("west", "NaN"),
        "infinity": whole.replace("west", "inf"), "numbers": whole.replace("west", "0"), "too many cells":
        whole.replace("west", "west,1"), "too few cells": HEAD + "\n".join(ids), "open quote": HEAD + '"' + rows[0],
        "quotes within": whole.replace("west", 'we"st'), "NUL": whole.replace("west", "we\0st"),
        "semicolons": whole.replace(",", ";"), "tabs": whole.replace(",", "\t"), "spaces": whole.replace(",", " , "),
        "UTF-16": whole.encode("utf-16"), "UTF-32": whole.encode("utf-32"), "not text": bytes(range(256)) * 20,
        "surrogates": whole.replace("west", "\ud800").encode("utf-8", "surrogatepass"), "JSON": json.dumps(ids),
        "HTML": "<html><body>404</body></html>", "formula": whole.replace("west", "=1+1"),
    }  # fmt: skip
    found |= {f"near: {word}": HEAD + "\n".join(f"{row},{word}" for row in ids) for word in near}
    return {name: body if isinstance(body, bytes) else body.encode("utf-8", "replace") for name, body in found.items()}


def test_attack_01_no_fault_of_forty_malformed_files_holds_a_label(winds):
    token, files = winds.entrant(), malformed(winds.ids)
    assert len(files) == 40
    browser = Visitor(winds).sign_in(token)
    for name, body in files.items():
        told = winds.told(token, body)
        assert told["state"] == "refused", (name, told)
        assert told["fault"]["error"]
        assert told["fault"]["code"] == "bad_file"
        said = json.dumps(told) + browser.page(f"/submissions/{told['id']}").text
        assert not [label for label in (*LABELS, HIDDEN) if label in said and label.encode() not in body], name
    assert "zq7" not in winds.api("GET", "/board").body.decode()


def test_attack_01_whether_a_word_is_an_answer_cannot_be_asked_by_a_files_name(winds):
    """A fault that quotes an answer is kept from the sender; one that quotes the sender is not."""
    token, body = winds.entrant(), b"id,label\nnobody,west\n"
    for word in (HIDDEN, LABELS[0], "zq7nothing"):
        told = winds.told(token, body + word.encode()[:3] + b",west\n", name=f"{word}.csv")
        assert told["state"] == "refused", told


def test_attack_01_whether_a_word_is_an_answer_cannot_be_asked_by_a_packed_table(winds, tmp_path):
    import duckdb

    token = winds.entrant()
    for word in (HIDDEN, "zq7nothing"):
        path = tmp_path / f"{word}.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"COPY (SELECT 'a' AS id, '{word}!' AS label) TO '{path}' (COMPRESSION ZSTD)")
        wide = f"id,label\na,{word}!\n".encode("utf-16")
        for body, name in ((path.read_bytes(), "p.parquet"), (wide, "p.csv")):
            told = winds.told(token, body, name)
            assert told["state"] == "refused", told


@pytest.fixture(scope="module")
def contest(arenas):
    """Three teams: the first is better in public, the others in private; the last two look alike in public."""
    winds = arenas["winds"].anew()
    public = sorted(winds.public())
    private = sorted(set(winds.ids) - set(public))
    tables = {"ann": public[:34] + private[:7], "bea": public[:29] + private[:31], "cyn": public[:29] + private[:53]}
    sent = {}
    for name, rows in tables.items():
        token = winds.entrant(name)
        told = winds.told(token, winds.right_on(set(rows)))
        assert told["state"] == "scored"
        sent[name] = (token, told["id"], winds.ask("GET", f"/api/v1/submissions/{told['id']}", token=winds.host).json)
    return winds, sent


def figures(told: dict) -> set[str]:
    """The private value and its interval as they would be written."""
    found = set()
    for name in ("value", "low", "high"):
        number = told["private"][name]
        found |= {repr(number), f"{number:.4f}", f"{number:.5f}", f"{100 * number:.2f}", f"{100 * number:.3f}"}
    return {text for text in found if len(text) > 4}


def test_attack_02_no_private_value_on_any_route_for_anybody_before_the_end(contest):
    winds, sent = contest
    public = {repr(told["plain"][name]) for _, _, told in sent.values() for name in ("value", "low", "high")}
    secret = set().union(*(figures(told) for _, _, told in sent.values())) - public
    assert len(secret) > 20
    seen = 0
    for who in (None, "ann", "cyn"):
        token, submission, _ = sent[who or "ann"]
        for asked, answer in everything(winds.anew(), None if who is None else token, submission):
            assert answer.status < 500, (asked, answer.body)
            said, seen = plain(answer), seen + 1
            # As a number of its own: the clock's 1795894664.664 ends as 4.664 does, some time.
            assert not [each for each in secret if re.search(rf"(?<!\d){re.escape(each)}", said)], (who, asked)
            assert HIDDEN not in said, (who, asked)
            if not asked.endswith(("/data", "/data?code=x")) and "/file" not in asked and "/data" not in asked:
                assert not [label for label in LABELS if label in said], (who, asked)
    assert seen > 300


def test_attack_02_neither_order_nor_etag_follows_the_private_part(contest):
    winds, _ = contest
    for part in ("", "?as=csv"):
        text = (winds.api("GET", "/board") if not part else winds.ask("GET", f"/winds/board{part}")).body.decode()
        assert text.index("ann") < text.index("bea") < text.index("cyn"), "public value, then time"
    answers = [winds.api("GET", "/board", token=token) for token in (None, *(t for t, _, _ in contest[1].values()))]
    assert len({(answer.headers["etag"], answer.body) for answer in answers}) == 1
    assert answers[0].headers["etag"] == f'"{hashlib.sha256(answers[0].body).hexdigest()[:24]}"', "of these bytes alone"
    told = winds.ask("GET", f"/api/v1/submissions/{contest[1]['bea'][1]}", token=contest[1]["bea"][0]).json
    assert told["private"] is None
    assert "plain" not in told


def test_attack_01_the_log_of_the_server_holds_no_label_no_token_and_no_file(contest):
    winds, sent = contest
    said = Path(winds.log).read_text()
    assert "Serving at" in said
    for secret in (HIDDEN, *LABELS, winds.host, *(token for token, _, _ in sent.values())):
        assert secret not in said
