"""Pairs, episodes, galleries: what is drawn from folders of names, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deepdojo as dd
from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Files
from deepdojo.data.gallery import Gallery, pairs_of
from deepdojo.data.project import find_project
from deepdojo.data.readers import read
from deepdojo.errors import DataError, ProjectError, UnknownNameError

PATTERN = r"^(?P<label>[^/]+)/"


def people(folder: Path, names: int = 10, pictures: int = 4) -> Path:
    """A folder a name; the pictures of a name look alike."""
    rng = np.random.default_rng(0)
    for name in range(names):
        (folder / f"p{name}").mkdir(parents=True)
        face = rng.integers(0, 200, (8, 8))
        for k in range(pictures):
            noisy = (face + rng.integers(0, 40, (8, 8))).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"p{name}" / f"{k}.png")
    return folder


def rows_of(reader: str, folder: Path, **options):
    return list(read(reader, Files([folder]), glob="*/*.png", pattern=PATTERN, **options))


def test_all_pairs_of_one_name_and_as_many_of_two_as_asked_for(tmp_path):
    rows = rows_of("pairs", people(tmp_path), different=50)
    same = [row.cells for row in rows if row.cells["label"] == "same"]
    different = [row.cells for row in rows if row.cells["label"] == "different"]
    assert len(same) == 10 * 6
    assert len(different) == 50
    assert all(c["name"] == c["other_name"] and c["file"] != c["other"] for c in same)
    assert all(c["name"] != c["other_name"] for c in different)
    assert [r.cells for r in rows_of("pairs", tmp_path, different=50)] == [r.cells for r in rows]
    assert [r.cells for r in rows_of("pairs", tmp_path, different=50, salt="x")] != [r.cells for r in rows]


def test_a_name_of_one_picture_is_listed_and_still_is_different_from_others(tmp_path):
    people(tmp_path, names=3)
    (tmp_path / "alone").mkdir()
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(tmp_path / "alone" / "x.png")
    rows = rows_of("pairs", tmp_path)
    assert [row.reject for row in rows if row.reject] == ["it is the only picture of 'alone': no pair is the same"]
    assert any("alone/x.png" in (row.cells["file"], row.cells["other"]) for row in rows if not row.reject)
    left_out = [row.reject for row in rows_of("episodes", tmp_path, ways=2) if row.reject]
    assert left_out == ["it is the only picture of 'alone', and an episode takes 2 of each"]


def test_an_episode_asks_for_others_than_its_gallery_shows(tmp_path):
    rows = rows_of("episodes", people(tmp_path), ways=4, shots=2, asked=1, episodes=7)
    assert len(rows) == 28
    for row in rows:
        names = [name for name, _ in row.cells["gallery"]]
        assert len(names) == 8
        assert len(set(names)) == 4
        assert row.cells["label"] in names
        assert row.cells["file"] not in [file for _, file in row.cells["gallery"]]


def test_names_of_an_episode_come_from_one_group(tmp_path):
    people(tmp_path / "a", names=4)
    people(tmp_path / "b", names=4)
    pattern = r"^(?P<label>(?P<side>[ab])/[^/]+)/"
    rows = list(read("episodes", Files([tmp_path]), glob="*/*/*.png", pattern=pattern, ways=3, within="side"))
    assert all(len({name[0] for name, _ in row.cells["gallery"]}) == 1 for row in rows)
    with pytest.raises(UnknownNameError, match="sides"):
        list(read("episodes", Files([tmp_path]), glob="*/*/*.png", pattern=pattern, ways=3, within="sides"))


def test_shares_of_names_and_of_pictures_part_them_without_rest(tmp_path):
    people(tmp_path)
    parts = [rows_of("files", tmp_path, start=a, stop=b) for a, b in ((0, 0.7), (0.7, 1))]
    names = [{row.cells["label"] for row in rows} for rows in parts]
    assert [len(n) for n in names] == [7, 3]
    assert not names[0] & names[1]
    halves = [rows_of("files", tmp_path, each=share) for share in ([0, 0.5], [0.5, 1])]
    assert [len(rows) for rows in halves] == [20, 20]
    assert not {row.file for row in halves[0]} & {row.file for row in halves[1]}


@pytest.mark.parametrize("bad", [{"start": 0.9, "stop": 0.1}, {"each": [0, 2]}, {"start": -1.0}])
def test_shares_that_are_none_are_refused(tmp_path, bad):
    with pytest.raises(ProjectError, match="shares go from 0 to 1"):
        rows_of("files", people(tmp_path), **bad)


def test_too_few_names_are_one_sentence(tmp_path):
    people(tmp_path, names=3)
    with pytest.raises(DataError, match="an episode of 5 names"):
        rows_of("episodes", tmp_path)
    with pytest.raises(DataError, match="pictures of 1 name cannot be compared"):
        rows_of("pairs", tmp_path, stop=0.34)


def test_a_gallery_cell_is_a_list_of_names_and_pictures():
    assert pairs_of('[["anna", "a.png"], ["ben", "b.png"]]') == [("anna", "a.png"), ("ben", "b.png")]
    for bad in ("anna", "[[1, 2]]", '[["anna"]]', "[" * 100_000, 7, '["ab"]'):
        assert not pairs_of(bad)
    assert Gallery([("b", 1), ("a", 2), ("b", 3)]).names == ["b", "a"]


TOML = """
name = "made"
task = "{task}"
[source]
path = "people"
[data]
[data.split]
train = {{ reader = "files", glob = "*/*.png", pattern = "^(?P<label>[^/]+)/" }}
validation = {{ reader = "csv", file = "asked.csv" }}
test = {{ reader = "csv", file = "asked.csv" }}
[columns]
image = "file"
"""


def made(tmp_path: Path, task: str, table: str):
    people(tmp_path / "people")
    (tmp_path / "people" / "asked.csv").write_text(table, encoding="utf-8")
    (tmp_path / "project.toml").write_text(TOML.format(task=task), encoding="utf-8")
    return load_dataset(find_project(tmp_path))


def test_pairs_of_a_table_that_cannot_be_asked_are_listed(tmp_path):
    asked = ("p0/1.png,same", "p9/77.png,same", ",different", "p1/1.png,maybe")
    table = "file,other,label\n" + "".join(f"p0/0.png,{rest}\n" for rest in asked)
    dataset = made(tmp_path, "verification", table)
    assert len(dataset.rows("test")) == 1
    reasons = [item.reason for item in dataset.rejected]
    for said in ("the picture p9/77.png is not there", "no picture is named", "'maybe', not same or different"):
        assert sum(said in reason for reason in reasons) == 1  # told once, though both parts read the table


def test_galleries_of_a_table_that_cannot_be_asked_are_listed(tmp_path):
    good = '"[[""p0"", ""p0/1.png""], [""p1"", ""p1/1.png""]]"'
    asked = (f"{good},p0", f"{good},p5", "none,p0", '"[[""p0"", ""x.png""]]",p0')
    table = "file,gallery,label\n" + "".join(f"p0/0.png,{rest}\n" for rest in asked)
    dataset = made(tmp_path, "identification", table)
    assert [name for name, _ in dataset.rows("test")[0]["gallery"]] == ["p0", "p1"]
    reasons = [item.reason for item in dataset.rejected]
    for said in ("no picture of 'p5'", "no list of names and pictures", "the picture x.png is not there"):
        assert sum(said in reason for reason in reasons) == 1


def test_a_project_that_compares_needs_all_three_parts(tmp_path):
    (tmp_path / "project.toml").write_text(
        'name = "made"\ntask = "verification"\n[data]\nreader = "files"\nglob = "*/*.png"\n', encoding="utf-8"
    )
    with pytest.raises(ProjectError, match="gives no train part"):
        find_project(tmp_path)


@pytest.mark.parametrize("task", ["verification", "identification"])
def test_a_folder_of_names_becomes_a_project(tmp_path, task):
    people(tmp_path / "people", names=8)
    (tmp_path / "people" / "p0" / "broken.png").write_text("no picture")
    dd.new(tmp_path / "made", tmp_path / "people", task=task)
    dataset = load_dataset(find_project(tmp_path / "made"))
    assert all(row[dataset.project.contract.compared[0]] is None for row in dataset.rows("train"))
    assert all(row[dataset.project.contract.compared[0]] is not None for row in dataset.rows("test"))
    assert any("text file" in item.reason for item in dataset.rejected)
    if task == "identification":
        asked = {row["image"].name for row in dataset.rows("test")}
        assert not asked & {cell.name for _, cell in dataset.rows("test")[0]["gallery"]}


def test_too_few_people_are_refused_by_new(tmp_path):
    people(tmp_path / "people", names=4)
    with pytest.raises(DataError, match="4 names have two pictures or more, and 6 are needed"):
        dd.new(tmp_path / "made", tmp_path / "people", task="verification")


def test_rows_come_back_from_the_disk_as_they_went(tmp_path, monkeypatch):
    good = '"[[""p0"", ""p0/1.png""], [""p1"", ""p1/1.png""]]"'
    monkeypatch.setenv("DEEPDOJO_CACHE", str(tmp_path / "cache"))
    kept = made(tmp_path, "identification", f"file,gallery,label\np0/0.png,{good},p0\n").rows("test")[0]
    monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", "1")
    packed = load_dataset(find_project(tmp_path))
    assert packed.packed is not None
    assert packed.rows("test")[0]["gallery"] == kept["gallery"]
    assert packed.rows("train")[0]["gallery"] is None
