"""`dojo errors`: the worst held-out rows, labels that are likely wrong, and labels that were mended."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from deepdojo import api
from deepdojo.cli.app import main
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import find_project, save_project
from deepdojo.errors import ProjectError, RunError, SourceError, UnknownNameError, UsageError
from deepdojo.runs import Run

GOOD = ["crisp", "sweet", "ripe", "fresh", "juicy", "bright"]
BAD = ["sour", "stale", "bruised", "bland", "soft", "rotten"]
WRONG = range(7, 160, 23)  # rows, by number from 1, whose label is turned round
RECIPE = {"model.name": "bag_of_ngrams", "task.ngrams": True, "train.epochs": 6, "train.lr": 0.02}


def fruit(folder: Path) -> Path:
    """160 notes, each of its own words, seven with a wrong label."""
    draw = random.Random(3)
    folder.mkdir()
    with (folder / "notes.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for i in range(1, 161):
            words = [*draw.choices((GOOD, BAD)[i % 2], k=4), f"no{i}"]
            rows.writerow([" ".join(words), ("tasty", "poor")[(i + (i in WRONG)) % 2]])
    save_project(folder, {"task": "text-classification", "data": {"file": "notes.csv"}})
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = fruit(tmp_path_factory.mktemp("errors") / "fruit")
    run = api.train(folder, set=RECIPE, baselines=False, explain=False, report=False)
    return run.folder


def test_the_worst_held_out_rows_come_first_with_their_places(trained: Path) -> None:
    found = api.errors(trained, n=3)["rows"]
    assert [row["loss"] for row in found] == sorted((row["loss"] for row in found), reverse=True)
    held_out = Run(trained).predictions().ids
    assert all(row["id"] in held_out and row["line"] == int(row["id"]) + 1 for row in found)
    assert {row["file"] for row in found} == {"notes.csv"}
    turned = [row for row in found if int(row["id"]) in WRONG]
    assert all(row["truth"] != row["predicted"] for row in turned)


def test_turned_labels_are_found_and_held_out_rows_are_not_looked_at(trained: Path) -> None:
    found = api.errors(trained, suspect_labels=True, n=100)
    held_out = set(Run(trained).predictions().ids)
    turned = {str(i) for i in WRONG} - held_out
    doubted = [row["id"] for row in found["rows"]]
    assert not held_out & set(doubted)
    assert turned
    assert turned <= set(doubted[: len(turned) + 2])
    assert found["judged"] == 160 - len(held_out)
    assert 0 <= found["wrong"]["low"] <= found["wrong"]["value"] <= found["wrong"]["high"] < 0.3
    assert all(row["margin"] == pytest.approx(row["p_given"] - row["p_suggested"]) for row in found["rows"])


def test_a_search_goes_on_where_it_was_and_says_the_same(trained: Path) -> None:
    before = api.errors(trained, suspect_labels=True)
    (trained / "suspects" / "fold-3.parquet").unlink()
    assert api.errors(trained, suspect_labels=True) == before


def test_mended_labels_are_fed_back(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fruit(tmp_path / "mended")
    assert main(["errors", str(trained), "--suspect-labels", "--n", "2", "-o", str(folder / "mend.csv")]) == 0
    said = capsys.readouterr().out
    assert "labels are doubted" in said
    assert "Next: dojo train" in said
    with (folder / "mend.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [row["given"] for row in rows]
    for row in rows:
        row["label"] = row["suggested"]
    with (folder / "mend.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    spec = {"task": "text-classification", "data": {"file": "notes.csv"}}
    data = load_dataset(save_project(folder, {**spec, "labels": {"corrections": "mend.csv"}}))
    plain = load_dataset(save_project(folder, spec))
    labels = {}
    for name, one in (("mended", data), ("plain", plain)):
        labels[name] = {row["id"]: row["label"] for part in ("train", "validation", "test") for row in one.truth(part)}
    changed = {key for key, label in labels["plain"].items() if labels["mended"][key] != label}
    assert changed == {row["id"] for row in rows}
    assert "mend.csv" in data.files


def test_corrections_without_their_columns_file_or_labels_say_so(tmp_path: Path) -> None:
    folder = fruit(tmp_path / "fruit")
    spec = {"task": "text-classification", "data": {"file": "notes.csv"}, "labels": {"corrections": "mend.csv"}}
    with pytest.raises(SourceError, match=r"mend\.csv"):
        load_dataset(save_project(folder, spec))
    (folder / "mend.csv").write_text("id,lable\n1,tasty\n")
    with pytest.raises(UnknownNameError, match="'label'"):
        load_dataset(save_project(folder, spec))
    with pytest.raises(ProjectError, match="corrections are of labels"):
        load_dataset(
            save_project(folder, {**spec, "task": "multi-label-classification", "columns": {"labels": "label"}})
        )


def test_json_and_a_list_of_none_and_a_wrong_ending(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["errors", str(trained), "--n", "2", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 2
    with pytest.raises(UsageError, match="CSV"):
        api.errors(trained, output="x.parquet")
    assert main(["errors", str(trained), "--n", "0"]) == 2


def test_a_task_without_classes_has_no_labels_to_doubt(tmp_path: Path) -> None:
    run = api.train("diabetes-progression", set={"train.epochs": 1}, baselines=False, explain=False, report=False,
                    runs=tmp_path)  # fmt: skip
    with pytest.raises(RunError, match="no probabilities of classes"):
        api.errors(run.folder, suspect_labels=True)
    assert len(api.errors(run.folder, n=4)["rows"]) == 4
    assert find_project("diabetes-progression").contract.target_kind == "number"
