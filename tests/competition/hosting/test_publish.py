"""The public folder is a project that holds nothing of the answers; the private one holds them, for the host alone."""

from __future__ import annotations

import csv
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepdojo.competition.hosting.publish import publish
from deepdojo.competition.hosting.solution import read_solution
from deepdojo.data.check import check
from deepdojo.data.dataset import load_dataset
from deepdojo.data.images import decode_image
from deepdojo.data.new import create
from deepdojo.data.project import find_project, open_project
from deepdojo.errors import DataError, DojoError, ProjectError, UsageError
from deepdojo.tables import Table
from tests.competition.hosting.hosted_equals import assert_same_rows

KEY = bytes(range(32))


def test_rows_are_the_same_under_other_ids_and_test_rows_hold_inputs_alone(reviews, tmp_path):
    made = publish(reviews, tmp_path / "events" / "reviews", key=KEY)
    assert_same_rows(load_dataset(open_project(reviews)), made.public, KEY, most=1000)
    hosted = load_dataset(open_project(made.public))
    assert {part: len(hosted.rows(part)) for part in made.rows} == made.rows
    assert [row["id"] for row in hosted.rows("test")] == sorted(row["id"] for row in hosted.rows("test"))


def test_answers_of_test_rows_are_refused_where_they_are_withheld(reviews, tmp_path):
    hosted = load_dataset(open_project(publish(reviews, tmp_path / "event").public))
    with pytest.raises(DataError, match="the host of the competition keeps them"):
        hosted.truth("test")
    assert len(hosted.truth("validation")) == len(hosted.rows("validation"))
    assert len(hosted.digest("test")) == 64


def test_the_public_folder_passes_the_check_without_an_error(reviews, tmp_path):
    hosted = load_dataset(open_project(publish(reviews, tmp_path / "event").public))
    assert check(hosted).errors == []


def test_the_sample_submission_is_valid_and_scores_what_was_said(reviews, tmp_path):
    made = publish(reviews, tmp_path / "event", key=KEY)
    solution = read_solution(made.private)
    table = solution.read(made.public / "sample_submission.csv")
    assert solution.score(table).value == made.sample
    for part in (solution.public, ~solution.public):
        assert 0.2 < solution.score(table, part).value < 0.8
    assert int(solution.public.sum()) == made.public_rows == round(0.3 * len(solution.rows))


def test_a_perfect_table_of_the_true_labels_scores_one(reviews, tmp_path):
    made = publish(reviews, tmp_path / "event")
    solution = read_solution(made.private)
    table = Table({"id": solution.ids[::-1], "label": [row["label"] for row in solution.rows][::-1]})
    assert solution.score(table).value == 1.0


def test_one_key_gives_one_event_and_another_key_other_ids(reviews, tmp_path):
    first = publish(reviews, tmp_path / "a", key=KEY, name="event")
    again = publish(reviews, tmp_path / "b", key=KEY, name="event")
    other = publish(reviews, tmp_path / "c", name="event")
    for name in ("sample_submission.csv", "project.toml", "README.md"):
        assert (first.public / name).read_bytes() == (again.public / name).read_bytes()
    ids = {made.name + str(k): set(read_solution(made.private).ids) for k, made in enumerate((first, again, other))}
    assert ids["event0"] == ids["event1"]
    assert not ids["event0"] & ids["event2"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_the_private_folder_is_closed_to_others_whatever_the_umask(reviews, tmp_path):
    before = os.umask(0)
    try:
        made = publish(reviews, tmp_path / "event")
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.private.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.private.iterdir()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.public.iterdir()} == {0o644}


def test_no_answer_no_raw_id_and_no_key_stands_in_the_public_folder(tmp_path):
    """The canary rule: each test row's answer is a word that occurs nowhere else."""
    lines = ["key,english,german"] + [f"raw-{k},a house {k},zq7canary{k:04d} haus" for k in range(300)]
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    page = {
        "task": "translation", "source": {"path": "../pairs.csv"}, "data": {"id": "key", "file": "pairs.csv"},
        "columns": {"source": "english", "target": "german"},
    }  # fmt: skip
    from deepdojo.data.project import save_project

    (tmp_path / "pairs").mkdir()
    save_project(tmp_path / "pairs", page)
    made = publish(tmp_path / "pairs", tmp_path / "event")
    solution = read_solution(made.private)
    secrets = [row["target"].split()[0] for row in solution.rows] + [(made.private / "key").read_text().strip()]
    import duckdb

    shown = b"".join(path.read_bytes() for path in made.public.rglob("*") if path.is_file())
    for path in made.public.glob("*.parquet"):
        shown += repr(duckdb.sql(f"SELECT * FROM '{path}'").fetchall()).encode()
    assert len(secrets) == made.rows["test"] + 1
    assert not [secret for secret in secrets if secret.encode() in shown]
    assert b"raw-" not in shown
    assert b"zq7canary" in shown  # that of training rows


def test_pictures_lose_their_metadata_names_and_times_and_keep_their_pixels(photos, tmp_path):
    original = load_dataset(open_project(photos))
    made = publish(original, tmp_path / "event", key=KEY)
    assert_same_rows(original, made.public, KEY)
    files = sorted((made.public / "files").iterdir())
    assert len(files) == 60
    assert all(len(path.stem) == 11 and path.suffix == ".jpg" for path in files)
    assert {path.stat().st_mtime for path in made.public.rglob("*")} == {946_684_800.0}
    shown = b"".join(path.read_bytes() for path in files)
    assert b"anary" not in shown
    turned = [_exif(path) for path in files]
    assert all(set(exif) <= {0x0112} for exif in turned)
    assert {exif.get(0x0112, 1) for exif in turned} == set(range(1, 9))


def _exif(path: Path) -> dict[int, object]:
    with Image.open(path) as image:
        return dict(image.getexif())


def test_a_test_row_whose_picture_is_broken_is_left_out_and_told(photos, tmp_path):
    original = load_dataset(open_project(photos))
    broken = original.rows("test")[0]
    path = tmp_path / "pictures" / broken["image"].name
    if not path.is_file():
        path = next((tmp_path / "pictures").rglob(Path(broken["image"].name).name))
    path.write_bytes(path.read_bytes()[:-400])
    made = publish(original, tmp_path / "event")
    assert [row_id for row_id, _, _ in made.left_out] == [broken["id"]]
    assert made.rows["test"] == len(original.rows("test")) - 1 == len(read_solution(made.private).rows)


def test_groups_stand_in_the_solution_alone_and_are_kept_whole(tmp_path):
    draws = np.random.default_rng(1)
    rows = [["patient", "a", "b", "label"]]
    for k in range(600):
        label = int(draws.random() < 0.5)
        rows.append([f"P{k % 60:03d}", f"{draws.normal() + label:.4f}", f"{draws.normal():.4f}", ("no", "yes")[label]])
    with (tmp_path / "beats.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    create(tmp_path / "beats", tmp_path / "beats.csv", target="label", group="patient")
    made = publish(tmp_path / "beats", tmp_path / "event")
    solution = read_solution(made.private)
    assert solution.groups is not None
    for group in np.unique(solution.groups):
        assert len(np.unique(solution.public[solution.groups == group])) == 1
    assert "patient" not in (made.public / "project.toml").read_text()
    assert set(load_dataset(open_project(made.public)).rows("train")[0]["features"]) == {"a", "b"}


def test_language_modelling_cannot_be_hosted(tmp_path):
    with pytest.raises(ProjectError, match="its text is the answer itself"):
        publish("shakespeare", tmp_path / "event", practice=True)
    assert not (tmp_path / "event").exists()


def test_public_data_need_practice_and_the_page_says_so(tmp_path):
    with pytest.raises(ProjectError, match="--practice"):
        publish("breast-cancer", tmp_path / "event")
    made = publish("breast-cancer", tmp_path / "event", practice=True)
    assert "for practice" in (made.public / "README.md").read_text(encoding="utf-8")


def test_the_readme_says_licence_citation_metric_and_how_to_enter(tmp_path):
    made = publish("breast-cancer", tmp_path / "event", practice=True, title="A title")
    text = (made.public / "README.md").read_text(encoding="utf-8")
    spec = find_project("breast-cancer").spec
    for part in ("# A title", spec.licence, spec.cite, "**accuracy** (higher is better)", "dojo submit"):
        assert part in text


def test_an_event_of_that_name_is_never_overwritten(reviews, tmp_path):
    (tmp_path / "event").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        publish(reviews, tmp_path / "event")
    assert list((tmp_path / "event").iterdir()) == []


def test_a_failed_hosting_leaves_nothing_half_made(reviews, tmp_path, monkeypatch):
    import importlib

    module = importlib.import_module("deepdojo.competition.hosting.publish")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        publish(reviews, tmp_path / "events" / "one")
    assert list((tmp_path / "events").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="on Windows the age of what was left decides")
def test_what_a_killed_hosting_left_is_swept_and_what_another_makes_is_not(reviews, tmp_path):
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = tmp_path / "events" / f".one.{int(child.stdout)}.abc.partial"
    other = tmp_path / "events" / f".one.{os.getpid()}.xyz.partial"
    left.mkdir(parents=True)
    other.mkdir()
    publish(reviews, tmp_path / "events" / "one")
    assert {path.name for path in (tmp_path / "events").iterdir()} == {"one", other.name}


@pytest.mark.parametrize("name", ["", "a/b", "..", ".x", "é", "a b", "x" * 65, "a."])
def test_names_that_cannot_stand_in_an_address_are_refused(reviews, tmp_path, name):
    with pytest.raises(UsageError, match="cannot stand in an address"):
        publish(reviews, tmp_path / "event", name=name)


@pytest.mark.parametrize("share", [0, 1, -0.5, 2, float("nan")])
def test_a_public_share_outside_0_to_1_is_refused(reviews, tmp_path, share):
    with pytest.raises(UsageError, match="public share"):
        publish(reviews, tmp_path / "event", public_share=share)


def test_a_damaged_solution_is_refused(reviews, tmp_path):
    made = publish(reviews, tmp_path / "event")
    page = made.private / "solution.json"
    page.write_text(page.read_text().replace('"digest": "', '"digest": "0'))
    with pytest.raises(DojoError, match="not the one that was hosted"):
        read_solution(made.private)
    page.write_text("{")
    with pytest.raises(DojoError, match="cannot be read"):
        read_solution(made.private)


def test_a_project_whose_answers_are_withheld_cannot_be_hosted_again(reviews, tmp_path):
    made = publish(reviews, tmp_path / "event")
    with pytest.raises(DataError, match="keeps them"):
        publish(made.public, tmp_path / "other")


def test_ten_thousand_texts_are_hosted_in_seconds(tmp_path):
    draws = np.random.default_rng(0)
    words = np.array([f"word{k}" for k in range(500)])
    with (tmp_path / "texts.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["text", "label"])
        for k in range(10_000):
            out.writerow([" ".join(draws.choice(words, 20)) + f" {k}", ("a", "b")[int(draws.random() < 0.5)]])
    create(tmp_path / "texts", tmp_path / "texts.csv", target="label")
    began = time.process_time()
    publish(tmp_path / "texts", tmp_path / "event")
    assert time.process_time() - began < 10


def test_pixels_of_a_table_become_png_files_with_the_same_pixels(tmp_path):
    made = publish("digits", tmp_path / "event", practice=True, key=KEY)
    original = load_dataset(find_project("digits"))
    assert_same_rows(original, made.public, KEY, most=30)
    first = next((made.public / "files").iterdir())
    assert decode_image(first.read_bytes()).shape == (8, 8)


def test_a_metric_of_the_hosts_own_is_handed_out_and_kept(reviews, tmp_path):
    (reviews / "half.py").write_text(
        "def score(solution, submission, row_id_column_name):\n"
        "    return 0.5 * float((solution['label'] == submission['label']).mean())\n"
    )
    page = reviews / "project.toml"
    page.write_text(page.read_text().replace('task = "text', 'metric = "python:half.py"\ntask = "text', 1))
    page.write_text("\n".join(x for x in page.read_text().split("\n") if not x.startswith('metric = "acc')))
    with pytest.raises(DojoError, match="--trust"):
        publish(reviews, tmp_path / "event")
    made = publish(reviews, tmp_path / "event", trusted=True)
    solution = read_solution(made.private)
    table = Table({"id": solution.ids, "label": [row["label"] for row in solution.rows]})
    assert solution.score(table, trusted=True).value == 0.5
    assert open_project(made.public).metric == "python:metric.py"
    assert (made.public / "metric.py").read_bytes() == (reviews / "half.py").read_bytes()


def test_features_named_as_the_tables_own_columns_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("id,a,verdict\n" + "".join(f"{k % 7},{k},{'yn'[k % 2]}\n" for k in range(60)))
    folder = tmp_path / "p"
    folder.mkdir()
    from deepdojo.data.project import save_project

    save_project(folder, {"task": "tabular-classification", "source": {"path": "../t.csv"}, "data": {"file": "t.csv"},
                          "columns": {"features": ["id", "a"], "label": "verdict"}})  # fmt: skip
    with pytest.raises(DataError, match="named 'id'"):
        publish(folder, tmp_path / "event")
