"""`dojo curve`: what each share holds, what is trained and what is found again, the law, the answer, the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepdojo as dd
from deepdojo import api
from deepdojo.data.shares import share_of
from deepdojo.errors import DataError, UsageError
from deepdojo.scoring.power_law import back_test, bend_p, fit_power_law
from deepdojo.session.listener import Listener
from tests.session.test_again import StopAt, made

SHARES = (0.2, 0.5, 1.0)
SETTINGS: dict[str, Any] = {"shares": SHARES, "set": ["train.epochs=2"], "baselines": False}


class Heard(Listener):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.trained: list[str] = []

    def stage(self, name: str, detail: str = "") -> None:
        if name == "train":
            self.trained.append(detail)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


# ----- shares


def test_shares_of_a_seed_are_nested_and_each_class_keeps_its_part() -> None:
    labels = ["a"] * 600 + ["b"] * 390 + ["rare"] * 10
    before: set[int] = set()
    for share in (0.01, 0.02, 0.05, 0.1, 0.5, 1.0):
        kept = share_of(1000, share, 3, labels=labels)
        assert (np.diff(kept) > 0).all()
        assert before <= set(kept)
        before = set(kept)
        found = [labels[i] for i in kept]
        assert found.count("rare") == max(1, round(share * 10))
        assert found.count("a") == round(share * 600)
    assert set(share_of(1000, 0.1, 3, labels=labels)) != set(share_of(1000, 0.1, 4, labels=labels))


def test_groups_are_drawn_whole_and_no_class_is_lost() -> None:
    groups = np.repeat(np.arange(50), 4)
    labels = ["rare" if g == 49 else "a" if g % 2 else "b" for g in groups]
    before: set[int] = set()
    for share in (0.02, 0.1, 0.3, 0.6):
        kept = set(share_of(200, share, 0, labels=labels, groups=groups).tolist())
        assert before <= kept
        before = kept
        assert all(len(kept & set(np.flatnonzero(groups == groups[i]).tolist())) == 4 for i in kept)
        assert {labels[i] for i in kept} == {"a", "b", "rare"}


def test_rows_without_classes_are_a_prefix_of_one_permutation() -> None:
    assert set(share_of(100, 0.1, 7)) <= set(share_of(100, 0.3, 7))
    assert len(share_of(100, 0.1, 7)) == 10
    assert len(share_of(5, 0.01, 7)) == 1


# ----- law


def errors(b: float, sd: float, seeds: int, rng: np.random.Generator, floor: float = 0.0) -> tuple[list, list]:
    n = np.array([200.0, 400, 1000, 2000, 4000, 10000, 20000])
    e = 0.5 * (n / 200) ** -b + floor
    return list(n), [list(one * np.exp(rng.normal(0, sd, seeds))) for one in e]


def test_the_law_recovers_its_exponent_within_its_interval() -> None:
    rng = np.random.default_rng(0)
    held = alarms = 0
    for _ in range(150):
        n, e = errors(0.2, 0.05, 3, rng)
        law = fit_power_law(n, e)
        assert law is not None
        held += law.b_low <= 0.2 <= law.b_high
        p = bend_p(n, e)
        assert p is not None
        alarms += p < 0.05
    assert held >= 135  # 95 % of 150 are 142; fewer than 135 come by chance once in 600
    assert alarms <= 16  # 5 % of 150 are 7.5; more than 16 come by chance once in 500


def test_the_law_of_errors_without_noise_is_exact() -> None:
    n, e = errors(0.3, 0.0, 2, np.random.default_rng(0))
    law = fit_power_law(n, e)
    assert law is not None
    assert law.b == pytest.approx(0.3, abs=1e-9)
    assert law.at(40000)[0] == pytest.approx(0.5 * 200**-0.3, rel=1e-9)
    assert law.change(2.0)[0] == pytest.approx(2**-0.3 - 1, rel=1e-9)


def test_a_curve_that_runs_into_a_floor_is_seen_to_be_bent() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        n, e = errors(1.0, 0.02, 3, rng, floor=0.2)
        p = bend_p(n, e)
        assert p is not None
        assert p < 0.05


def test_the_back_test_misses_where_the_small_shares_promise_too_much() -> None:
    n, e = errors(0.3, 0.01, 3, np.random.default_rng(2))
    assert back_test(n, e).holds  # type: ignore[union-attr]
    stuck = [*e[:-2], e[-3], e[-3]]
    assert not back_test(n, stuck).holds  # type: ignore[union-attr]


def test_no_law_is_fitted_to_two_shares_or_an_error_of_nothing() -> None:
    assert fit_power_law([10, 20], [[0.1], [0.2]]) is None
    assert fit_power_law([10, 20, 40], [[0.1], [0.0], [0.1]]) is None
    assert bend_p([10, 20, 40], [[0.1], [0.2], [0.1]]) is None


# ----- trainings


@pytest.fixture(scope="module")
def curved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = made(tmp_path_factory.mktemp("curve") / "made")
    return folder, api.curve(folder, seeds=2, **SETTINGS)


@pytest.mark.slow
def test_every_share_and_seed_is_a_training_and_the_board_shows_the_share(curved: tuple[Path, dict[str, Any]]) -> None:
    folder, found = curved
    assert [p["share"] for p in found["points"]] == list(SHARES)
    assert [p["rows"] for p in found["points"]] == sorted(p["rows"] for p in found["points"])
    for point in found["points"]:
        assert [s["seed"] for s in point["seeds"]] == [0, 1]
        assert point["score"] == pytest.approx(np.mean([s["score"] for s in point["seeds"]]), abs=1e-12)
        assert point["low"] <= point["score"] <= point["high"]
    shares = sorted(row["data_share"] for row in dd.board(folder) if row["kind"] == "run")
    assert shares == list(SHARES)


def test_few_rows_are_trained_as_many_steps_as_all(curved: tuple[Path, dict[str, Any]]) -> None:
    _, found = curved
    steps = [point["seeds"][0]["steps"] for point in found["points"]]
    assert min(steps) >= steps[-1] * 0.9
    assert max(steps) <= 2 * steps[-1]


def test_the_same_call_trains_nothing_and_more_seeds_only_the_new_ones(curved: tuple[Path, dict[str, Any]]) -> None:
    folder, found = curved
    heard = Heard()
    again = api.curve(folder, seeds=2, listener=heard, **SETTINGS)
    assert heard.trained == []
    assert again["points"] == found["points"]
    dd.train(folder, seed=2, set=SETTINGS["set"], baselines=False, explain=False, report=False)
    more = api.curve(folder, seeds=3, listener=heard, **SETTINGS)
    assert "found again: 7 of 9 trainings" in heard.said  # the run that train has left is one of the curve's
    assert len(heard.trained) == len(SHARES) - 1
    assert all("seed 2" in one for one in heard.trained)
    assert [s["score"] for s in more["points"][0]["seeds"]][:2] == [s["score"] for s in found["points"][0]["seeds"]]


@pytest.mark.slow
def test_an_interrupted_curve_goes_on_to_the_same_numbers(curved: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = made(tmp_path / "made")
    with pytest.raises(KeyboardInterrupt):
        api.curve(folder, seeds=2, listener=StopAt("train", 14), **SETTINGS)
    assert list((folder / "runs").glob("*.partial"))
    again = api.curve(folder, seeds=2, **SETTINGS)
    assert not list((folder / "runs").glob("*.partial"))
    for ours, whole in zip(again["points"], curved[1]["points"], strict=True):
        assert [s["score"] for s in ours["seeds"]] == [s["score"] for s in whole["seeds"]]


def test_what_does_not_fit_the_time_is_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepdojo.session import curve

    monkeypatch.setattr(curve, "_seconds", lambda run: 1e6)
    found = api.curve(made(tmp_path / "made"), seeds=2, budget=600.0, **SETTINGS)
    assert [p["share"] for p in found["points"]] == [0.2]  # nothing was known of the first one
    assert len(found["late"]) == 5
    assert found["answer"] == {"verdict": "unknown", "reason": "too few shares"}
    assert "the time did not suffice: 5 of 6 trainings" in Path(found["page"]).read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_floor_has_a_curve_of_its_own(tmp_path: Path) -> None:
    found = api.curve(made(tmp_path / "made"), seeds=1, **{**SETTINGS, "baselines": True})
    assert len({point["floor"]["title"] for point in found["points"]}) == 1
    assert "on the same rows" in Path(found["page"]).read_text(encoding="utf-8")


def test_the_page_and_the_data_lie_beside_the_runs(curved: tuple[Path, dict[str, Any]]) -> None:
    folder, found = curved
    page = Path(found["page"])
    assert page.parent == folder / "runs"
    text = page.read_text(encoding="utf-8")
    assert "Would twice the data help?" in text
    assert text.count('class="dot network"') >= len(SHARES)
    assert text.count('class="point"') >= 2 * len(SHARES)
    assert "http" not in text.replace("http://www.w3.org", "")
    assert json.loads(Path(found["data"]).read_text(encoding="utf-8"))["points"]


def test_a_project_of_forty_rows_is_one_sentence(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", n=40)
    with pytest.raises(
        DataError, match=r"28 training rows are too few for a curve|training rows are too few for a curve"
    ):
        api.curve(folder)
    assert not list((folder / "runs").glob("20*"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shares": (0.1, 1.0)}, "a curve takes three shares or more"),
        ({"shares": (0.1, 0.5, 1.5)}, "a curve takes three shares or more"),
        ({"seeds": 0}, "0 seeds cannot be trained"),
        ({"budget": 1.0}, "too short"),
    ],
)
def test_what_makes_no_curve_is_refused(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        api.curve(made(tmp_path / "a", n=60), **given)
