"""A host sees what gives answers away before anything is handed out."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.competition.hosting.giving_away import CURED, giving_away
from deepdojo.competition.hosting.revealed import revealed
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import find_project, open_project, save_project


def series(tmp_path, values: np.ndarray, **options):
    lines = ["time,value"] + [f"{k},{value:.4f}" for k, value in enumerate(values)]
    (tmp_path / "series.csv").write_text("\n".join(lines) + "\n")
    folder = tmp_path / "project"
    folder.mkdir()
    page = {
        "task": "forecasting", "source": {"path": "../series.csv"},
        "data": {"reader": "series", "file": "series.csv", "time": "time", "context": 24, "horizon": 12,
                 "split": {"train": {"stop": 0.6}, "validation": {"start": 0.6, "stop": 0.75},
                           "test": {"start": 0.75, **options}}},
    }  # fmt: skip
    save_project(folder, page)
    return load_dataset(open_project(folder))


def test_overlapping_forecast_windows_are_told_with_their_count(tmp_path):
    data = series(tmp_path, np.random.default_rng(0).normal(size=900))
    (problem,) = revealed(data)
    assert problem.kind == "test rows reveal one another"
    assert "stands in the past of other test rows" in problem.what
    assert problem.examples


@pytest.mark.parametrize("options", [{"origins": 1}, {"stride": 36}])
def test_windows_that_do_not_overlap_are_not(tmp_path, options):
    assert list(revealed(series(tmp_path, np.random.default_rng(0).normal(size=900), **options))) == []


def test_a_series_that_stands_still_is_no_copy(tmp_path):
    data = series(tmp_path, np.concatenate([np.random.default_rng(0).normal(size=600), np.zeros(300)]))
    assert list(revealed(data)) == []


def test_duplicates_across_the_split_order_and_public_data_are_all_shown(tmp_path):
    draws = np.random.default_rng(6)
    texts = [" ".join(f"w{draws.integers(900)}" for _ in range(12)) for _ in range(300)]
    rows = [f"{text},{'ab'[k >= 150]}" for k, text in enumerate(texts)]
    near = [f"{text} indeed,{'ab'[k >= 150]}" for k, text in enumerate(texts) if k % 3 == 0]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *sorted([*rows, *near], key=lambda r: r[-1])]) + "\n")
    folder = tmp_path / "project"
    folder.mkdir()
    save_project(folder, {"task": "text-classification", "source": {"path": "../rows.csv"}, "availability": "open",
                          "data": {"file": "rows.csv"}})  # fmt: skip
    kinds = [problem.kind for problem in giving_away(load_dataset(open_project(folder)))]
    assert {"near-duplicates across splits", "order", "public answers"} <= set(kinds)
    assert "order" in CURED


def test_a_column_that_tells_the_label_alone_is_shown(tmp_path):
    draws = np.random.default_rng(8)
    rows = ["a,b,label"]
    for _ in range(400):
        label = int(draws.random() < 0.5)
        rows.append(f"{draws.normal():.3f},{label * 3 + draws.normal() * 0.1:.3f},{('no', 'yes')[label]}")
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n")
    folder = tmp_path / "project"
    folder.mkdir()
    save_project(folder, {"task": "tabular-classification", "source": {"path": "../rows.csv"},
                          "data": {"file": "rows.csv"}})  # fmt: skip
    problem = next(p for p in giving_away(load_dataset(open_project(folder))) if p.kind == "leak")
    assert problem.where == "column 'b'"
    assert "removes" in problem.what


def test_times_of_files_that_tell_the_class_are_shown_and_equal_times_are_not(photos, tmp_path):
    """60 pictures are too few for a word; 160 suffice."""
    import os

    for path in list((tmp_path / "pictures").rglob("*.jpg")):
        for copy in range(3):
            data = path.read_bytes()
            path.with_name(f"{copy}-{path.name}").write_bytes(data[:-2] + bytes([0xFF, 0xFE, 0, 3, copy]) + data[-2:])
    for told in (True, False):
        for path in (tmp_path / "pictures").rglob("*.jpg"):
            at = 1e9 + 1e6 * (told and path.parent.name == "dog")
            os.utime(path, (at, at))
        kinds = {problem.kind for problem in giving_away(load_dataset(open_project(photos)))}
        assert ("file times" in kinds) is told


@pytest.mark.data
def test_galleries_that_name_the_pictures_of_other_questions_are_told():
    found = list(revealed(load_dataset(find_project("orl-faces"))))
    assert all("in the gallery of another test row" in problem.what for problem in found)
