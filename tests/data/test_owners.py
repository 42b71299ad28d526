"""A split that tears apart what belongs together is said, for every task: by a column's name or the files'."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest

from deepdojo.data.check import check
from deepdojo.data.dataset import load_dataset
from deepdojo.data.group_names import owner_in_name
from deepdojo.data.new import create
from deepdojo.data.project import open_project, save_project


def visits(folder: Path, **split: object):
    """Texts of 40 speakers, six each."""
    draw = random.Random(5)
    words = ["red", "green", "blue", "warm", "cold", "high", "low", "fast", "slow", "near", "far"]
    rows = [
        {"words": " ".join(draw.choices(words, k=9)), "mood": draw.choice("ab"), "speaker": f"s{k % 40}"}
        for k in range(240)
    ]
    with (folder / "said.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    save_project(folder, {
        "name": "said", "task": "text-classification", "data": {"reader": "csv", "file": "said.csv"},
        "columns": {"text": "words", "label": "mood"}, "split": split,
    })  # fmt: skip
    return load_dataset(open_project(folder), offline=True)


def pictures(folder: Path, name: str):
    """Files of 30 people in two folders, named by a pattern with {k} and {who}."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for k in range(120):
        place = folder / "xrays" / ("ill" if k % 3 else "well")
        place.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 255, (9, 9), dtype=np.uint8)
        Image.fromarray(image).save(place / name.format(k=k, who=k % 30))
    save_project(folder, {
        "name": "xrays", "task": "image-classification", "data": {"reader": "files", "glob": "xrays/*/*.png"},
        "columns": {"image": "file", "label": "folder"},
    })  # fmt: skip
    return load_dataset(open_project(folder), offline=True)


def said(dataset) -> list[str]:
    return [f"{p.what} | {p.todo}" for p in check(dataset).problems if p.kind == "groups"]


def test_a_column_named_like_a_group_is_said_where_its_values_stand_on_both_sides(tmp_path):
    (found,) = said(visits(tmp_path))
    assert "column 'speaker' has 40 values, about 6.0 rows each" in found
    assert 'split.group = "speaker"' in found


def test_nothing_is_said_where_the_split_keeps_groups_whole(tmp_path):
    assert said(visits(tmp_path, group="speaker")) == []


@pytest.mark.parametrize("name", ["person{who}_bacteria_{k}.png", "a-patient {who}-{k}.png"])
def test_files_named_after_people_are_said(tmp_path, name):
    (found,) = said(pictures(tmp_path, name))
    assert "has 30 values" in found
    word = "person" if "person" in name else "patient"
    assert f'split.group = "{word}"' in found


def test_sounds_named_after_speakers_are_said(tmp_path):
    """Of every reader whose rows are files, not of pictures alone."""
    from deepdojo.data.sounds import encode_sound

    draws = np.random.default_rng(0)
    for k in range(120):
        path = tmp_path / "in" / "ab"[k % 2] / f"speaker{k % 6}_{k}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_sound(draws.uniform(-0.5, 0.5, 400), 8000))
    project, _ = create(tmp_path / "out", tmp_path / "in")
    (found,) = said(load_dataset(project, offline=True))
    assert "the speaker in the files' names has 6 values" in found
    assert 'split.group = "speaker"' in found


def test_the_advice_on_files_is_one_that_works(tmp_path):
    """The pattern of the sentence, put into project.toml, parts the rows by person, and nothing more is said."""
    import tomlkit

    (found,) = said(pictures(tmp_path, "person{who}_{k}.png"))
    line = "pattern = " + found.split("data.pattern = ")[1].split(" and split")[0]
    values = tomlkit.parse((tmp_path / "project.toml").read_text()).unwrap()
    values["data"]["pattern"] = tomlkit.parse(line)["pattern"]
    values["split"] = {"group": "person"}
    save_project(tmp_path, values)
    dataset = load_dataset(open_project(tmp_path), offline=True)
    assert said(dataset) == []
    people = [{row["id"].split("person")[1].split("_")[0] for row in dataset.rows(s)} for s in ("train", "test")]
    assert not people[0] & people[1]


def test_files_with_plain_numbers_name_nobody(tmp_path):
    assert said(pictures(tmp_path, "img_{who}_{k}.png")) == []


def test_whose_a_file_is():
    assert owner_in_name("train/PNEUMONIA/person012_virus_6.jpeg") == ("person", "person12")
    assert owner_in_name("video 3/frame9.png") == ("video", "video3")
    assert owner_in_name("impersonator12.png") is None
    assert owner_in_name("cats/12.png") is None
