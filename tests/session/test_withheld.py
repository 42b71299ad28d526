"""A project whose host keeps the answers of the test rows: everything works in it, and scores validation rows alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepdojo import api
from deepdojo.competition.hosting.publish import publish
from deepdojo.competition.hosting.solution import read_solution
from deepdojo.data.dataset import load_dataset
from deepdojo.data.new import create
from deepdojo.data.project import open_project
from deepdojo.data.spec_checks import parse_project
from deepdojo.errors import DataError, ProjectError
from deepdojo.runs import Run
from deepdojo.tables import Table

PAGE = {"name": "x", "task": "text-classification"}


@pytest.fixture(scope="module")
def event(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("event")
    draws = np.random.default_rng(3)
    lines = ["a,b,c,label"]
    for _ in range(300):
        label = int(draws.random() < 0.5)
        lines.append(
            f"{draws.normal() + label:.3f},{draws.choice(['x', 'y'])},{draws.normal():.3f},{['no', 'yes'][label]}"
        )
    (place / "rows.csv").write_text("\n".join(lines) + "\n")
    create(place / "project", place / "rows.csv", target="label")
    publish(place / "project", place / "one")
    return place / "one"


@pytest.fixture(scope="module")
def run(event) -> Run:
    return api.train(event / "public", set={"train.epochs": 2}).run


def test_a_run_leaves_predictions_that_the_host_can_score(event, run):
    solution = read_solution(event / "private")
    score = solution.score(solution.read(run.folder / "predictions.parquet"))
    assert score.n == len(solution.rows)
    assert run.score["value"] is None
    assert run.score["validation"]["n"] == len(load_dataset(open_project(event / "public")).rows("validation"))
    assert (run.folder / "report.html").is_file()


def test_predict_gives_the_cells_of_the_run_for_the_test_rows_by_id(event, run):
    again, rejected = api.predict(run.folder, event / "public" / "test.parquet")
    assert not rejected
    assert {row["id"]: row for row in again.rows()} == {row["id"]: row for row in run.predictions().rows()}


def test_check_finds_no_error_and_score_says_who_scores(event, run):
    assert api.check(event / "public").errors == []
    with pytest.raises(DataError, match="the host of the competition keeps them"):
        api.score(event / "public", run.folder / "predictions.parquet")


def test_the_board_has_no_row_of_a_run_that_was_not_scored(event, run):
    assert api.board(event / "public") == []


def test_several_seeds_train_and_a_curve_is_refused_before_the_work(event):
    several = api.train(event / "public", set={"train.epochs": 1}, seeds=2, report=False).run
    assert several.score["value"] is None
    assert all((one.folder / "predictions.parquet").is_file() for one in several.members())
    with pytest.raises(DataError, match="keeps them"):
        api.curve(event / "public", shares=[0.2, 0.5, 1.0])


def test_packed_rows_are_the_rows(event, monkeypatch):
    kept = load_dataset(open_project(event / "public"))
    monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", "0")
    packed = load_dataset(open_project(event / "public"))
    assert packed.packed is not None
    for part in ("train", "validation", "test"):
        assert [dict(row) for row in packed.rows(part)] == [dict(row) for row in kept.rows(part)]
    assert packed.digest("test") == kept.digest("test")


def test_withheld_needs_a_test_part_and_a_task_that_has_answers():
    with pytest.raises(ProjectError, match="gives no test part"):
        parse_project({**PAGE, "data": {"file": "a.csv", "withheld": True}}, where="project.toml")
    split = {"train": {"file": "a.txt"}, "test": {"file": "b.txt"}}
    page = {"name": "x", "task": "language-modelling", "data": {"reader": "text", "split": split, "withheld": True}}
    with pytest.raises(ProjectError, match="has no answers beside its rows"):
        parse_project(page, where="project.toml")


def test_a_table_of_any_program_scores_too(event):
    solution = read_solution(event / "private")
    table = Table({"id": solution.ids, "label": ["yes"] * len(solution.ids)})
    assert 0.3 < solution.score(table).value < 0.7
