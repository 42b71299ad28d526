"""Order, ids, sizes and times that tell the target are found with a figure; noise is hardly ever."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from deepdojo.data.check import check
from deepdojo.data.checks.alone import LEVEL, binned, told
from deepdojo.data.dataset import load_dataset
from deepdojo.data.new import create
from deepdojo.data.project import open_project


def found(folder: Path) -> dict[str, str]:
    return {
        problem.kind: f"{problem.level}: {problem.what}"
        for problem in check(load_dataset(open_project(folder))).problems
    }


KINDS = ("order of rows", "ids tell the target", "file sizes", "file times")


def table(tmp_path: Path, labels: list[str], ids: list[str] | None = None) -> Path:
    lines = ["key,text,label"]
    draws = np.random.default_rng(9)
    for k, label in enumerate(labels):
        words = " ".join(f"w{draws.integers(1000)}" for _ in range(8))
        lines.append(f"{ids[k] if ids else f'x{draws.integers(10**9)}'},{words},{label}")
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    create(tmp_path / "rows", tmp_path / "rows.csv", target="label", id="key")
    return tmp_path / "rows"


def test_rows_sorted_by_label_are_told(tmp_path):
    said = found(table(tmp_path, ["a"] * 150 + ["b"] * 150))
    assert "note: the place of a row in the data alone removes 100% of the majority's errors" in said["order of rows"]


def test_rows_in_a_random_order_under_random_ids_are_not(tmp_path):
    labels = np.random.default_rng(2).choice(["a", "b"], 300).tolist()
    assert not set(KINDS) & set(found(table(tmp_path, labels)))


def test_ids_that_carry_the_label_are_told(tmp_path):
    labels = np.random.default_rng(2).choice(["a", "b"], 300).tolist()
    ids = [f"{'pos' if label == 'a' else 'neg'}_{k}" for k, label in enumerate(labels)]
    assert "the words in the id alone removes 100%" in found(table(tmp_path, labels, ids))["ids tell the target"]


def test_numbers_in_ids_that_carry_the_label_are_told(tmp_path):
    labels = np.random.default_rng(2).choice(["a", "b"], 300).tolist()
    draws = np.random.default_rng(3)
    ids = [f"x{int(draws.integers(10**6)) + (5 * 10**6 if label == 'a' else 0)}" for label in labels]
    assert "the number in the id alone" in found(table(tmp_path, labels, ids))["ids tell the target"]


@pytest.mark.parametrize("leaks", [True, False])
def test_sizes_and_times_of_files_are_told_where_they_give_the_class_away(tmp_path, leaks):
    from PIL import Image

    draws = np.random.default_rng(4)
    for k in range(160):
        label = ("cat", "dog")[k % 2]
        place = tmp_path / "pictures" / label
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{draws.integers(10**9)}.png"
        Image.fromarray(draws.integers(0, 256, (12, 12), dtype=np.uint8)).save(path)
        if leaks:
            with path.open("ab") as file:
                file.write(bytes(40 * (k % 2)))
        os.utime(path, (1e9 + (k % 2) * 1e6 * leaks + int(draws.integers(10**5)),) * 2)
    create(tmp_path / "photos", tmp_path / "pictures")
    said = found(tmp_path / "photos")
    assert ("file sizes" in said) is leaks
    assert ("file times" in said) is leaks
    if leaks:
        assert said["file sizes"].startswith("warning")
        assert said["file times"].startswith("note")


@pytest.mark.parametrize("classes", [2, 5, 0])
def test_noise_is_reported_at_no_more_than_the_level_that_is_stated(classes):
    """2,000 draws of 60 to 400 rows; at the level 1e-4 three or more false alarms have the probability 1e-3."""
    draws = np.random.default_rng(11)
    alarms = 0
    for _ in range(2000):
        n = int(draws.integers(60, 400))
        values = draws.normal(size=n)
        target = draws.integers(0, classes, n) if classes else draws.normal(size=n)
        half = draws.permutation(n) < n // 2
        answer = told(binned(values, half), target, half)
        assert answer is not None
        alarms += answer.p <= LEVEL
    assert alarms <= 2


def test_too_few_rows_say_nothing():
    half = np.arange(20) % 2 == 0
    assert told(np.zeros(20, dtype=np.int64), np.arange(20) % 2, half) is None
