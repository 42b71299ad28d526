"""`dojo new`: what is inferred from a user's data, that it is said and written, and that the project loads."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from deepdojo.data.dataset import load_dataset
from deepdojo.data.infer.source import infer
from deepdojo.data.new import create
from deepdojo.data.project import find_project
from deepdojo.errors import DataError, DojoError, ProjectError, UnknownNameError, UsageError

REVIEW_WORDS = list("abcdefghijklmnop")


def write_csv(path: Path, rows: list[dict], delimiter: str = ",", encoding: str = "utf-8", header: bool = True) -> Path:
    import csv

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        if header:
            writer.writeheader()
        writer.writerows(rows)
    return path


def test_parquet_booleans_are_the_same_classes_here_and_in_a_run(tmp_path):
    import duckdb

    source = tmp_path / "t.parquet"
    with duckdb.connect(":memory:") as database:
        query = "SELECT i * 37 % 101 AS x, i % 3 = 0 AS odd, i % 2 = 0 AS y FROM range(60) t(i)"
        database.execute(f"COPY ({query}) TO '{source}' (FORMAT parquet)")
    project, said = create(tmp_path / "p", source)
    assert project.spec.task == "tabular-classification"
    text = " ".join(said)
    assert "true" in text
    assert "True" not in text
    assert "quantity" not in text
    data = load_dataset(project)
    assert {row["label"] for row in data.rows("train")} == {"true", "false"}
    assert {row["features"]["odd"] for row in data.rows("train")} == {"true", "false"}


def reviews(n: int = 60, seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    return [
        {"review": " ".join(rng.permutation(REVIEW_WORDS)) + f" {k}", "label": ["bad", "good"][k % 2]} for k in range(n)
    ]


def passengers(n: int = 80) -> list[dict]:
    rng = np.random.default_rng(0)
    return [
        {
            "PassengerId": k + 1,
            "Survived": int(rng.random() < 0.4),
            "Name": f"Braund{k}, Mr. Owen Harris",
            "Sex": rng.choice(["male", "female"]),
            "Age": "" if k % 7 == 0 else int(rng.integers(1, 80)),
            "Fare": round(float(rng.gamma(2, 20)), 2),
            "Planet": "earth",
            "Nothing": "",
        }
        for k in range(n)
    ]


def make(tmp_path: Path, source: Path, **choices):
    """The written document, the project and the sentences, from a folder with blanks and Chinese signs in its name."""
    folder = tmp_path / "My 项目"
    project, said = create(folder, source, **choices)
    assert [p.name for p in folder.iterdir() if p.name != "data"] == ["project.toml"]
    assert find_project(folder).spec == project.spec
    return tomllib.loads((folder / "project.toml").read_text("utf-8")), project, said


def test_reviews_become_text_classification(tmp_path):
    source = write_csv(tmp_path / "in" / "reviews.csv", reviews())
    document, project, said = make(tmp_path, source)
    assert document == {
        "name": "my-项目",
        "task": "text-classification",
        "metric": "accuracy",
        "source": {"path": "../in/reviews.csv"},
        "data": {"reader": "csv", "file": "reviews.csv"},
        "columns": {"text": "review", "label": "label"},
        "split": {"fraction": {"test": 0.2, "validation": 0.1}, "stratify": True},
    }
    assert project.name == "my-项目"
    text = "\n".join(said)
    for piece in (
        "60 rows, 2 columns",
        "comma, UTF-8",
        "target: label (by its name",
        "free text (17 words",
        "2 classes: bad 50.0%",
    ):
        assert piece in text
    assert "text-classification, because review holds free text" in text
    assert "metric: accuracy" in text
    assert "hash" in text


def test_every_choice_stands_in_the_file_with_its_reason(tmp_path):
    source = write_csv(tmp_path / "reviews.csv", reviews())
    create(tmp_path / "p", source)
    lines = (tmp_path / "p" / "project.toml").read_text("utf-8").splitlines()
    for key in ("task =", "metric =", "label =", "fraction ="):
        (line,) = [line for line in lines if line.startswith(key)]
        assert " # " in line


def test_a_table_of_passengers(tmp_path):
    source = write_csv(tmp_path / "train.csv", passengers())
    document, _, said = make(tmp_path, source, target="Survived")
    assert document["task"] == "tabular-classification"
    assert document["data"]["id"] == "PassengerId"
    assert document["columns"] == {"features": "*", "label": "Survived", "drop": ["Nothing", "Planet", "Name"]}
    assert any("like an id: Name" in sentence for sentence in said)
    assert any("the same in every row: Planet" in sentence for sentence in said)


def test_the_last_column_is_the_target_where_no_name_says_it(tmp_path):
    rows = [{"a": k % 5, "b": k * 1.5, "kind": "xy"[k % 2]} for k in range(40)]
    inferred = infer(write_csv(tmp_path / "t.csv", rows))
    assert inferred.spec["columns"]["label"] == "kind"
    assert any("the last column; another one: --target" in sentence for sentence in inferred.said)


def test_the_first_column_is_the_target_where_the_last_is_free_text(tmp_path):
    rows = [{"mood": r["label"], "words": r["review"]} for r in reviews()]
    assert infer(write_csv(tmp_path / "t.csv", rows)).spec["columns"] == {"text": "words", "label": "mood"}


def test_numbers_with_many_values_are_predicted_as_numbers(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"rooms": int(rng.integers(1, 9)), "price": int(rng.integers(100, 900))} for _ in range(200)]
    inferred = infer(write_csv(tmp_path / "t.csv", rows))
    assert (inferred.spec["task"], inferred.spec["metric"]) == ("tabular-regression", "rmse")
    assert inferred.spec["columns"] == {"features": "*", "value": "price"}
    assert "stratify" not in inferred.spec["split"]


def test_few_whole_numbers_are_classes_and_the_other_way_is_said(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"acid": round(rng.random(), 2), "quality": 3 + k % 6} for k in range(200)]
    path = write_csv(tmp_path / "t.csv", rows)
    inferred = infer(path)
    assert inferred.spec["task"] == "tabular-classification"
    assert any("--task tabular-regression" in sentence for sentence in inferred.said)
    assert infer(path, task="tabular-regression").spec["columns"]["value"] == "quality"


@pytest.mark.parametrize(
    ("shares", "metric"),
    [
        ([50, 50], "accuracy"),
        ([79, 21], "accuracy"),
        ([81, 19], "macro_f1"),
        ([10] * 10, "accuracy"),
        ([40, 45, 15], "macro_f1"),
    ],
)
def test_the_metric_follows_the_rarest_class(tmp_path, shares, metric):
    rng = np.random.default_rng(0)
    labels = [f"c{k}" for k, share in enumerate(shares) for _ in range(share)]
    rows = [{"x": round(rng.normal(), 3), "label": label} for label in labels]
    inferred = infer(write_csv(tmp_path / "t.csv", rows))
    assert inferred.spec["metric"] == metric
    assert any(sentence.startswith(f"metric: {metric}, the rarest class") for sentence in inferred.said)
    assert infer(tmp_path / "t.csv", metric="log_loss").spec["metric"] == "log_loss"


def test_how_the_file_is_written_is_found_said_and_written(tmp_path):
    rows = [{"größe": f"{k},5", "Stadt": ["Köln", "Ulm"][k % 2], "Preis": f"{k * 3},25"} for k in range(40)]
    source = write_csv(tmp_path / "t.csv", rows, delimiter=";", encoding="latin-1")
    document, _, said = make(tmp_path, source, target="Preis")
    assert document["data"]["delimiter"] == ";"
    assert document["data"]["decimal"] == ","
    assert document["data"]["encoding"] in ("latin-1", "cp1252")
    assert document["task"] == "tabular-regression"
    assert "a semicolon" in said[0]
    assert "decimal comma" in said[0]


def test_utf_16_and_tabs(tmp_path):
    source = write_csv(tmp_path / "t.tsv", reviews(), delimiter="\t", encoding="utf-16")
    assert infer(source).spec["data"]["encoding"] == "utf-16"


def test_no_header_line(tmp_path):
    rng = np.random.default_rng(0)
    numbers = [{k: int(rng.integers(0, 16)) for k in range(4)} | {4: k % 3} for k in range(60)]
    inferred = infer(write_csv(tmp_path / "n.csv", numbers, header=False))
    assert inferred.spec["data"]["header"] is False
    assert inferred.spec["columns"]["label"] == "4"
    titles = [{"t": r["review"], "y": k % 3} for k, r in enumerate(reviews())]
    inferred = infer(write_csv(tmp_path / "t.tsv", titles, delimiter="\t", header=False))
    assert inferred.spec["columns"] == {"text": "0", "label": "1"}
    assert "no header line" in inferred.said[0]


def test_chinese_text_needs_no_blanks(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {"label": k % 2, "review": "".join(rng.choice(list("房间酒店早餐服务前台位置很好不错干净"), 14))}
        for k in range(50)
    ]
    inferred = infer(write_csv(tmp_path / "t.csv", rows, encoding="utf-8-sig"))
    assert inferred.spec["task"] == "text-classification"
    assert "encoding" not in inferred.spec["data"]


def test_long_text_beside_other_columns_is_still_text(tmp_path):
    rows = [r | {"stars": k % 5, "city": "XYZ"[k % 3]} for k, r in enumerate(reviews())]
    rows = [{"stars": r["stars"], "city": r["city"], "review": r["review"], "label": r["label"]} for r in rows]
    inferred = infer(write_csv(tmp_path / "t.csv", rows))
    assert inferred.spec["columns"] == {"text": "review", "label": "label"}
    assert any("not used beside the text: stars, city" in sentence for sentence in inferred.said)
    tabular = infer(tmp_path / "t.csv", task="tabular-classification")
    assert tabular.spec["columns"]["features"] == "*"


def test_a_file_of_held_out_rows(tmp_path):
    train = write_csv(tmp_path / "in" / "train.csv", reviews())
    test = write_csv(tmp_path / "in" / "test.csv", reviews(20, seed=1), delimiter=";")
    document, _, _ = make(tmp_path, train, test=test)
    assert document["source"]["path"] == ["../in/train.csv", "../in/test.csv"]
    assert document["data"]["split"] == {"train": {"file": "train.csv"}, "test": {"file": "test.csv", "delimiter": ";"}}
    assert document["split"]["fraction"] == {"validation": 0.1}


def test_an_id_must_differ_over_both_files(tmp_path):
    rows = [{"id": k} | row for k, row in enumerate(reviews())]
    train, test = write_csv(tmp_path / "train.csv", rows), write_csv(tmp_path / "test.csv", rows[:20])
    assert infer(train).spec["data"]["id"] == "id"
    assert "id" not in infer(train, test=test).spec["data"]
    with pytest.raises(DataError, match="the id '0' occurs more than once"):
        infer(train, test=test, id="id")


def test_a_file_of_held_out_rows_must_be_alike(tmp_path):
    train = write_csv(tmp_path / "train.csv", passengers())
    unlabelled = [{k: v for k, v in row.items() if k != "Survived"} for row in passengers(20)]
    with pytest.raises(DataError, match=r"no column 'Survived'.*dojo predict"):
        infer(train, target="Survived", test=write_csv(tmp_path / "test.csv", unlabelled))
    fewer = [{k: v for k, v in row.items() if k != "Fare"} for row in passengers(20)]
    with pytest.raises(DataError, match="lacks columns of the training file: Fare"):
        infer(train, target="Survived", test=write_csv(tmp_path / "other.csv", fewer))


def test_groups_and_time(tmp_path):
    rows = [r | {"patient": f"p{k % 9}", "day": f"2024-01-{1 + k % 28:02}"} for k, r in enumerate(passengers())]
    path = write_csv(tmp_path / "t.csv", rows)
    grouped = infer(path, target="Survived", group="patient").spec
    assert grouped["split"] == {"fraction": {"test": 0.2, "validation": 0.1}, "group": "patient"}
    assert "patient" in grouped["columns"]["drop"]
    _, project, said = make(tmp_path, path, target="Survived", time="day")
    assert project.spec.split.order == "day"
    assert any("the past trains" in sentence for sentence in said)
    with pytest.raises(UsageError, match="--group and --time"):
        infer(path, target="Survived", time="day", group="patient")


def test_dates_are_pointed_out_and_row_numbers_left_out(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {"instant": k + 1, "day": f"2024-{1 + k // 28:02}-{1 + k % 28:02}", "hum": k % 9, "cnt": int(rng.integers(999))}
        for k in range(200)
    ]
    inferred = infer(write_csv(tmp_path / "t.csv", rows))
    assert any("day holds dates" in sentence and "--time day" in sentence for sentence in inferred.said)
    assert "instant" in inferred.spec["columns"]["drop"]


def test_json_lines_and_parquet(tmp_path):
    import json

    duckdb = pytest.importorskip("duckdb")
    rows = [{"text": r["review"], "label": r["label"], "tags": ["a"]} for r in reviews()]
    jsonl = tmp_path / "t.jsonl"
    jsonl.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    document, _, _ = make(tmp_path, jsonl)
    assert document["data"] == {"reader": "jsonl", "file": "t.jsonl"}
    parquet = tmp_path / "t.parquet"
    duckdb.sql(f"copy (select text, label from read_json('{jsonl}')) to '{parquet}' (format parquet)")
    assert infer(parquet).spec["columns"] == {"text": "text", "label": "label"}


def write_images(folder: Path, names: list[str]) -> None:
    from PIL import Image

    for k, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 5), k, dtype=np.uint8)).save(path)


def test_a_folder_of_class_folders(tmp_path):
    write_images(tmp_path / "pets", [f"{c}/{k}.png" for c in ("cat", "dog") for k in range(6)])
    (tmp_path / "pets" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "pets" / "readme.txt").write_text("hello")
    document, _, said = make(tmp_path, tmp_path / "pets")
    assert document["source"] == {"path": "../pets"}
    assert document["data"] == {"reader": "files", "glob": "*/*.png", "pattern": "^(?P<label>[^/]+)/"}
    assert document["columns"] == {"image": "file", "label": "label"}
    assert (document["task"], document["metric"]) == ("image-classification", "accuracy")
    assert any("12 images in 2 folders" in sentence for sentence in said)


def test_train_and_test_folders_on_top(tmp_path):
    names = [
        f"{s}/{c}/{k}.jpg" for s, n in (("train", 6), ("val", 2), ("test", 3)) for c in ("a", "b") for k in range(n)
    ]
    write_images(tmp_path / "pets", names)
    document, _, said = make(tmp_path, tmp_path / "pets")
    assert document["data"]["split"]["test"] == {"glob": "test/*/*.jpg", "pattern": "^test/(?P<label>[^/]+)/"}
    assert document["data"]["split"]["validation"]["glob"] == "val/*/*.jpg"
    assert "fraction" not in document["split"]
    assert any("train 12, validation 4, test 6 images" in sentence for sentence in said)


def test_one_folder_around_all_is_no_class(tmp_path):
    write_images(
        tmp_path / "download", [f"pets/{c}/deep/{k}.{s}" for c in "ab" for k in range(3) for s in ("png", "jpg")]
    )
    spec = infer(tmp_path / "download").spec
    assert spec["data"] == {"reader": "files", "glob": "pets/*/**/*.{jpg,png}", "pattern": "^pets/(?P<label>[^/]+)/"}


def test_images_in_an_archive(tmp_path):
    write_images(tmp_path / "pets", [f"{c}/{k}.png" for c in ("cat", "dog") for k in range(4)])
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for path in sorted((tmp_path / "pets").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path).as_posix())
    document, _, _ = make(tmp_path, tmp_path / "pets.zip")
    assert document["source"] == {"path": "../pets.zip"}
    assert document["data"]["glob"] == "pets.zip!pets/*/*.png"
    assert document["data"]["pattern"] == r"^pets\.zip!pets/(?P<label>[^/]+)/"


def test_a_table_of_image_files(tmp_path):
    write_images(tmp_path / "in" / "images", [f"{k}.png" for k in range(30)])
    source = write_csv(tmp_path / "in" / "t.csv", [{"image_id": k, "breed": "ab"[k % 2]} for k in range(30)])
    document, _, _ = make(tmp_path, source)
    assert document["columns"]["image"] == {"column": "image_id", "file": "images/{}.png"}
    assert document["source"] == {"path": "../in"}


def test_copy_takes_the_data_along(tmp_path):
    source = write_csv(tmp_path / "in" / "reviews.csv", reviews())
    document, _, said = make(tmp_path, source, copy=True)
    assert document["source"] == {"path": "data/reviews.csv"}
    assert (tmp_path / "My 项目" / "data" / "reviews.csv").read_bytes() == source.read_bytes()
    assert any(sentence.startswith("copied: 1 file") for sentence in said)
    write_images(tmp_path / "pets", [f"{c}/{k}.png" for c in ("cat", "dog") for k in range(4)])
    (tmp_path / "pets" / "secret.txt").write_text("not an image")
    create(tmp_path / "second", tmp_path / "pets", copy=True)
    assert sorted(p.name for p in (tmp_path / "second" / "data").iterdir()) == ["cat", "dog"]


def test_nothing_is_written_beside_the_data_nor_after_an_error(tmp_path):
    source = write_csv(tmp_path / "in" / "reviews.csv", reviews())
    make(tmp_path, source)
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["reviews.csv"]
    with pytest.raises(UnknownNameError):
        create(tmp_path / "never", source, target="labl")
    assert not (tmp_path / "never").exists()


def test_a_project_is_never_overwritten(tmp_path):
    source = write_csv(tmp_path / "reviews.csv", reviews())
    create(tmp_path / "p", source)
    before = (tmp_path / "p" / "project.toml").read_bytes()
    with pytest.raises(ProjectError, match="a project already"):
        create(tmp_path / "p", source)
    assert (tmp_path / "p" / "project.toml").read_bytes() == before
    with pytest.raises(ProjectError, match="a file, not a folder"):
        create(source, source)


def test_missing_targets_are_counted(tmp_path):
    rows = reviews()
    rows[3]["label"] = rows[5]["label"] = ""
    assert any("2 rows without it are left out" in s for s in infer(write_csv(tmp_path / "t.csv", rows)).said)


def one_class():
    return [r | {"label": "good"} for r in reviews()]


def ids_only():
    return [{"x": k % 3, "label": f"w{k}"} for k in range(50)]


def numbered():
    return [{"x": k % 3, "label": k + 100} for k in range(50)]


def doubled_ids():
    return [{"key": k // 2, "x": k, "label": "ab"[k % 2]} for k in range(50)]


@pytest.mark.parametrize(
    ("rows", "choices", "kind", "words"),
    [
        (reviews(), {"target": "labl"}, UnknownNameError, "did you mean 'label'"),
        (reviews(), {"group": "patient"}, UnknownNameError, "no column is named 'patient'"),
        (one_class(), {}, DataError, "holds one class only, 'good'"),
        (ids_only(), {}, DataError, "50 different values in 50 rows, like an id"),
        (numbered(), {}, DataError, "like an id"),
        (doubled_ids(), {"id": "key"}, DataError, "the id '0' occurs more than once"),
        (reviews(), {"task": "text-clasification"}, UnknownNameError, "text-classification"),
        (reviews(), {"task": "tabular-regression"}, UsageError, "holds words"),
        (reviews(), {"task": "image-classification"}, UsageError, "no column names image files"),
        ([{"label": "ab"[k % 2]} for k in range(30)], {}, DataError, "nothing is left to predict from"),
        ([{"x": "", "label": "ab"[k % 2]} for k in range(30)], {}, DataError, "no column is left"),
        ([{"x": k, "label": ""} for k in range(30)], {}, DataError, "empty in every row"),
        (reviews(1), {}, DataError, "1 usable row"),
    ],
)
def test_what_cannot_be_learned_is_said_in_a_sentence(tmp_path, rows, choices, kind, words):
    with pytest.raises(kind, match=words):
        infer(write_csv(tmp_path / "t.csv", rows), **choices)


def test_files_that_are_no_data(tmp_path):
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DojoError, match="empty"):
        infer(tmp_path / "empty.csv")
    with pytest.raises(DataError, match="did you mean 'empty"):
        infer(tmp_path / "emty.csv")
    for name, words in (
        ("a.json", "one object a line"),
        ("a.xlsx", "as CSV"),
        ("a.pkl", "can run code"),
        ("a.foo", "known:"),
    ):
        (tmp_path / name).write_text("x")
        with pytest.raises(UsageError, match=words):
            infer(tmp_path / name)


def test_folders_that_are_no_images(tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no images"):
        infer(tmp_path / "none")
    write_csv(tmp_path / "tables" / "train.csv", reviews())
    with pytest.raises(DataError, match=r"--from .*train\.csv"):
        infer(tmp_path / "tables")
    write_images(tmp_path / "flat", ["1.png", "2.png"])
    with pytest.raises(DataError, match="2 images lie in no class folders"):
        infer(tmp_path / "flat")
    write_images(tmp_path / "one", ["cat/1.png", "cat/2.png"])
    with pytest.raises(DataError, match="one class only, 'cat'"):
        infer(tmp_path / "one")
    write_images(tmp_path / "two", ["cat/1.png", "dog/2.png"])
    with pytest.raises(UsageError, match="--target names a column"):
        infer(tmp_path / "two", target="label")


def test_what_is_written_loads_is_split_and_checked(tmp_path):
    from deepdojo.data.check import check
    from deepdojo.data.dataset import load_dataset

    rows = [row | {"Survived": ["no", "yes"][row["Survived"]], "Paid": str(row["Survived"])} for row in passengers(200)]
    rows[5]["Age"], rows[6]["Survived"] = "forty", ""
    project, _ = create(tmp_path / "p", write_csv(tmp_path / "t.csv", rows), target="Survived")
    dataset = load_dataset(project)
    assert {split: len(dataset.rows(split)) > 0 for split in ("train", "validation", "test")} == dict.fromkeys(
        ("train", "validation", "test"), True
    )
    report = check(dataset)
    assert report.total == 199
    kinds = {problem.kind: problem for problem in report.problems}
    assert report.errors == []
    assert kinds["leak"].where == "column 'Paid'"
    assert kinds["left out"].where == "t.csv:8"
    assert kinds["numbers as text"].where == "t.csv:7"
    write_images(tmp_path / "pets", [f"{c}/{k}.png" for c in ("cat", "dog") for k in range(20)])
    (tmp_path / "pets" / "dog" / "99.png").write_bytes((tmp_path / "pets" / "cat" / "3.png").read_bytes())
    project, _ = create(tmp_path / "q", tmp_path / "pets")
    report = check(load_dataset(project))
    assert (report.total, report.errors) == (41, [])
    assert report.facts["images"]["sizes"] == 1


def test_names_that_need_quoting_survive_in_toml(tmp_path):
    rows = [{'a "b" # c': k % 7, "x\ny": k * 0.5, "label = 'q'": "ab"[k % 2]} for k in range(40)]
    document, _, _ = make(tmp_path, write_csv(tmp_path / "t 1.csv", rows))
    assert document["columns"]["label"] == "label = 'q'"
    assert document["data"]["file"] == "t 1.csv"
