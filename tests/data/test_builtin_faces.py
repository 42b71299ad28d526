"""Projects that compare pictures: names, drawings and lights that are asked about are not learned from."""

from __future__ import annotations

import pytest

from deepdojo.baselines import run_floors
from deepdojo.scoring.metrics import METRICS
from tests.data.test_builtin_projects import load


@pytest.mark.data
@pytest.mark.parametrize("name", ["omniglot-5way", "omniglot-runs"])
def test_no_alphabet_that_is_asked_about_teaches_or_validates(name: str) -> None:
    data = load(name)
    taught = {row["label"].split("/")[0] for row in data.rows("train")}
    validated = {row["label"].split("/")[0] for row in data.rows("validation")}
    assert (len(taught), len(validated)) == (28, 2)
    asked = {name.split("/")[0] for row in data.rows("test") for name in row["gallery"].names}
    assert len(asked) == 20
    assert not taught & validated
    assert not asked & (taught | validated)


@pytest.mark.data
def test_a_run_asks_each_of_its_twenty_characters_once() -> None:
    data = load("omniglot-runs")
    truth = [row["label"] for row in data.truth("test")]
    assert len(set(truth)) == 400
    assert all(row["image"].shape == (28, 28) for row in data.rows("test"))


@pytest.mark.slow
@pytest.mark.data
def test_people_of_pairs_are_strangers_and_known_faces_are_not_asked_for() -> None:
    pairs = load("orl-faces-strangers")
    taught = {row["label"] for row in pairs.rows("train")}
    asked = {row[role].name.split("!")[1].split("/")[0] for row in pairs.rows("test") for role in ("image", "other")}
    assert len(asked) == 10
    assert not asked & taught
    for name in ("orl-faces", "extended-yale-b"):
        data = load(name)
        known = {cell.name for _, cell in data.rows("test")[0]["gallery"]}
        assert not known & {row["image"].name for row in data.rows("test")}
        own = data.rows("validation")[0]
        assert own["image"].name not in {cell.name for _, cell in own["gallery"]}


@pytest.mark.slow
@pytest.mark.data
def test_floors_of_light_are_what_the_page_says() -> None:
    data = load("extended-yale-b")
    truth = [row["label"] for row in data.truth("test")]
    found = {
        result.name: METRICS["accuracy"](truth, [row["label"] for row in result.predictions]).value()
        for result in run_floors(
            "identification", data.rows("train"), data.rows("test"), floors=["nearest_pixels", "nearest_structure"]
        )
    }
    assert found["nearest_pixels"] == pytest.approx(0.427, abs=0.001)
    assert found["nearest_structure"] == pytest.approx(0.989, abs=0.001)
