"""`dojo train PROJECT --all`: the order, what does not fit, what is found again, what an interruption keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepdojo import api
from deepdojo.errors import TrainingError, UsageError
from deepdojo.session import every_recipe
from tests.session.test_again import StopAt, made
from tests.session.test_curve import Heard

SETTINGS: dict[str, Any] = {"set": ["train.epochs=2"], "baselines": False}


def names(heard: Heard) -> list[str]:
    return [detail.partition(" · ")[0] for detail in heard.trained]


def test_the_default_comes_first_and_each_recipe_once_also_when_it_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(tmp_path / "made")
    (folder / "recipes").mkdir()
    (folder / "recipes" / "slow.toml").write_text('[model]\nname = "mlp"\nhidden = [31]\n', encoding="utf-8")
    expected = {"default": 9.0, "slow": 5.0, "linear": 1.0}
    monkeypatch.setattr(every_recipe, "expected_seconds", lambda network: expected[network.session.recipe_name])
    heard = Heard()
    found = api.train_all(folder, listener=heard, **SETTINGS)
    assert names(heard) == ["default", "linear", "slow"]
    assert set(found["runs"]) == {"default", "linear", "slow"}
    assert [one["recipe"] for one in found["left"]] == ["mlp"]
    assert "the same here as default" in found["left"][0]["reason"]
    assert sum(row["kind"] == "run" for row in found["board"]) == 3
    again = Heard()
    assert set(api.train_all(folder, listener=again, **SETTINGS)["runs"]) == {"default", "linear", "slow"}
    assert again.trained == []


def test_what_does_not_fit_the_time_is_named_with_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {"default": 1.0, "linear": 500.0}
    monkeypatch.setattr(every_recipe, "expected_seconds", lambda network: expected[network.session.recipe_name])
    found = api.train_all(made(tmp_path / "made"), budget=300.0, **SETTINGS)
    assert set(found["runs"]) == {"default"}
    late = next(one for one in found["left"] if one["recipe"] == "linear")
    assert late == {"recipe": "linear", "reason": "does not fit the time that is left", "needs_s": 500.0}


def test_ctrl_c_keeps_what_is_done_and_the_same_call_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "made")
    monkeypatch.setattr(every_recipe, "expected_seconds", lambda network: 1.0)
    with pytest.raises(KeyboardInterrupt):
        api.train_all(folder, listener=StopAt("train", 25), **SETTINGS)
    left = [path.name for path in (folder / "runs").glob("20*")]
    assert sorted(name.endswith(".partial") for name in left) == [False, True]
    heard = Heard()
    found = api.train_all(folder, listener=heard, **SETTINGS)
    assert names(heard) == ["linear"]
    assert {Path(run["run"]).name + s for run in found["runs"].values() for s in ("", ".partial")} >= set(left)


def test_a_recipe_that_fails_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = every_recipe.EveryRecipe.train_one

    def failing(self: Any, name: str) -> Any:
        if name == "default":
            raise TrainingError("the loss is not finite")
        return before(self, name)

    monkeypatch.setattr(every_recipe.EveryRecipe, "train_one", failing)
    found = api.train_all(made(tmp_path / "made"), **SETTINGS)
    assert set(found["runs"]) == {"linear"}
    assert {"recipe": "default", "reason": "failed: the loss is not finite", "needs_s": None} in found["left"]


def test_the_guess_of_a_trainings_time_grows_with_its_epochs(tmp_path: Path) -> None:
    folder = made(tmp_path / "made")
    guesses = []
    for epochs in (1, 400):
        walk = every_recipe.begin_every_recipe(
            folder, changes=[f"train.epochs={epochs}"], seed=0, options=every_recipe.Options(), runs=None,
            offline=True, yes=False, trust=False, listener=Heard(), started=0.0,
        )  # fmt: skip
        guesses.append(walk.expected_s("default") - every_recipe.SCORING_S)  # type: ignore[operator]
    assert 0 < guesses[0] < guesses[1] / 20


def test_a_budget_of_a_second_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too short"):
        api.train_all(made(tmp_path / "made"), budget=1.0)
