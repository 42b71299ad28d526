"""From a folder to rows in parts."""

from __future__ import annotations

import io
import json
import sys
import time

import numpy as np
import pytest
from PIL import Image

from deepdojo.data.cells import MISSING, is_missing, parse_number, plain_number
from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Media
from deepdojo.data.project import find_project, save_project
from deepdojo.errors import ConsentError, DataError, ProjectError, UnknownNameError, UsageError

SPLITS = ("train", "validation", "test")


def dataset(folder, files, *, trusted=False, split_of=None, overrides=None, **spec):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return load_dataset(save_project(folder, spec), trusted=trusted, split_of=split_of, overrides=overrides)


def table(n=100, label=lambda i: "yes" if i % 3 else "no"):
    lines = [f"{i},{i * 0.5},word{i % 7},{label(i)},g{i // 5},{i % 50}" for i in range(1, n + 1)]
    return "\n".join(["key,x,w,y,who,t", *lines]) + "\n"


TABLE = {"task": "tabular-classification", "data": {"file": "t.csv"}, "columns": {"label": "y"}}


def all_rows(data):
    return [row for split in SPLITS for row in data.rows(split)]


def test_a_table(tmp_path):
    data = dataset(tmp_path, {"t.csv": table()}, **TABLE)
    assert data.n == 100
    assert {row["id"] for row in all_rows(data)} == {str(i) for i in range(1, 101)}
    row = data.rows("train")[0]
    assert list(row) == ["id", "features", "label"]
    assert list(row["features"]) == ["key", "x", "w", "who", "t"]
    assert all(list(row) == ["id", "features"] for row in data.rows("test"))
    assert data.truth("test")[0].keys() == {"id", "label"}
    assert data.where("1") == ("t.csv", 2)
    assert data.groups("test") is None
    assert set(data.files) == {"t.csv"}
    assert data.split_of[row["id"]] == "train"
    with pytest.raises(UsageError, match="no split 'tets'"):
        data.rows("tets")


def test_columns_ids_and_drop(tmp_path):
    spec = {**TABLE, "data": {"file": "t.csv", "id": "key"}, "columns": {"label": "y", "drop": ["w"], "features": "*"}}
    data = dataset(tmp_path, {"t.csv": table()}, **spec)
    assert list(data.rows("train")[0]["features"]) == ["x", "who", "t"]
    spec["columns"] = {"label": "y", "features": ["t", "x"]}
    assert list(dataset(tmp_path, {}, **spec).rows("train")[0]["features"]) == ["t", "x"]
    for columns in ({"label": "y", "features": ["xx"]}, {"label": "yy"}, {"label": "y", "drop": ["xx"]}):
        with pytest.raises(UnknownNameError, match="column"):
            dataset(tmp_path, {}, **{**spec, "columns": columns})


@pytest.mark.parametrize(("main", "side"), [("1,5;2,5", "0.622"), ("1.5;2.5", "0,622")])
def test_tables_side_by_side_keep_their_own_decimal_signs(tmp_path, main, side):
    files = {"x.csv": "k;a;b\n" + "".join(f"{i};{main}\n" for i in range(9)), "y.csv": "c;y\n" + f"{side};{side}\n" * 9}
    spec = {"task": "tabular-regression", "data": {"file": "x.csv", "id": "k", "beside": [{"file": "y.csv"}]}}
    for features in ("*", ["a", "b", "c"]):
        data = dataset(tmp_path, files, **spec, columns={"value": "y", "features": features})
        row = data.rows("train")[0]
        assert {name: parse_number(cell) for name, cell in row["features"].items()} == {"a": 1.5, "b": 2.5, "c": 0.622}
        assert row["value"] == 0.622


def test_rows_of_equal_input_are_never_parted(tmp_path):
    lines = [f"{i % 30},word,{'a' if i % 2 else 'b'}" for i in range(300)]
    data = dataset(tmp_path, {"t.csv": "\n".join(["x,w,y", *lines])}, **TABLE)
    sides: dict = {}
    for split in SPLITS:
        for row in data.rows(split):
            sides.setdefault(row["features"]["x"], set()).add(split)
    assert all(len(side) == 1 for side in sides.values())
    assert len(data.rows("test")) > 20


def test_an_inserted_line_moves_no_other_row(tmp_path):
    spec = {**TABLE, "split": {"stratify": False}}
    before = dataset(tmp_path, {"t.csv": table(200)}, **spec)
    head, *lines = table(200).splitlines()
    after = dataset(tmp_path, {"t.csv": "\n".join([head, "999,9,new,no,g,1", *lines])}, **spec)
    side = [{row["features"]["key"]: s for s in SPLITS for row in d.rows(s)} for d in (before, after)]
    assert all(side[1][key] == part for key, part in side[0].items())


def test_missing_and_wrong_cells(tmp_path):
    cells = ["1.5", "NA", "?", "inf", "-", " 2 ", "text", "1,234.5"]
    lines = [f'"{cell}",{i},{i}' for i, cell in enumerate(cells)] + [",9,x", "1,9,", "1,9,inf", "1,9,NA"]
    spec = {"task": "tabular-regression", "data": {"file": "t.csv"}, "columns": {"value": "y"}}
    data = dataset(tmp_path, {"t.csv": "\n".join(["x,k,y", *lines])}, **spec)
    found = {row["features"]["k"]: row["features"]["x"] for row in all_rows(data)}
    assert [found[str(k)] for k in range(8)] == ["1.5", None, None, "inf", None, "2", "text", "1234.5"]
    assert [(r.file, r.line, r.id, r.reason) for r in data.rejected] == [
        ("t.csv", 10, "9", "the value 'x' is not a finite number"),
        ("t.csv", 11, "10", "the value is missing"),
        ("t.csv", 12, "11", "the value 'inf' is not a finite number"),
        ("t.csv", 13, "12", "the value is missing"),
    ]


def test_decimal_commas_become_points(tmp_path):
    lines = [f"{i},5;wort, wort;{i},25" for i in range(20)]
    spec = {"task": "tabular-regression", "data": {"file": "t.csv"}, "columns": {"value": "y"}}
    data = dataset(tmp_path, {"t.csv": "\n".join(["x;w;y", *lines])}, **spec)
    rows = {row["id"]: row for row in all_rows(data)}
    assert rows["4"]["features"] == {"x": "3.5", "w": "wort, wort"}
    truths = {row["id"]: row["value"] for split in SPLITS for row in data.truth(split)}
    assert truths["4"] == 3.25


def test_labels(tmp_path):
    text = "x,y\n" + "".join(f"{i},{i % 3}\n" for i in range(60)) + "1, \n2,NA\n3,None\n"
    spec = {**TABLE, "labels": {"names": ["zero", "one"]}}
    data = dataset(tmp_path, {"t.csv": text}, **spec)
    labels = {row["label"] for split in SPLITS for row in data.truth(split)}
    assert labels == {"zero", "one", "2", "None"}  # a label without a name keeps its own; "None" may be a class
    assert [r.line for r in data.rejected] == [62, 63]


def test_what_is_rejected_and_where_rows_go_do_not_depend_on_held_out_labels(tmp_path):
    spec = {**TABLE, "data": {"file": "t.csv", "id": "key"}}
    data = dataset(tmp_path, {"t.csv": table() + "101,x,y\n102,1,w,,g,1\n"}, **spec)
    held = {row["id"] for row in data.rows("test")}
    changed = table(label=lambda i: f"other {i % 2}" if str(i) in held else ("yes" if i % 3 else "no"))
    again = dataset(tmp_path, {"t.csv": changed + "101,x,y\n102,1,w,,g,1\n"}, split_of=data.split_of, **spec)
    assert again.split_of == data.split_of
    assert again.rejected == data.rejected
    assert again.rows("train") == data.rows("train")
    assert again.rows("test") == data.rows("test")
    assert again.digest("test") != data.digest("test")
    assert again.digest("train") == data.digest("train")
    with pytest.raises(DataError, match="1 rows are not in the recorded split"):
        dataset(tmp_path, {"t.csv": table(101)}, split_of=data.split_of, **spec)


def test_doubled_ids_name_both_lines(tmp_path):
    text = "key,x,y\n1,1,a\n2,2,b\n1,3,a\n"
    with pytest.raises(DataError, match=r"two rows have the id '1' \(t.csv:2 and t.csv:4\)"):
        dataset(tmp_path, {"t.csv": text}, **{**TABLE, "data": {"file": "t.csv", "id": "key"}})


def test_no_row_left_says_why(tmp_path):
    with pytest.raises(DataError, match=r"none of the 2 rows can be used; the first one: the line has 3 cells"):
        dataset(tmp_path, {"t.csv": "x,y\n1,2,3\n1,2,3\n"}, **{**TABLE, "data": {"file": "t.csv", "delimiter": ","}})


def test_given_files_for_the_parts(tmp_path):
    parts = {"train": {"file": "a.csv"}, "test": {"file": "b.csv"}}
    data = dataset(
        tmp_path, {"a.csv": table(), "b.csv": table(20)}, **{**TABLE, "data": {"reader": "csv", "split": parts}}
    )
    assert {row["id"] for row in data.rows("test")} == {f"test-{i}" for i in range(1, 21)}
    assert len(data.rows("train")) + len(data.rows("validation")) == 100
    assert len(data.rows("validation")) == 10
    with pytest.raises(DataError, match=r"two rows have the id '1' \(a.csv:2 and b.csv:2\)"):
        dataset(tmp_path, {}, **{**TABLE, "data": {"id": "key", "split": parts}})


def test_groups_stay_together(tmp_path):
    data = dataset(tmp_path, {"t.csv": table(300)}, **TABLE, split={"group": "who"})
    assert "who" not in data.rows("train")[0]["features"]
    groups = {split: set(data.groups(split).tolist()) for split in SPLITS}
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["validation"]
    assert not groups["test"] & groups["validation"]
    assert len(data.groups("test")) == len(data.rows("test"))
    assert len(groups["test"]) > 3


def test_by_time_by_value_and_by_folds(tmp_path):
    files = {"t.csv": table(200) + "201,1,w,yes,g,\n"}
    data = dataset(tmp_path, files, **TABLE, split={"order": "t"})
    times = {split: [int(row["features"]["t"]) for row in data.rows(split)] for split in SPLITS}
    assert max(times["train"]) < min(times["validation"]) <= max(times["validation"]) < min(times["test"])
    assert data.rejected[0].reason == "the column t, by which rows are split, is empty"
    data = dataset(tmp_path, files, **TABLE, split={"test": {"column": "w", "values": ["word3"]}})
    assert {row["features"]["w"] for row in data.rows("test")} == {"word3"}
    tested = []
    for fold in range(4):
        data = dataset(tmp_path, files, **TABLE, split={"folds": 4}, overrides={"split.fold": fold})
        tested += [row["id"] for row in data.rows("test")]
    assert sorted(tested) == sorted(str(i) for i in range(1, 202))


def test_jsonl_rows_may_lack_keys(tmp_path):
    lines = [
        json.dumps({"y": i % 2 == 0, "a": i, **({"b": float("nan") if i % 4 else "x"} if i % 3 else {})})
        for i in range(40)
    ]
    data = dataset(tmp_path, {"t.jsonl": "\n".join(lines)}, **{**TABLE, "data": {"file": "t.jsonl"}})
    assert all(list(row["features"]) in (["a", "b"], ["b", "a"]) for row in all_rows(data))
    assert data.truth("test")[0]["label"] in ("true", "false")
    rows = {row["id"]: row["features"] for row in all_rows(data)}
    assert rows["1"] == {"a": 0.0, "b": None}
    assert rows["5"] == {"a": 4.0, "b": "x"}
    with pytest.raises(UnknownNameError, match="no column is named 'yy'"):
        dataset(tmp_path, {}, **{**TABLE, "data": {"file": "t.jsonl"}, "columns": {"label": "yy"}})


def test_texts(tmp_path):
    text = "title,body,y\n" + "".join(f"t{i},b {i},{i % 2}\n" for i in range(40)) + ",,1\nNA,,0\n"
    spec = {
        "task": "text-classification",
        "data": {"file": "t.csv"},
        "columns": {"text": ["title", "body"], "label": "y"},
    }
    data = dataset(tmp_path, {"t.csv": text}, **spec)
    texts = {row["id"]: row["text"] for row in all_rows(data)}
    assert texts["1"] == "t0 b 0"
    assert texts["42"] == "NA"
    assert [(r.line, r.reason) for r in data.rejected] == [(42, "the text is empty")]


def png(value, size=(3, 2)):
    out = io.BytesIO()
    Image.new("L", size, value).save(out, "PNG")
    return out.getvalue()


def test_image_folders(tmp_path):
    files = {f"pics/{'cat' if i % 2 else '狗 '}/{i % 20} {i}.png": png(i % 20) for i in range(40)}
    files |= {"pics/cat/.DS_Store": b"x", "pics/cat/Thumbs.db": b"x", "pics/__MACOSX/cat/._1.png": b"x"}
    spec = {
        "task": "image-classification",
        "data": {"glob": "pics/*/*"},
        "columns": {"image": "file", "label": "folder"},
    }
    data = dataset(tmp_path, files, **spec)
    assert data.n == 40
    row = data.rows("train")[0]
    assert isinstance(row["image"], Media)
    assert row["id"] == row["image"].name
    assert data.where(row["id"]) == (row["id"], None)
    assert {row["label"] for row in data.truth("test")} <= {"cat", "狗 ".strip()}
    assert data.notes == ["2 system files were left out (pics/cat/.DS_Store, pics/cat/Thumbs.db)"]
    assert list(data.files) == ["pics/*/*"]
    sides: dict = {}
    for split in SPLITS:
        for each in data.rows(split):
            sides.setdefault(each["image"].read(), set()).add(split)
    assert all(len(side) == 1 for side in sides.values())  # equal pictures under two names


def test_a_picture_that_cannot_be_decoded_moves_to_the_rejected(tmp_path):
    files = {f"{i % 2}/{i}.png": png(i) for i in range(30)}
    spec = {"task": "image-classification", "data": {"glob": "*/*"}, "columns": {"image": "file", "label": "folder"}}
    data = dataset(tmp_path, files, **spec)
    for split in ("train", "test"):
        gone, n = data.rows(split)[0]["id"], len(data.rows(split))
        data.reject(gone, "the picture is broken")
        assert len(data.rows(split)) == len(data.truth(split)) == n - 1
        assert gone not in data.split_of
        assert (data.rejected[-1].id, data.rejected[-1].file) == (gone, gone)
    data.reject("never there", "x")
    assert data.n == 28


def test_pictures_that_a_table_names(tmp_path):
    files = {f"images/{i}.png": png(i) for i in range(20)}
    files["t.csv"] = "name,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20)) + "99,1\n../t.csv,0\n,1\n"
    columns = {"image": {"column": "name", "file": "images/{}.png"}, "label": "y"}
    data = dataset(tmp_path, files, task="image-classification", data={"file": "t.csv"}, columns=columns)
    assert data.n == 20
    assert [(r.line, r.reason) for r in data.rejected] == [
        (22, "the picture images/99.png is not there"),
        (23, "the picture images/../t.csv.png is not there"),
        (24, "no picture is named"),
    ]
    assert sorted(data.files) == ["images/{}.png", "t.csv"]


def test_pixels_in_columns(tmp_path):
    lines = [",".join(map(str, [*range(i, i + 6), i % 2])) for i in range(12)] + ["1,2,3,x,5,6,0", "1,2,3,999,5,6,0"]
    columns = {"image": {"columns": [0, 5], "shape": [2, 3], "scale": 10}, "label": "6"}
    data_spec = {"file": "t.csv", "header": False, "delimiter": ","}
    data = dataset(tmp_path, {"t.csv": "\n".join(lines)}, task="image-classification", data=data_spec, columns=columns)
    rows = {row["id"]: row["image"] for row in all_rows(data)}
    assert rows["1"].dtype == np.uint8
    assert rows["1"].tolist() == [[0, 10, 20], [30, 40, 50]]
    assert [r.reason for r in data.rejected] == ["a pixel is not a number", "a pixel is not within 0 to 255"]
    columns["image"]["columns"] = [0, 9]
    with pytest.raises(ProjectError, match=r"takes columns 0 to 9 for 2 x 3 pixels, the file has 7 columns"):
        dataset(tmp_path, {}, task="image-classification", data=data_spec, columns=columns)


def test_a_python_reader(tmp_path):
    code = "def read(files):\n    for i in range(30):\n        yield {'text': f'word {i}', 'label': i % 2}\n"
    spec = {"task": "text-classification", "data": {"reader": "python:r.py"}}
    with pytest.raises(ConsentError):
        dataset(tmp_path, {"r.py": code}, **spec)
    data = dataset(tmp_path, {}, trusted=True, **spec)
    assert data.n == 30
    assert {row["label"] for row in data.truth("test")} <= {"0", "1"}


def test_the_split_is_written_and_read_back(tmp_path):
    from deepdojo.tables import read_table

    data = dataset(tmp_path, {"t.csv": table()}, **TABLE)
    data.write_split(tmp_path / "split.parquet")
    columns = read_table(tmp_path / "split.parquet", {"split": "label"}).columns
    assert dict(zip(columns["id"], columns["split"], strict=True)) == data.split_of


def test_the_digest_follows_ids_and_targets_and_nothing_else(tmp_path):
    data = dataset(tmp_path, {"t.csv": table()}, **TABLE)
    recipe = dataset(tmp_path, {"t.csv": table().replace("word", "sign")}, split_of=data.split_of, **TABLE)
    assert recipe.digest("test") == data.digest("test")
    data.reject(data.rows("test")[0]["id"], "x")
    assert recipe.digest("test") != data.digest("test")


def test_paths_with_blanks_and_chinese_characters(tmp_path):
    folder = tmp_path / "my data 数据"
    folder.mkdir()
    (tmp_path / "源 1").mkdir()
    (tmp_path / "源 1" / "t.csv").write_text(table(), encoding="utf-8")
    data = dataset(folder, {}, **TABLE, source={"path": "../源 1/t.csv"})
    assert data.n == 100


def test_a_hundred_thousand_rows_load_in_seconds(tmp_path):
    start = time.process_time()
    data = dataset(tmp_path, {"t.csv": table(100_000)}, **TABLE)
    assert data.n == 100_000
    assert time.process_time() - start < 15


def test_torch_stays_out():
    import subprocess

    modules = "deepdojo.data.dataset, deepdojo.data.new_files, deepdojo.data.readers.csv_reader"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ----- cells


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("3.5", ".", 3.5), (" -2e3 ", ".", -2000.0), ("1,234,567.5", ".", 1234567.5), ("3,5", ".", None),
        ("3,5", ",", 3.5), ("1.234,5", ",", 1234.5), ("1 234,5", ",", 1234.5), ("3.5", ",", None),
        ("1'234.5", ".", 1234.5), ("1_000", ".", None), ("inf", ".", None), ("NaN", ".", None), ("", ".", None),
        ("1e999", ".", None), ("12a", ".", None), (".", ".", None), ("5.", ".", 5.0), (".5", ".", 0.5), (7, ".", 7.0),
        (float("nan"), ".", None), (None, ".", None),
    ],
)  # fmt: skip
def test_numbers(text, decimal, value):
    assert parse_number(text, decimal) == value
    if isinstance(text, str) and value is not None:
        assert float(plain_number(text, decimal)) == value


def test_missing_cells():
    assert all(is_missing(f" {word} ") for word in MISSING)
    assert not any(map(is_missing, ["0", "none at all", 0.0, False]))
    assert is_missing(None)
    assert is_missing(float("nan"))


# ----- the built-in projects


@pytest.mark.parametrize(
    ("name", "n", "classes"), [("digits", 1797, 10), ("breast-cancer", 569, 2), ("diabetes-progression", 442, None)]
)
def test_bundled_projects_load_offline(name, n, classes):
    data = load_dataset(find_project(name), offline=True)
    assert data.n == n == data.project.spec.rows
    assert data.rejected == []
    truth = [row for split in SPLITS for row in data.truth(split)]
    if classes is not None:
        assert len({row["label"] for row in truth}) == classes
    assert 0.2 < len(data.rows("test")) / n < 0.32


def test_digits_equal_scikit_learns():
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

    def whole(name, role):
        data = load_dataset(find_project(name), offline=True)
        rows = {row["id"]: row[role] for row in all_rows(data)}
        truth = {row["id"]: row for split in SPLITS for row in data.truth(split)}
        ids = [str(i + 1) for i in range(data.n)]
        return [rows[i] for i in ids], [truth[i] for i in ids]

    pixels, truth = whole("digits", "image")
    wanted = load_digits()
    assert np.array_equal(np.stack(pixels), wanted.images * 15)
    assert [int(row["label"]) for row in truth] == wanted.target.tolist()
    records, truth = whole("breast-cancer", "features")
    cancer = load_breast_cancer()
    assert list(records[0]) == cancer.feature_names.tolist()
    assert np.array_equal([[float(v) for v in r.values()] for r in records], cancer.data)
    assert [row["label"] for row in truth] == cancer.target_names[cancer.target].tolist()
    records, truth = whole("diabetes-progression", "features")
    diabetes = load_diabetes(scaled=False)
    assert np.array_equal([[float(v) for v in r.values()] for r in records], diabetes.data)
    assert [row["value"] for row in truth] == diabetes.target.tolist()
