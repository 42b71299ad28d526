"""`--search`: trials see validation rows alone, the best settings are scored once, the count stands on the board."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import deepdojo as dd
from deepdojo.errors import UsageError
from deepdojo.recipes import Recipe
from deepdojo.session.search import Search
from deepdojo.session.search_space import space_of
from tests.session.test_again import QUICK, StopAt, made
from tests.session.test_curve import Heard

TWO = {"set": ["train.epochs=2"], **QUICK}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = made(tmp_path_factory.mktemp("search") / "made")
    return folder, dd.train(folder, search=4, **TWO)


def record(folder: Path) -> list[dict[str, Any]]:
    trials = json.loads((folder / "search.json").read_text(encoding="utf-8"))["trials"]
    return [{k: trial[k] for k in ("number", "params", "value", "loss")} for trial in trials]


def test_trials_leave_the_held_out_rows_closed_and_the_winner_is_a_run_of_its_settings(
    searched: tuple[Path, Any],
) -> None:
    folder, run = searched
    for trial in (run.folder / "trials").iterdir():
        assert json.loads((trial / "score.json").read_text())["value"] is None
        assert not (trial / "predictions.parquet").exists()
    trials = record(run.folder)
    best = max(trials, key=lambda one: (one["value"], -one["loss"]))
    info = run.run.info
    assert info["search"]["params"] == best["params"]
    assert info["search"]["trials"] == 4
    assert info["train"]["lr"] == best["params"]["train.lr"]
    alone = dd.train(folder, set={"train.epochs": 2, **best["params"]}, **QUICK)
    assert alone.score == run.score


def test_the_first_trial_is_the_recipe_and_what_was_set_stays(searched: tuple[Path, Any]) -> None:
    trials = record(searched[1].folder)
    assert trials[0]["params"]["train.lr"] == 1e-3
    assert len({trial["params"]["train.lr"] for trial in trials}) == 4
    assert all("train.epochs" not in trial["params"] for trial in trials)


def test_the_board_row_and_the_report_say_of_how_many_it_is_the_best(searched: tuple[Path, Any]) -> None:
    folder, run = searched
    row = next(row for row in dd.board(folder) if row["id"] == run.id)
    assert row["trials"] == 4
    dd.report(run.folder)
    assert "best of 4 that were tried" in (run.folder / "report.html").read_text(encoding="utf-8")
    assert dd.reproduce(run).same_score


@pytest.mark.parametrize("reports", [9, 18])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(
    searched: tuple[Path, Any], tmp_path: Path, reports: int
) -> None:
    folder = made(tmp_path / "made")
    with pytest.raises(KeyboardInterrupt):
        dd.train(folder, search=4, listener=StopAt("train", reports), **TWO)
    left = next((folder / "runs").glob("*.partial"))
    run = dd.train(resume=left)
    assert record(run.folder) == record(searched[1].folder)
    assert run.score == searched[1].score


def test_a_budget_ends_the_trials_and_leaves_time_for_the_winner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Search.try_one

    def slow(self: Search, trial: dict[str, Any]) -> None:
        before(self, trial)
        trial["seconds"] = 250.0

    monkeypatch.setattr(Search, "try_one", slow)
    heard = Heard()
    run = dd.train(made(tmp_path / "made"), search=9, budget=500.0, listener=heard, **TWO)
    assert run.run.info["search"]["trials"] == 1
    assert any("1 of 9 trials fit the budget" in sentence for sentence in heard.said)


def test_the_space_is_made_of_the_recipes_own_fields() -> None:
    recipe = Recipe.parse(
        {"model": {"name": "text_cnn"}, "train": {"epochs": 4, "batch_size": 8, "lr": 1e-3}}, where="here"
    )
    space = {one.key: one for one in space_of(recipe, [])}
    assert space["train.epochs"].choices == (2, 4, 8)
    assert (space["train.lr"].low, space["train.lr"].high) == (1e-3 / 8, 8e-3)
    assert space["model.dropout"].high == 0.6
    assert "train.lr" not in {one.key for one in space_of(recipe, ["train.lr"])}


def test_a_missing_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r'pip install "deepdojo\[search\]"'):
        dd.train(made(tmp_path / "made"), search=4, **TWO)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"search": 1}, "1 trials are no search"),
        ({"search": 3, "seeds": 2}, "a search is of one training"),
        ({"search": 3, "validation_only": True}, "does not go with --search"),
        ({"search": 3, "find_lr": True}, "does not go with --search"),
    ],
)
def test_what_does_not_go_with_a_search_is_refused(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        dd.train(made(tmp_path / "made", n=60), **TWO, **given)
