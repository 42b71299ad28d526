"""Boxes as cells: read from every form, faults that name row and column, written and read back."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.boxes import MOST_BOXES, box_fault, iou_of, parse_boxes, said_boxes, suppressed
from deepdojo.errors import ScoreError
from deepdojo.tables import Table, check_cells, read_table, write_table

KINDS = {"boxes": "boxes"}
CELLS = [
    [["a cat", 0.125, 1.5, 2.0, 3.0, 4.25], ["b", 1.0, 0.0, 0.0, 1e-3, 7.0]],
    [],
    [['"é,', 0.5, -3.0, -2.0, 5.0, 6.0]],
]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_boxes_come_back_from_every_kind_of_file(tmp_path, suffix):
    write_table(tmp_path / f"out.{suffix}", Table({"id": ["x", "y", "z"], "boxes": CELLS}), KINDS)
    back = read_table(tmp_path / f"out.{suffix}", KINDS)
    check_cells(back, KINDS)
    assert list(back.columns["boxes"]) == CELLS


def test_true_boxes_need_no_score_and_objects_are_boxes_too():
    assert parse_boxes('[["a", 1, 2, 3, 4]]') == [["a", 1.0, 1.0, 2.0, 3.0, 4.0]]
    assert parse_boxes([{"label": 7.0, "x0": 1, "y0": 2, "x1": 3, "y1": 4}]) == [["7", 1.0, 1.0, 2.0, 3.0, 4.0]]


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ([["a", 0.5, 0, 0, 1]], "no list of boxes"),
        ([["", 0.5, 0.0, 0.0, 1.0, 1.0]], "box 1 has no label"),
        ([["z", 0.5, 0.0, 0.0, 1.0, 1.0]], "'z' of box 1 is not among the known"),
        ([["a", float("nan"), 0.0, 0.0, 1.0, 1.0]], "box 1 is not finite"),
        ([["a", 0.5, 0.0, 0.0, 1.0, 1.0], ["a", 0.5, 2.0, 0.0, 2.0, 1.0]], "box 2 has no area: x 2 to 2"),
        ([["a", 0.5, 0.0, 1.0, 1.0, 0.0]], "no area"),
        ([["a", 0.5, 0.0, 0.0, 1.0, 1.0]] * (MOST_BOXES + 1), f"more than {MOST_BOXES}"),
        (None, "the boxes is missing"),
    ],
)
def test_wrong_cells_name_row_and_column(cell, sentence):
    table = Table({"id": ["one", "two"], "boxes": [[], cell]})
    with pytest.raises(ScoreError, match=sentence) as caught:
        check_cells(table, KINDS, labels=["a"])
    assert "'two', column 'boxes'" in str(caught.value)


@pytest.mark.parametrize(
    "raw", ["[1, 2]", "{", "7", '[["a", 1, 2, 3]]', '[["a", 1, 2, 3, "x"]]', '[{"label": "a"}]', "[" * 9999]
)
def test_what_is_no_list_of_boxes_is_one_sentence(raw, tmp_path):
    with pytest.raises(ValueError, match=r"box|list"):
        parse_boxes(raw)
    (tmp_path / "in.csv").write_text('id,boxes\nq,"' + raw.replace('"', '""') + '"\n')
    with pytest.raises(ScoreError, match="line 2, column 'boxes'"):
        read_table(tmp_path / "in.csv", KINDS)


def test_overlap_of_boxes_apart_touching_equal_and_half():
    one = np.array([[0.0, 0.0, 10.0, 10.0]])
    others = np.array([[20, 20, 30, 30], [10, 0, 20, 10], [0, 0, 10, 10], [0, 0, 10, 5]], dtype=float)
    assert iou_of(one, others).tolist() == [[0.0, 0.0, 1.0, 0.5]]
    assert iou_of(np.zeros((0, 4)), one).shape == (0, 1)


def test_of_overlapping_boxes_the_surest_stays_and_what_it_silenced_silences_nothing():
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], dtype=float)  # each overlaps the next by 3/7
    assert suppressed(boxes, np.array([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2]
    assert suppressed(boxes, np.array([0.5, 0.8, 0.7]), 0.4).tolist() == [1]
    assert suppressed(boxes[:0], np.zeros(0), 0.4).tolist() == []


def test_boxes_in_words():
    assert said_boxes(CELLS[0] + [["b", 0.2, 0, 0, 1, 1]]) == "b × 2, a cat"
    assert said_boxes(CELLS[0], 0.5) == "b"
    assert said_boxes([]) == "–"
    assert box_fault([]) is None
