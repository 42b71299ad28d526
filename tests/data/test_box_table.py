"""Boxes in a CSV, one a line: what the columns may be called, what is left out, and `dojo new` from it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

import deepdojo as dd
from deepdojo.data.check import check
from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Files
from deepdojo.data.readers import read
from deepdojo.errors import DataError

HEAD = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")


def table(folder: Path, lines, head=HEAD, name="labels.csv", pictures=()):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(pictures):
        Image.new("RGB", (40, 30), (9 * i % 256, 40, i)).save(folder / "images" / picture)
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows([head, *lines])
    return folder / name


def rows_of(folder, lines, **options):
    table(folder, lines, pictures=["a.png", "b.png"], **options)
    return list(read("box_table", Files([folder]), file="labels.csv", images="images/{file_name}"))


@pytest.mark.parametrize("head", [HEAD, ("Image", "w", "h", "Label", "x1", "y1", "x2", "y2")])
def test_lines_of_a_picture_are_one_row(tmp_path, head):
    lines = [("a.png", 40, 30, "cat", 1, 2, 11, 12), ("b.png", 40, 30, "", "", "", "", ""),
             ("a.png", 40, 30, "dog", 5, 5, 99, 20)]  # fmt: skip
    one, two = rows_of(tmp_path, lines, head=head)
    assert one.cells["boxes"] == [["cat", 1, 1, 2, 11, 12], ["dog", 1, 5, 5, 40, 20]]
    assert (two.cells["file_name"], two.cells["boxes"]) == ("b.png", [])
    assert (one.cells["width"], one.cells["height"]) == (40, 30)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (("a.png", 40, 30, "cat", 5, 5, 5, 9), "no area"),
        (("a.png", 40, 30, "", 1, 2, 3, 4), ""),
        (("a.png", 40, 30, "cat", "x", 2, 3, 4), ""),
        (("", 40, 30, "cat", 1, 2, 3, 4), "names no picture"),
        (("c.png", 40, 30, "cat", 1, 2, 3, 4), "is not there"),
    ],
)
def test_a_line_that_cannot_be_used_costs_itself_alone(tmp_path, line, reason):
    rows = rows_of(tmp_path, [("b.png", 40, 30, "cat", 1, 2, 3, 4), line])
    bad = [row for row in rows if row.reject is not None]
    assert [row.line for row in bad] == [3]
    assert reason in bad[0].reject
    assert any(row.cells.get("boxes") == [["cat", 1, 1, 2, 3, 4]] for row in rows)


def test_a_table_of_another_size_is_of_other_pictures(tmp_path):
    assert rows_of(tmp_path, [("a.png", 80, 60, "cat", 1, 2, 3, 4)])[0].reject is not None


def test_a_table_without_boxes_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="no columns of boxes"):
        rows_of(tmp_path, [("a.png", 3)], head=("filename", "size"))


def many(first, n):
    return [(f"{i}.png", 40, 30, "cat", 1 + i % 5, 2, 20, 22) for i in range(first, first + n)]


@pytest.mark.parametrize("given", ["file", "folder"])
def test_dojo_new_takes_a_table_of_boxes(tmp_path, given):
    path = table(tmp_path / "d", many(0, 25), pictures=[f"{i}.png" for i in range(25)])
    project, _ = dd.new(tmp_path / "p", path if given == "file" else path.parent)
    assert (project.spec.task, project.spec.data.reader) == ("detection", "box_table")
    data = load_dataset(project)
    assert data.n == 25
    assert not check(data).errors


def test_dojo_new_takes_tables_of_both_parts(tmp_path):
    table(tmp_path / "d", many(20, 5), name="test_labels.csv", pictures=[f"{i}.png" for i in range(25)])
    table(tmp_path / "d", many(0, 20), name="train_labels.csv")
    data = load_dataset(dd.new(tmp_path / "p", tmp_path / "d")[0])
    assert {row["id"] for row in data.rows("test")} == {f"{i}.png" for i in range(20, 25)}
