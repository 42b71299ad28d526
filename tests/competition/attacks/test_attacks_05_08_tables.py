"""Attacks 5 to 8: quota at once, numbers that are none, ids that do not fit, entries without a score on the board."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.competition.attacks.room import Arena, Visitor


def test_attack_05_fifty_at_once_pass_a_quota_of_five_five_times(arenas):
    storms = arenas["storms"].anew()
    token = storms.entrant()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda i: storms.send(token, storms.table(0.5 + i / 200, i)), range(50)))
    assert sorted(answer.status for answer in answers) == [202] * 5 + [429] * 45
    for answer in answers:
        if answer.status == 429:
            assert answer.json["code"] == "quota"
            assert int(answer.headers["retry-after"]) > 0
    taken = {answer.json["id"] for answer in answers if answer.status == 202}
    listed = storms.api("GET", "/submissions", token=token).json
    assert {each["id"] for each in listed} == taken
    assert all(storms.result(token, each)["state"] == "scored" for each in taken)


def test_attack_05_pages_and_api_share_one_quota(arenas):
    storms = arenas["storms"].anew()
    token = storms.entrant()
    browser = Visitor(storms).sign_in(token)
    secret = browser.csrf()
    browser.csrf = lambda: secret

    def send(i):
        table = storms.table(0.5 + i / 50, 100 + i)
        if i % 2:
            return storms.send(token, table).status == 202
        return browser.upload("/storms/submissions", "p.csv", table).status == 303

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(send, range(16))) == 5


def heights_with(heights: Arena, cell: str, at: int = 2) -> bytes:
    """A good table of numbers but for one row."""
    lines = [f"{row},{heights.truth[row] + 0.01 * k}" for k, row in enumerate(heights.ids)]
    lines[at] = f"{heights.ids[at]},{cell}"
    return ("id,value\n" + "\n".join(lines) + "\n").encode()


NO_NUMBERS = ("NaN", "nan", "-nan", "inf", "-inf", "Infinity", "1e400", "-1e400", "\u0661", "\u00b2", "1_000", "1__0",
              "\u22121", "0x10", "1e", "--1", "1 000", "true", "one", "", " ", "=1+1", "1;2", "\uff11",
              "1" * 400)  # fmt: skip


@pytest.fixture
def heights(arenas):
    return arenas["heights"].anew()


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_attack_06_what_is_no_finite_number_is_refused_by_row_and_not_ranked(heights, cell):
    token = heights.entrant()
    told = heights.told(token, heights_with(heights, cell))
    assert told["state"] == "refused", told
    fault = told["fault"]
    assert fault["error"]
    assert "line 4" in fault["where"] or heights.ids[2] in fault["where"], fault
    assert told["value"] is None
    assert told["team"] not in [row["team"] for row in heights.api("GET", "/board").json["rows"]]


def test_attack_06_minus_nothing_and_spaces_are_numbers(heights):
    for k, cell in enumerate(("-0", "-0.0", " 1.5 ", "+2", "1E-3", "1e308", "5e-324")):
        told = heights.told(heights.entrant(), heights_with(heights, cell))
        if cell != "1e308":
            assert told["state"] == "scored", (k, told)
        else:  # its square is no number
            assert told["state"] == "refused", told
            assert told["value"] is None


IDS = {
    "missing": (lambda rows: rows[:-1], "missing"),
    "doubled": (lambda rows: [*rows, rows[4]], "doubled"),
    "doubled in the place of a missing one": (lambda rows: [*rows[:-1], rows[4]], "doubled|missing"),
    "extra": (lambda rows: [*rows, "nobody,zq7north"], "not asked for"),
    "empty": (lambda rows: [",zq7north", *rows[1:]], "missing"),
    "written as floats": (lambda rows: [f"{k}.0,zq7north" for k in range(len(rows))], "asked|missing"),
    "in capitals": (lambda rows: [row.partition(",")[0].upper() + ",zq7north" for row in rows], "asked|missing"),
    "with a blank": (lambda rows: [" " + row for row in rows], "asked|missing"),
    "with a sign that is not seen": (lambda rows: ["\u200b" + row for row in rows], "asked|missing"),
}


@pytest.mark.parametrize("fault", IDS)
def test_attack_07_ids_that_do_not_fit_are_refused_and_named(winds, fault):
    change, words = IDS[fault]
    rows = change(winds.table(1.0).decode().splitlines()[1:])
    told = winds.told(winds.entrant(), ("id,label\n" + "\n".join(rows)).encode(), "mine.csv")
    assert told["state"] == "refused", told
    assert re.search(words, told["fault"]["error"]), told
    assert "mine.csv" in told["fault"]["where"]


def test_attack_08_an_entry_without_a_score_has_no_row_on_any_board(winds):
    token = winds.entrant("nought")
    assert winds.told(token, b"id,label\nnobody,zq7north\n")["state"] == "refused"
    refused = winds.api("GET", "/submissions", token=token).json[0]["id"]
    chosen = winds.api("POST", "/finals", {"chosen": [refused]}, token)
    assert (chosen.status, chosen.json["code"]) == (404, "not_found")
    for token in (None, winds.host):
        for part in ("public", "private"):
            answer = winds.api("GET", f"/board?part={part}", token=token)
            assert answer.status == 403 or "nought" not in [row["team"] for row in answer.json["rows"]]
    assert "nought" not in winds.ask("GET", "/winds/board?as=csv").body.decode()
    assert "nought" not in Visitor(winds).page("/winds/board").text


@pytest.mark.parametrize("public", [True, False], ids=["public row", "hidden row"])
@pytest.mark.parametrize("cell", ["1e19", "1e38", "2e39", "1e40", "-1e100", "1e150", "1.7e308"])
def test_attack_06_a_huge_number_is_scored_or_refused_and_keeps_nobody_waiting(heights, cell, public):
    at = next(k for k, row in enumerate(heights.ids) if heights.rows[row] == public)
    huge, other = heights.entrant(), heights.entrant()
    first = heights.send(huge, heights_with(heights, cell, at)).json["id"]
    assert heights.told(other, heights_with(heights, f"1.{len(cell)}"))["state"] == "scored"
    said = heights.result(huge, first)
    assert said["state"] == ("scored" if cell == "1e19" else "refused"), said
    assert said["state"] == "scored" or said["fault"]["code"] == "bad_file"
    end = time.monotonic() + 30
    while None in (ranks := [row["rank"] for row in heights.api("GET", "/board").json["rows"]]):
        assert time.monotonic() < end, ranks
        time.sleep(0.1)
