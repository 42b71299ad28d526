"""Answers of an event that lie in a bundle under other names, in another form, or as folders of pictures."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest

from deepdojo.competition import bundle
from deepdojo.competition.bundle_facts import given_away, kept_back
from deepdojo.competition.hosting.publish import publish


def stick(folder: Path, *names: str) -> Path:
    """The facts of a bundle whose projects are there."""
    facts = {"platform": sys.platform, "python": "3.11", "extras": [], "projects": list(names)}
    (folder / "bundle.json").write_text(json.dumps(facts))
    return folder


def renamed(folder: Path) -> Path:
    """A project of a name that nobody hosts."""
    folder.mkdir(parents=True)
    (folder / "project.toml").write_text('name = "other"\ntask = "text-classification"\n')
    return folder


@pytest.fixture
def event(reviews: Path, tmp_path: Path) -> Path:
    """Its private folder."""
    return publish(reviews, tmp_path / "store" / "events" / "spring").private


def test_the_same_bytes_under_another_name(event: Path, reviews: Path, tmp_path: Path) -> None:
    other = renamed(tmp_path / "stick" / "projects" / "other")
    shutil.copy(tmp_path / "reviews.csv", other / "notes.bin")
    assert given_away(other, event) == "notes.bin"
    (other / "notes.bin").unlink()
    assert given_away(other, event) is None
    shutil.copy(event / "solution.parquet", other / "extra.dat")
    assert given_away(other, event) == "extra.dat"


def test_rows_in_another_form_with_columns_of_other_names(event: Path, tmp_path: Path) -> None:
    import duckdb

    other = renamed(tmp_path / "stick" / "projects" / "other")
    rows = list(csv.DictReader((tmp_path / "reviews.csv").read_text().splitlines()))
    answers = {row["key"]: row["verdict"] for row in rows}
    with (other / "a.tsv").open("w") as file:
        file.writelines(["n\tk\tv\n", *(f"{i}\t{key}\t{answers[key]}\n" for i, key in enumerate(sorted(answers)))])
    assert given_away(other, event) == "a.tsv"
    (other / "a.tsv").unlink()
    with (other / "a.jsonl").open("w") as file:
        file.writelines(json.dumps({"k": key, "v": label}) + "\n" for key, label in answers.items())
    assert given_away(other, event) == "a.jsonl"
    (other / "a.jsonl").unlink()
    duckdb.sql(f"COPY (SELECT target.* EXCLUDE usage FROM '{event}/solution.parquet' target) TO '{other}/b.csv.gz'")
    assert given_away(other, event) == "b.csv.gz"


def test_neither_ids_alone_nor_a_guess_nor_what_was_handed_out_is_kept_back(event: Path, tmp_path: Path) -> None:
    other = renamed(tmp_path / "stick" / "projects" / "other")
    rows = list(csv.DictReader((tmp_path / "reviews.csv").read_text().splitlines()))
    guesses = [f"{row['key']},yes,{'yes' if k % 2 else 'no'}\n" for k, row in enumerate(rows)]
    (other / "guess.csv").write_text("key,one,two\n" + "".join(guesses))
    shutil.copytree(event.parent / "public", other / "entrant")
    assert given_away(other, event) is None


def test_rows_without_ids_are_known_by_their_places(tmp_path: Path) -> None:
    from deepdojo.data.new import create

    lines = [f"word{k * 37 % 101} thing{k},{'ab'[(k * k + k // 3) % 2]}" for k in range(300)]
    (tmp_path / "plain.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    create(tmp_path / "plain", tmp_path / "plain.csv", target="label")
    private = publish(tmp_path / "plain", tmp_path / "events" / "spring").private
    other = renamed(tmp_path / "stick" / "projects" / "other")
    (other / "c.csv").write_text("y,x\n" + "".join(f"{line[-1]},{line[:-2]}\n" for line in lines))
    assert given_away(other, private) == "c.csv"
    (other / "c.csv").write_text("y,x\n" + "".join(f"{'ab'[k % 2]},{k}\n" for k in range(300)))
    assert given_away(other, private) is None


def test_pictures_in_folders_of_their_labels(photos: Path, tmp_path: Path) -> None:
    private = publish(photos, tmp_path / "events" / "pets").private
    other = renamed(tmp_path / "stick" / "projects" / "other")
    shutil.copytree(tmp_path / "pictures", other / "data")
    assert given_away(other, private) == "other/"
    shutil.rmtree(other / "data")
    shutil.copytree(private.parent / "public", other / "data")
    assert given_away(other, private) is None
    solution = {row["id"]: row["label"] for row in _rows(private)}
    for k, path in enumerate(sorted((other / "data" / "files").iterdir())):
        label = solution.get(path.name.partition(".")[0].partition("-")[0])
        if label is not None:
            (other / "named" / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, other / "named" / label / f"{k}.jpg")
    assert given_away(other, private) == "other/"


def _rows(private: Path) -> list[dict[str, str]]:
    from deepdojo.competition.hosting.solution import read_solution

    return [dict(row) for row in read_solution(private).rows]


def test_the_server_keeps_it_back_and_notices_what_comes_later(event: Path, tmp_path: Path) -> None:
    other = renamed(tmp_path / "stick" / "projects" / "other")
    events = event.parents[1]
    assert kept_back(stick(tmp_path / "stick", "other"), events) == []
    shutil.copy(tmp_path / "reviews.csv", other / "later.csv")
    assert kept_back(tmp_path / "stick", events) == ["other"]


def test_dojo_bundle_says_so(event: Path, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "_wheels", lambda folder, extras: folder.mkdir() or [])  # pip has its own tests
    page = (reviews / "project.toml").read_text()
    (reviews / "project.toml").write_text(page.replace('name = "reviews"', 'name = "other"'))
    shutil.copytree(reviews, tmp_path / "other")
    made = bundle.write_bundle(tmp_path / "stick", [tmp_path / "other"], store=tmp_path / "store")
    [note] = made["notes"]
    assert "gives away what the event spring" in note
    assert "reviews.csv" in note
    assert bundle.write_bundle(tmp_path / "stick2", [tmp_path / "other"], store=tmp_path / "none")["notes"] == []
