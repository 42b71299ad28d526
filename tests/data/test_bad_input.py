"""What is wrong with a user's data: left out, counted and listed, or refused in one sentence."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from deepdojo.data.cells import is_infinite, parse_number
from deepdojo.data.check import check
from deepdojo.data.codecs.columns import Columns
from deepdojo.data.dataset import load_dataset
from deepdojo.data.infer.source import infer
from deepdojo.data.new import create
from deepdojo.data.project import save_project
from deepdojo.errors import DataError, SourceError

TABLE = {"task": "tabular-classification", "data": {"file": "t.csv"}, "columns": {"label": "y"}}


def dataset(folder, files, **spec):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return load_dataset(save_project(folder, spec))


def png(side=4, colour=0):
    out = io.BytesIO()
    Image.new("RGB", (side, side), (colour, colour, colour)).save(out, "PNG")
    return out.getvalue()


IMAGES = {
    "task": "image-classification",
    "data": {"reader": "files", "glob": "*/*.{png,jpg}", "pattern": "^(?P<label>[^/]+)/"},
    "columns": {"image": "file", "label": "label"},
}


def test_what_is_no_picture_is_left_out_before_the_split(tmp_path):
    """Found while packing only, a class of broken files was trained on as if it were there."""
    files = {f"{c}/{i}.png": png(colour=i + 20 * (c == "b")) for c in "ab" for i in range(20)}
    files |= {"a/text.png": b"no picture", "b/empty.jpg": b"", "b/cut.png": png()[:20]}
    data = dataset(tmp_path, files, **IMAGES)
    assert data.n == 40
    reasons = {r.file: r.reason for r in data.rejected}
    assert reasons["a/text.png"] == "this is no picture: it is a text file"
    assert reasons["b/empty.jpg"] == "the picture's file is empty"
    assert set(reasons) == {"a/text.png", "b/empty.jpg", "b/cut.png"}


def test_a_link_that_leads_nowhere_is_left_out(tmp_path):
    files = {f"{c}/{i}.png": png(colour=i + 20 * (c == "b")) for c in "ab" for i in range(10)}
    (tmp_path / "a").mkdir()
    (tmp_path / "a/link.png").symlink_to("nowhere.png")
    data = dataset(tmp_path, files, **IMAGES)
    assert [(r.file, r.reason.startswith("there is no file 'a/link.png'")) for r in data.rejected] == [
        ("a/link.png", True)
    ]
    assert data.n == 20
    assert len(data.files) == 1  # the digest leaves it out too


def test_a_folder_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    """os.walk passes over it: a whole class would be missing in silence."""

    def refuse(top, onerror=None, **_):
        onerror(PermissionError(13, "Permission denied", f"{top}/b"))
        return iter([(str(top), [], [])])

    monkeypatch.setattr("deepdojo.data.files.os.walk", refuse)
    with pytest.raises(SourceError, match=r"b: the folder cannot be read \(Permission denied\)"):
        dataset(tmp_path, {"a/1.png": png()}, **IMAGES)


@pytest.mark.parametrize("cell", ["1e300", "-1e300", "1e999", "inf", "-Infinity", "∞", float("inf"), 1e300])
def test_numbers_that_nothing_can_be_computed_with_are_infinite(cell):
    """1e300 is finite, its square is not: mean, spread and loss became NaN."""
    assert parse_number(cell) is None
    assert is_infinite(str(cell))


@pytest.mark.parametrize("cell", ["1e99", "6.02e23", "1,234e5", "west", "nine", "2e", ""])
def test_other_cells_are_not_infinite(cell):
    assert not is_infinite(cell)


def test_a_target_too_large_to_compute_with_is_left_out(tmp_path):
    text = "x,y\n" + "".join(f"{i},{i * i}\n" for i in range(50)) + "9,1e300\n"
    data = dataset(tmp_path, {"t.csv": text}, task="tabular-regression", data={"file": "t.csv"}, columns={"value": "y"})
    (rejected,) = data.rejected
    assert (rejected.line, rejected.reason) == (52, "the value '1e300' is not a finite number below 1e+100")


def test_a_word_among_numbers_is_missing_as_the_floors_read_it():
    """One slip of the pen made a column of numbers one of a thousand words for the network alone."""
    records = [{"x": str(i / 7)} for i in range(99)] + [{"x": "12 kg"}]
    columns = Columns.fit(records)
    assert [c.name for c in columns.numbers] == ["x"]
    assert columns.numbers[0].gaps
    assert columns.encode({"x": "12 kg"})[0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("text", ['[{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]\n', '[\n{"x": 1}\n]\n'])
def test_a_json_list_is_named_as_such(tmp_path, text):
    with pytest.raises(DataError, match="is one JSON list, not one object a line; write one object a line"):
        dataset(tmp_path, {"t.jsonl": text}, task="tabular-classification", data={"file": "t.jsonl"},
                columns={"label": "y"})  # fmt: skip


@pytest.mark.parametrize(("mark", "kind"), [(b"PK\x03\x04", "an Excel file"), (b"\x89PNG\r\n\x1a\n", "a picture")])
def test_a_file_that_is_no_text_is_named_as_what_it_is(tmp_path, mark, kind):
    """An .xlsx renamed to .csv: the message spoke of a carriage return inside a cell."""
    with pytest.raises(DataError, match=f"t.csv: this is no text, but .*{kind}; export it as CSV"):
        dataset(tmp_path, {"t.csv": mark + bytes(range(256))}, **TABLE)


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_delimiter_at_the_end_of_each_line_is_no_cell(tmp_path, sign):
    lines = ["a,b,y"] + [f"{i},{i * 3 % 7},{'no' if i % 2 else 'yes'}," for i in range(60)]
    lines[5] += "more"
    data = dataset(tmp_path, {"t.csv": "\n".join(lines).replace(",", sign) + "\n"}, **TABLE)
    assert data.n == 59
    assert [(r.line, r.reason) for r in data.rejected] == [(6, "the line has 4 cells, 3 are expected")]
    assert set(data.rows("train")[0]["features"]) == {"a", "b"}


def test_numbers_with_too_many_words_among_them_are_pointed_out(tmp_path):
    lines = ["a,b,y"] + [f"{i}{' kg' if i % 9 == 0 else ''},{i % 5},{'no' if i % 2 else 'yes'}" for i in range(200)]
    found = check(dataset(tmp_path, {"t.csv": "\n".join(lines)}, **TABLE))
    (problem,) = [p for p in found.problems if p.kind == "numbers as text"]
    assert problem.what.startswith("column 'a' is read as words: ")
    assert problem.todo == "mend or empty the others, and it is read as numbers"


def test_a_damaged_id_column_is_no_feature_and_is_named(tmp_path):
    lines = ["id,b,y"] + [f"r{i},{i % 5},{'no' if i % 3 else 'yes'}" for i in range(60)]
    lines[9] = lines[9].replace("r8,", "r7,")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    found = infer(tmp_path / "t.csv", target="y")
    assert "id: row numbers from 1 (in id, 'r7' occurs more than once)" in found.said
    assert found.spec["columns"]["drop"] == ["id"]


def test_one_list_in_a_column_of_json_lines_does_not_cost_the_column(tmp_path):
    lines = [f'{{"a": {i % 11}, "b": {i % 5}, "y": "{"no" if i % 3 else "yes"}"}}' for i in range(60)]
    lines[4] = '{"a": [1, 2], "b": 3, "y": "no"}'
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    assert "drop" not in infer(tmp_path / "t.jsonl", target="y").spec["columns"]


def test_what_new_leaves_out_of_a_folder_of_images_is_said_and_listed(tmp_path):
    photos = tmp_path / "photos"
    for c in "ab":
        (photos / c).mkdir(parents=True)
        for i in range(10):
            (photos / c / f"{i}.png").write_bytes(png(colour=i + 20 * (c == "b")))
    (photos / "loose.png").write_bytes(png(colour=99))
    (photos / "a/phone.heic").write_bytes(b"x")
    (photos / "a/link.png").symlink_to("nowhere.png")
    project, said = create(tmp_path / "p", photos, copy=True)
    assert "1 image lies in no class folder: left out" in said
    assert "left out by their ending: 1 .heic" in said
    assert "not copied, because the link leads nowhere: a/link.png" in said
    assert not (tmp_path / "p/data/photos/a/link.png").exists()
    rejected = {r.file: r.reason for r in load_dataset(project).rejected}
    assert rejected["loose.png"] == "the name does not match data.pattern"


@pytest.mark.parametrize("given", [True, False])
def test_held_out_images_without_classes_are_refused_before_a_project_is_made(tmp_path, given):
    for folder in ("train/a", "train/b"):
        (tmp_path / "pics" / folder).mkdir(parents=True)
        for i in range(6):
            Image.new("L", (8, 8), 40 * i).save(tmp_path / "pics" / folder / f"{i}.png")
    held_out = tmp_path / ("unnamed" if given else "pics/test")
    held_out.mkdir()
    for i in range(3):
        Image.new("L", (8, 8), 9 * i).save(held_out / f"{i}.png")
    source, test = (tmp_path / "pics/train", held_out) if given else (tmp_path / "pics", None)
    with pytest.raises(DataError, match=r"3 files of the test part lie in no class folders.*dojo predict RUN FOLDER"):
        create(tmp_path / "p", source, test=test)
    assert not (tmp_path / "p").exists()


def test_blank_lines_are_no_header(tmp_path):
    with pytest.raises(DataError, match=r"t\.csv: the file holds blank lines only; export it again"):
        dataset(tmp_path, {"t.csv": "\n\n \n"}, **TABLE)
