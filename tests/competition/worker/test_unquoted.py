"""A fault of a table that a program wrote says what is wrong, and not a word of the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdojo.competition.worker.unquoted import unquoted
from deepdojo.errors import ScoreError

KNOWN = {"id", "label", "predictions.csv", "north"}
SECRET = "hidden42.75words"


def test_a_list_of_which_nothing_may_be_told_is_left_out():
    fault = ScoreError("100 ids are missing ('r1', 'r2', 'r3', …)", where="predictions.csv", todo="tell")
    assert unquoted(fault, b"id,label\n", {"id", "label"})["error"] == "100 ids are missing"
    fault = ScoreError("2 ids are extra ('id', 'r9')", where="predictions.csv", todo="tell")
    assert unquoted(fault, b"id,label\n", {"id", "label"})["error"] == "2 ids are extra ('id', '…')"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ScoreError(f"the label {SECRET!r} is not among the known ones"), "the label '…' is not among the known ones"),
        (ScoreError("the column 'label' is missing"), "the column 'label' is missing"),
        (ScoreError(f'the label "it\'s {SECRET} so" is wrong'), "the label '…' is wrong"),
        (ScoreError(f"the label 'it's {SECRET} 'so' is wrong"), "the table that it wrote has a fault"),
        (ScoreError("there are 3 rows that aren't asked for"), "there are 3 rows that aren't asked for"),
    ],
)
def test_what_stands_in_quotes_is_blanked_unless_it_is_known(error, told):
    made = unquoted(error, f"id,label\nr1,{SECRET}\n".encode(), KNOWN)
    assert made["error"].startswith(told)
    assert "hidden42" not in str(made)


def test_place_and_known_names_stay():
    error = ScoreError(
        "the label 'nrth' is unknown", where="predictions.csv, line 2, column 'label'", todo="take 'north'"
    )
    made = unquoted(error, b"id,label\nr1,nrth\n", KNOWN)
    assert made == {"error": "the label '…' is unknown", "where": "predictions.csv, line 2, column 'label'",
                    "todo": "take 'north'"}  # fmt: skip


def test_a_word_of_the_table_that_stands_without_quotes_is_not_told_either():
    made = unquoted(ScoreError(f"has {SECRET} somewhere"), f"id,label\nr1,{SECRET}\n".encode(), KNOWN)
    assert "quoting" in made["error"]
    assert SECRET not in str(made)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_whatever_a_cell_holds_its_words_are_not_told(cell):
    secret = f"{cell}zq7secret{cell}"
    for shown in (repr(secret), f"'{secret}'", f'"{secret}"', secret):
        made = unquoted(ScoreError(f"the label {shown} is wrong", where=f"id {shown}"), secret.encode(), KNOWN)
        assert "zq7secret" not in str(made)
