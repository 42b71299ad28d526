"""Costs from the sender to the board: API, form, page, JSON, CSV; the picture of score against cost; finals."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile

import pytest

from deepdojo.competition.server.page_board import board_view
from deepdojo.competition.server.page_words import PageWords
from tests.competition.server.pages_room import Browser, Page
from tests.competition.server.running import running


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Two teams state their costs, one does not; a published result."""
    with running(tmp_path_factory.mktemp("room"), per_day=50) as server:
        folder = server.store / "events" / "winds" / "public" / "project.toml"
        folder.write_text(folder.read_text() + PUBLISHED)
        for k, (name, cost) in enumerate({
            "ada": "&parameters=1000&train_flops=2e9&seconds=4.5", "bo": "&parameters=50000&seconds=90", "cy": "",
        }.items()):  # fmt: skip
            token = server.join(name)
            path = f"/submissions?file_name=p.csv{cost}"
            sent = server.api("POST", path, server.table(0.6 + 0.15 * k, seed=k), token,
                              headers={"content-type": "text/csv"})  # fmt: skip
            assert sent.status == 202, sent.body
            assert server.result(token, sent.json["id"])["state"] == "scored"
        yield server


PUBLISHED = '\n[[published]]\nmodel = "=Wind tables"\nscore = 0.83\nsource = "a paper"\nmetric = "accuracy"\n'


def rows(room):
    return {row["team"]: row for row in room.api("GET", "/board").json["rows"]}


def test_costs_stand_on_the_board_as_they_were_stated(room):
    found = rows(room)
    assert (found["ada"]["parameters"], found["ada"]["train_flops"], found["ada"]["seconds"]) == (1000, 2e9, 4.5)
    assert (found["bo"]["parameters"], found["bo"]["train_flops"]) == (50000, None)
    assert found["cy"]["seconds"] is None
    assert set(found["ada"]["pareto"]) == {"parameters", "train_flops", "seconds"}
    assert found["cy"]["pareto"] == []


@pytest.mark.parametrize("cost", ["parameters=x", "seconds=-1", "train_flops=nan", "parameters=1.5", "seconds=1e400"])
def test_a_cost_that_is_none_is_refused_before_the_file_is_taken(room, cost):
    before = len(room.api("GET", "/submissions", token=room.tokens["ada"]).json)
    sent = room.api("POST", f"/submissions?file_name=p.csv&{cost}", b"id,label\n", room.tokens["ada"],
                    headers={"content-type": "text/csv"})  # fmt: skip
    assert (sent.status, sent.json["where"]) == (400, cost.partition("=")[0])
    assert len(room.api("GET", "/submissions", token=room.tokens["ada"]).json) == before


def test_the_page_shows_costs_says_whose_word_they_are_and_names_the_front_in_text(room):
    page = Browser(room).page("/winds/board?cost=parameters&lang=en")
    assert page.faults() == []
    assert "Costs are stated by the entrants; nobody has checked them." in page.text
    assert "Entries that state none: 1." in page.text
    assert re.search(r"ada: \d+ % \[[\d., ]+\], 1.00.k", page.text)
    chart = next(svg for svg in page.named("svg") if svg.get("class") == "chart pareto")
    assert "entries: 2" in chart["aria-label"]
    assert [a["href"] for a in page.named("a") if a.get("aria-current") == "true"] == [
        "?part=public&cost=parameters#cost"
    ]
    for odd in ("?cost=", "?cost=%22%3E%3Cscript%3E", "?cost=seconds&page=2", "?cost=" + "a" * 3000):
        assert Browser(room).page("/winds/board" + odd).faults() == []


def test_a_board_without_costs_has_neither_columns_nor_picture():
    row = {"team": "a", "rank": 1, "value": 0.5, "low": 0.4, "high": 0.6, "n": 9, "submissions": 1, "moved": 0.0,
           "parameters": None, "train_flops": None, "seconds": None, "pareto": []}  # fmt: skip
    board = {"part": "public", "rows": [row], "published": [], "metric": "accuracy", "closed": False}
    view = board_view(board, PageWords("en"))
    assert (view["stated"], view["pareto"]["costs"]) == ([], [])


@pytest.mark.parametrize("values", [
    [(0.5, 0)], [(0.5, 0), (0.6, 0)], [(0.5, 1), (0.5, 1)], [(0.0, 1e-9), (1.0, 1e15)], [(-3.0, 7), (1e6, 7.0001)],
    [(0.5 + k / 1000, 10.0**k) for k in range(-3, 9)],
])  # fmt: skip
@pytest.mark.parametrize("higher", [True, False])
def test_the_picture_is_made_of_any_costs(values, higher):
    from deepdojo.competition.cost import mark_fronts

    found = [{"team": f"t{k}", "rank": 1, "value": v, "low": v - 0.1, "high": v + 0.1, "n": 9, "submissions": 1,
              "moved": 0.0, "parameters": None, "train_flops": None, "seconds": c}
             for k, (v, c) in enumerate(values)]  # fmt: skip
    mark_fronts(found, higher_is_better=higher)
    board = {"part": "public", "rows": found, "published": [], "metric": "rmse", "closed": False,
             "higher_is_better": higher}  # fmt: skip
    view = board_view(board, PageWords("zh"), cost="seconds")["pareto"]
    assert view["front"]
    numbers = [float(x) for x in re.findall(r"[ (\"](-?\d+\.?\d*)[\" ]", str(view["picture"]))]
    assert all(-1 <= x <= 400 for x in numbers), numbers
    assert not Page(f"<h1>x</h1>{view['picture']}").faults()


def test_the_csv_has_costs_and_published_rows_without_a_rank(room):
    told = list(csv.DictReader(io.StringIO(Browser(room).get("/winds/board?as=csv").body.decode())))
    by_name = {row["team"]: row for row in told}
    assert by_name["ada"]["parameters"] == "1000"
    assert by_name["ada"]["kind"] == "entry"
    published = by_name["'=Wind tables"]
    assert (published["rank"], published["value"]) == ("", "0.83")
    assert published["kind"] == "published, not re-scored"
    assert room.api("GET", "/board").json["published"][0]["rank"] is None
    assert "Published, not re-scored" in Browser(room).page("/winds/board?lang=en").text


def packed(table: bytes, **manifest: object) -> bytes:
    """A zip of a table and what it states."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mine.csv", table)
        archive.writestr("manifest.json", json.dumps(manifest))
    return out.getvalue()


def test_costs_in_a_zips_manifest_are_stated_costs_and_those_given_with_it_go_before(room):
    token, zipped = room.tokens["ada"], {"content_type": "application/zip"}
    sent = packed(room.table(0.8, seed=21), model="cnn", parameters=77, seconds=5.5)
    told = room.result(token, room.send(token, sent, "p.zip", **zipped).json["id"])
    assert (told["parameters"], told["train_flops"], told["seconds"]) == (77, None, 5.5)
    sent = packed(room.table(0.8, seed=22), parameters=77, train_flops=-1, seconds=5.5)
    told = room.result(token, room.send(token, sent, "p.zip&parameters=99", **zipped).json["id"])
    assert (told["parameters"], told["train_flops"], told["seconds"]) == (99, None, 5.5), "what is no cost is left out"


def test_the_form_takes_costs_and_the_submissions_page_tells_them(room):
    ada = Browser(room).sign_in(room.tokens["ada"])
    ada.cookies["dojo_lang"] = "en"
    answer = ada.upload("/winds/submissions", "mine.csv", room.table(0.9, seed=9), parameters="2000", seconds="")
    assert answer.status == 303, answer.body
    place = answer.headers["location"]
    assert room.result(room.tokens["ada"], place.rpartition("/")[2])["parameters"] == 2000
    assert "(stated by the entrant)" in ada.page(place).text
    odd = ada.upload("/winds/submissions", "mine2.csv", room.table(0.9, seed=10), parameters="many")
    assert odd.status == 400
    assert "no cost" in Page(odd.body.decode()).text


def test_the_team_page_and_the_api_tell_what_counts_at_the_end(room):
    bo = Browser(room).sign_in(room.tokens["bo"])
    bo.cookies["dojo_lang"] = "en"
    assert "None is chosen: the one that is best on the public rows counts." in bo.page("/winds/team").text
    told = room.api("GET", "/team", token=room.tokens["bo"]).json
    assert (told["finals"], told["chosen"]) == (2, [])
    own = room.api("GET", "/submissions", token=room.tokens["bo"]).json[0]["id"]
    assert room.api("POST", "/finals", {"chosen": [own]}, room.tokens["bo"]).status == 200
    assert room.api("GET", "/team", token=room.tokens["bo"]).json["chosen"][0]["id"] == own
    assert "1 of 2 chosen" in bo.page("/winds/team").text


def test_a_final_row_is_drawn_otherwise_than_a_public_one_and_shows_where_it_stood():
    words, cells = PageWords("en"), {"n": 9, "submissions": 1, "moved": 0.0, "parameters": None, "train_flops": None,
                                     "seconds": None, "pareto": []}  # fmt: skip
    rows = [{"team": name, "rank": rank, "value": v, "low": v - 0.1, "high": v + 0.1, "public_rank": 1,
             "public_value": v - 0.05, **cells}
            for name, rank, v in (("a", 1, 0.8), ("b", 2, 0.6), ("c", 1, 0.5))]  # fmt: skip
    board = {"rows": rows, "published": [], "metric": "accuracy", "closed": True}
    final = board_view({**board, "part": "private"}, words)["rows"]
    public = board_view({**board, "part": "public"}, words)["rows"]
    assert {row["part"] for row in final} == {"final"}
    assert {row["part"] for row in public} == {"public"}
    for row in final:
        assert row["bar"].count('class="dot final"') == row["bar"].count('class="dot public"') == 1
    for row in public:
        assert ('class="dot public"' in row["bar"], "final" in row["bar"]) == (True, False)
    assert [row["tied"] for row in final] == [True, False, True], "a rank is shared by rows that are no neighbours, too"
