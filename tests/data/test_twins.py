"""Rows to learn from whose input is tested on, too."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepdojo.data.check import check
from deepdojo.data.dataset import Dataset, load_dataset
from deepdojo.data.project import save_project
from deepdojo.data.twins import TWIN, TWIN_NAME, TWIN_REASON, mark_twins
from deepdojo.errors import DataError

GIVEN = {
    "task": "text-classification",
    "data": {"split": {part: {"file": f"{part}.csv"} for part in ("train", "validation", "test")}},
}
TEXTS = {
    "train": ["a", "b", "c", "d", "d", "e", "f"],
    "validation": ["b", "g", "h"],
    "test": ["c", "d", "g", "c"],
}


def texts(folder: Path, parts: dict[str, list[str]], **split: Any) -> Dataset:
    for part, rows in parts.items():
        lines = [f"{text},{'yes' if i % 2 else 'no'}" for i, text in enumerate(rows)]
        (folder / f"{part}.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    return load_dataset(save_project(folder, {**GIVEN, **({"split": split} if split else {})}))


def shown(data: Dataset) -> dict[str, list[str]]:
    return {part: [row["text"] for row in data.rows(part)] for part in TEXTS}


def test_rows_to_learn_from_go_and_held_out_rows_stay_repeats_and_all(tmp_path: Path) -> None:
    data = texts(tmp_path, TEXTS)
    assert shown(data) == {"train": ["a", "e", "f"], "validation": ["b", "h"], "test": ["c", "d", "g", "c"]}
    assert data.twins == 5
    assert {(r.file, r.line) for r in data.rejected} == {
        ("train.csv", 3), ("train.csv", 4), ("train.csv", 5), ("train.csv", 6), ("validation.csv", 3),
    }  # fmt: skip
    assert {r.reason for r in data.rejected} == {TWIN_REASON}


def test_the_key_keeps_them_and_then_the_check_says_so(tmp_path: Path) -> None:
    data = texts(tmp_path, TEXTS, twins="keep")
    assert shown(data) == TEXTS
    assert data.twins == 0
    assert not data.rejected
    assert "duplicates across splits" in {problem.kind for problem in check(data).problems}


def test_the_check_names_what_was_left_out_as_a_note(tmp_path: Path) -> None:
    found = [problem for problem in check(texts(tmp_path, TEXTS)).problems if problem.kind == "left out"]
    assert [(problem.level, problem.what.split(" ")[0]) for problem in found] == [("note", "5")]
    assert 'twins = "keep"' in found[0].todo


def test_a_run_is_read_back_without_its_twins_and_an_older_one_with_them(tmp_path: Path) -> None:
    data = texts(tmp_path, TEXTS)
    again = load_dataset(data.project, split_of=data.split_of)
    assert shown(again) == shown(data)
    assert again.rejected == data.rejected
    older = {key: "train" if part == TWIN_NAME else part for key, part in data.split_of.items()}
    assert load_dataset(data.project, split_of=older).twins == 0
    assert len(load_dataset(data.project, split_of=older).rows("train")) == 3 + 5


def test_the_split_on_the_disk_tells_twins_from_rows_that_are_new(tmp_path: Path) -> None:
    from deepdojo.tables import read_table

    data = texts(tmp_path, TEXTS)
    data.write_split(tmp_path / "split.parquet")
    columns = read_table(tmp_path / "split.parquet", {"split": "label"}).columns
    assert dict(zip(columns["id"], columns["split"], strict=True)) == data.split_of
    assert list(columns["split"]).count(TWIN_NAME) == 5


def test_no_twin_is_parted_where_rows_are_drawn_by_their_input(tmp_path: Path) -> None:
    rows = [f"word{i % 20},{'yes' if i % 2 else 'no'}" for i in range(200)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    data = load_dataset(save_project(tmp_path, {"task": "text-classification", "data": {"file": "t.csv"}}))
    assert (data.n, data.twins) == (200, 0)


def test_rows_with_ids_lose_their_twins_in_each_fold_and_are_each_held_out_once(tmp_path: Path) -> None:
    rows = [f"{i},word{i % 30},{'yes' if i % 2 else 'no'}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["key,text,label", *rows]) + "\n")
    spec = {"task": "text-classification", "data": {"file": "t.csv", "id": "key"}, "split": {"folds": 5}}
    folds = load_dataset(save_project(tmp_path, spec)).folds()
    assert sorted(row["id"] for fold in folds for row in fold.rows("test")) == sorted(str(i) for i in range(60))
    for fold in folds:
        assert fold.twins > 0
        texts_of = {part: {row["text"] for row in fold.rows(part)} for part in TEXTS}
        assert not texts_of["train"] & (texts_of["validation"] | texts_of["test"])
        assert not texts_of["validation"] & texts_of["test"]
    assert set(folds[0].split_of) == {str(i) for i in range(60)}


@pytest.mark.parametrize(("twins", "left"), [(None, 40), ("drop", 0)])
def test_equal_records_are_cases_that_look_alike_unless_told(tmp_path: Path, twins: str | None, left: int) -> None:
    for part, n in (("train", 40), ("validation", 10), ("test", 10)):
        lines = [f"{i % 2},{'yes' if i % 3 else 'no'}" for i in range(n)]
        (tmp_path / f"{part}.csv").write_text("\n".join(["x,label", *lines]) + "\n")
    spec = {**GIVEN, "task": "tabular-classification", "split": {"twins": twins} if twins else {}}
    data = load_dataset(save_project(tmp_path, spec))
    assert len(data.rows("train")) == left
    assert len(data.rows("test")) == 10


def test_equal_pictures_of_other_names_are_twins(tmp_path: Path) -> None:
    from PIL import Image

    for part in ("train", "test"):
        for label in ("cat", "dog"):
            for i in range(4):
                folder = tmp_path / part / label
                folder.mkdir(parents=True, exist_ok=True)
                grey = i * 10 + (5 if label == "cat" else 0) + (100 if part == "test" and i else 0)
                Image.fromarray(np.full((4, 4), grey, dtype=np.uint8)).save(folder / f"{part}{i}.png")
    spec = {
        "task": "image-classification",
        "data": {"split": {part: {"glob": f"{part}/*/*.png", "pattern": f"{part}/(?P<label>[^/]+)/.*"}
                           for part in ("train", "test")}},
        "columns": {"image": "file"},
        "split": {"fraction": {"validation": 0.2}},
    }  # fmt: skip
    data = load_dataset(save_project(tmp_path, spec))
    assert sorted(r.file for r in data.rejected) == ["train/cat/train0.png", "train/dog/train0.png"]


def test_where_nothing_is_left_to_train_on_it_is_said(tmp_path: Path) -> None:
    from deepdojo.api import train

    data = texts(tmp_path, {"train": ["a", "b"], "validation": ["c", "d"], "test": ["a", "b"]})
    assert len(data.rows("train")) == 0
    with pytest.raises(DataError, match="train"):
        train(tmp_path, runs=tmp_path / "runs")


def test_a_run_lists_them_and_says_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from deepdojo.cli.app import main

    words = [f"word{i} and word{i % 7}" for i in range(60)]
    texts(tmp_path, {"train": words[:40], "validation": words[40:50], "test": [*words[50:], words[3]]})
    code = main([
        "train", str(tmp_path), "--runs", str(tmp_path / "runs"), "--set", "train.epochs=1", "--no-explain",
        "--no-baselines",
    ])  # fmt: skip
    assert code == 0
    assert f"1 row to learn from is left out: {TWIN_REASON}" in capsys.readouterr().err
    run = next((tmp_path / "runs").glob("*/*default*"))
    listed = list(csv.DictReader(io.StringIO((run / "rejected.csv").read_text())))
    assert [(row["file"], row["line"], row["reason"]) for row in listed] == [("train.csv", "5", TWIN_REASON)]


def test_a_million_rows_cost_seconds_and_parts_are_what_sets_give() -> None:
    draw = np.random.default_rng(3)
    keys = [str(k) for k in draw.integers(0, 900_000, size=1_000_000)]
    parts = draw.choice([0, 1, 2, 255], p=[0.7, 0.1, 0.15, 0.05], size=len(keys)).astype(np.uint8)
    began = time.process_time()
    marked = mark_twins(parts, keys)
    assert time.process_time() - began < 10
    of = [{k for k, p in zip(keys, parts, strict=True) if p == part} for part in range(3)]
    right = [
        TWIN if (p == 0 and (k in of[1] or k in of[2])) or (p == 1 and k in of[2]) else p
        for k, p in zip(keys, parts, strict=True)
    ]
    assert (marked == np.array(right)).all()
