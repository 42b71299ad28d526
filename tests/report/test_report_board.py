"""The board page: ranks, ties, what is greyed, what stands below, the empty board."""

from __future__ import annotations

import re
from typing import Any

import pytest
from report_runs import HOSTILE
from test_report_page import Page

from deepdojo.report import board_page

PROJECT = {
    "name": "digits",
    "title": "Handwritten digits",
    "task": "image-classification",
    "metric": "accuracy",
    "n": 477,
    "licence": "CC BY 4.0",
}


def row(rank: int | None, name: str, kind: str, score: float, half: float | None = 0.01, **more: Any) -> dict[str, Any]:
    base = {
        "rank": rank,
        "name": name,
        "kind": kind,
        "score": score,
        "n": 477,
        "seeds": 1,
        "parameters": 28_938,
        "train_flops": 4e11,
        "seconds": 18.0,
        "peak_bytes": 4e8,
        "inference_ms": 0.08,
        "data_share": 1.0,
        "pareto": False,
        "run": "/runs/x",
    }
    ends = {"low": None, "high": None} if half is None else {"low": score - half, "high": score + half}
    return {**base, **ends, **more}


ROWS = [
    row(4, "linear", "run", 0.965, seeds=5),
    row(1, "mlp", "run", 0.988, pareto=True),
    row(1, "cnn", "run", 0.992, pareto=True),
    row(None, "kNN", "published", 0.978, None, source="Alpaydin 1998", parameters=None, train_flops=None, seconds=None),
    row(4, "logistic", "baseline", 0.969, parameters=None, train_flops=None, inference_ms=None),
    row(6, "majority", "baseline", 0.101, data_share=0.5),
    row(None, "old split", "run", 0.999),
]


def lines(page: Page) -> list[str]:
    """Classes of the body's rows, in order."""
    return [a.get("class") or "" for a in page.all("tr")][1:]


def test_rows_stand_by_rank_and_the_unranked_below():
    page = Page(board_page(PROJECT, ROWS))
    names = [a["title"] for a in page.all("th") if a.get("title")]
    assert names == ["cnn", "mlp", "logistic", "linear", "majority", "kNN", "old split"]
    assert page.wrong == []
    assert (
        page.text.index("Scored on other rows")
        > page.text.index("not re-scored: no rank")
        > page.text.index("majority")
    )


def test_ties_share_a_tint_and_neighbours_differ():
    kinds = lines(Page(board_page(PROJECT, ROWS)))[:5]
    assert ["tie" in k for k in kinds] == [True, True, False, False, True]


def test_the_first_sentence_names_who_cannot_be_told_apart():
    assert (
        "2 of 5 cannot be told apart at the top; the highest is cnn with 99.2\u00a0%"
        in Page(board_page(PROJECT, ROWS)).text
    )
    assert (
        "cnn leads with 99.2\u00a0%"
        in Page(board_page(PROJECT, [row(1, "cnn", "run", 0.992), row(2, "mlp", "run", 0.9)])).text
    )
    assert "Nothing has been scored" in Page(board_page(PROJECT, [ROWS[3]])).text


def test_a_result_that_was_not_re_scored_is_hollow_and_has_no_rank():
    page = Page(board_page(PROJECT, [ROWS[3]]))
    assert [a["class"] for a in page.all("circle")] == ["dot published"]
    assert any((a.get("class") or "").startswith("published") for a in page.all("tr"))


def test_cost_share_seeds_and_front_are_shown():
    text = Page(board_page(PROJECT, ROWS)).text
    for words in (
        "28.9\u00a0k",
        "400\u00a0GFLOP",
        "18.0\u00a0s",
        "400\u00a0MB",
        "0.080",
        "mean of 5 seeds",
        "50\u00a0% of the training rows",
        "◆",
    ):
        assert words in text


def test_the_next_step_can_be_copied():
    def commands(rows):
        return re.findall(r"dojo \w+[^<]*", board_page({"name": "digits", "metric": "accuracy"}, rows))

    cited = row(None, "kNN", "published", 0.98, None)
    first, second = (row(1, "cnn", "run", 0.99, id=f"2026-cnn-{x}", seed=3) for x in "ab")
    assert commands([cited]) == ["dojo train digits"]
    assert "dojo train 'my digits'" in Page(board_page({"name": "my digits", "metric": "accuracy"}, [cited])).text
    assert commands([first, cited]) == ["dojo report 2026-cnn-a --open"]
    assert commands([first, second]) == ["dojo compare 2026-cnn-a 2026-cnn-b"]


def test_runs_of_one_name_are_told_apart():
    text = Page(board_page(PROJECT, [row(1, "cnn", "run", 0.99, id=f"2026-cnn-{x}", seed=3) for x in "ab"])).text
    assert "run · a · seed 3" in text
    assert "run · b · seed 3" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_empty_board_names_the_command(language):
    text = Page(board_page({"name": "digits", "metric": "accuracy"}, [], language=language)).text
    assert "dojo train digits" in text


def test_lower_is_better_turns_the_order():
    rows = [row(1, "good", "run", 50.0, 2.0), row(1, "better", "run", 49.0, 2.0)]
    page = Page(board_page({"name": "d", "metric": "rmse"}, rows))
    assert [a["title"] for a in page.all("th") if a.get("title")] == ["better", "good"]
    assert "RMSE ↓" in page.text


def test_hostile_names_stay_text_and_rows_are_limited():
    page = Page(board_page({"name": HOSTILE, "metric": "accuracy"}, [row(1, HOSTILE, "run", 0.9, note=HOSTILE)] * 1005))
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert "5 more rows are not shown here" in page.text


def test_a_score_that_is_not_finite_leaves_the_page_whole():
    page = Page(board_page(PROJECT, [row(1, "cnn", "run", 0.9), row(None, "nan", "run", float("nan"))]))
    assert page.wrong == []
    assert page.open == []
