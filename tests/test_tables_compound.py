"""Cells of several parts: lists of words, texts, labels and numbers, through every format; wrong ones named by row."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.errors import ScoreError
from deepdojo.tables import Table, check_cells, read_table, write_table

KINDS = {"words": "tokens", "answers": "texts", "found": "labels", "past": "vector", "quantiles": "matrix"}
FORMATS = ["csv", "tsv", "jsonl", "parquet"]


def compound():
    return Table(
        {
            "id": ["1", "2"],
            "words": [["a,b", '"q"', "中文", "\u00a0"], ["-"]],
            "answers": [["one cat", ""], ['["x"]', "line\nbreak"]],
            "found": [[], ["b|c", "a"]],
            "past": [np.array([0.1, -0.0, 1e300]), np.array([1 / 3])],
            "quantiles": [np.array([[1.0, 2.5]]), np.array([[0.1], [5e-324]])],
        }
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_compound_cells_come_back_the_same(tmp_path, suffix):
    table = compound()
    write_table(tmp_path / f"out.{suffix}", table, KINDS)
    back = read_table(tmp_path / f"out.{suffix}", KINDS)
    check_cells(back, KINDS)
    for name, kind in KINDS.items():
        for ours, theirs in zip(back.columns[name], table.columns[name], strict=True):
            if kind in ("vector", "matrix"):
                assert np.array_equal(ours, theirs)
                assert np.array_equal(np.signbit(ours), np.signbit(theirs))
            else:
                assert ours == theirs


@pytest.mark.parametrize(
    ("kind", "cell", "sentence"),
    [
        ("tokens", "two words", "is no list of texts"),
        ("tokens", ["a b"], "is no single word"),
        ("tokens", [""], "is no single word"),
        ("texts", [], "the list of texts is empty"),
        ("texts", [1], "is no list of texts"),
        ("labels", ["a", "a"], "names a label twice"),
        ("labels", ["z"], "is not among the known ones"),
        ("vector", [], "is no vector of numbers"),
        ("vector", [1.0, float("nan")], "is not finite"),
        ("vector", [[1.0]], "is no vector of numbers"),
        ("matrix", [[1.0], [1.0, 2.0]], "is no matrix of numbers"),
        ("matrix", [1.0], "is no matrix of numbers"),
        ("vector", None, "the vector is missing"),
    ],
)
def test_wrong_compound_cells_name_their_row(kind, cell, sentence):
    with pytest.raises(ScoreError, match=f"row 1.*{sentence}|{sentence}.*") as caught:
        check_cells(Table({"id": ["7"], "cell": [cell]}), {"cell": kind}, labels=["a", "b"])
    assert "id '7'" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        ("texts", "no list", "is not a JSON list"),
        ("vector", "[1, true]", "is no vector of numbers"),
        ("vector", '{"a": 1}', "is not a list"),
        ("matrix", "[[1, 2], [3]]", "is no matrix of numbers"),
        ("labels", "[1]", "is no list of texts"),
    ],
)
def test_hostile_compound_text_is_one_sentence(tmp_path, kind, text, sentence):
    (tmp_path / "in.csv").write_text('id,cell\n1,"' + text.replace('"', '""') + '"\n')
    with pytest.raises(ScoreError, match=sentence):
        read_table(tmp_path / "in.csv", {"cell": kind})
