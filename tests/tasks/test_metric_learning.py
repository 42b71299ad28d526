"""Pictures that are compared: what is learned from, what a score rests on, from a folder of people to a report."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import deepdojo as dd
from deepdojo.data.gallery import Gallery
from deepdojo.errors import DataError, RecipeError
from deepdojo.models import create_model
from deepdojo.tasks import load_task
from deepdojo.tasks.metric_learning import without_light
from deepdojo.training.predictor import predict_rows
from deepdojo.training.store import Store
from tests.baselines.floor_rows import hidden, made_rows, rows_to_learn
from tests.data.test_named_pictures import people

BOTH = pytest.mark.parametrize("name", ["verification", "identification"])


class Places(torch.nn.Module):
    """The mean of each row of pixels: a place that can be worked out by hand. Counts pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.centres = None

    def forward(self, x: torch.Tensor, keep: None = None) -> torch.Tensor:
        self.seen += len(x)
        return x.mean((1, 3))


def test_a_picture_that_many_rows_share_is_looked_at_once():
    task = load_task("identification").fit(rows_to_learn("identification", 12))
    first = made_rows("identification", 1)[0]
    rows = [{**row, "gallery": first["gallery"]} for row in made_rows("identification", 9, seed=1)]
    model = Places()
    predict_rows(task, model, hidden(rows, "identification"))
    assert model.seen == 9 + 3


def test_the_nearest_name_wins_and_a_likeness_is_minus_the_squared_distance():
    task = load_task("identification").fit(rows_to_learn("identification", 12))
    cell = made_rows("identification", 1)[0]["image"]
    far = np.flipud(cell).copy()
    row = {"id": "1", "image": cell, "gallery": Gallery([("x", far), ("y", cell), ("x", far)])}
    found = predict_rows(task, Places(), [row])[0]
    assert found["label"] == "y"
    assert found["similarities"][1] == 0
    rows = [task.pixels.encode(c)[0].mean(1) / 255 / task.pixels.std[0] for c in (cell, far)]
    assert found["similarities"][0] == pytest.approx(-np.square(rows[0] - rows[1]).sum(), rel=1e-5)


def test_likeness_of_a_pair_is_the_same_from_both_sides():
    task = load_task("verification").fit(rows_to_learn("verification", 12))
    row = made_rows("verification", 1)[0]
    turned = {**row, "image": row["other"], "other": row["image"]}
    one, other = (predict_rows(task, Places(), [r])[0]["similarity"] for r in (row, turned))
    assert one == pytest.approx(other)
    assert predict_rows(task, Places(), [{**row, "other": row["image"]}])[0]["similarity"] == 0


@BOTH
def test_names_of_one_picture_are_left_out_of_training_and_said(name):
    rows = [*rows_to_learn(name, 12), {**rows_to_learn(name, 1)[0], "id": "x", "label": "alone"}]
    task = load_task(name).fit(rows)
    assert "alone" not in task.labels.names
    said = []
    store = Store.pack(task, rows, learn=True, reject=lambda row, reason: said.append((row["id"], reason)))
    assert len(store) == 12
    assert said == [("x", "it is the only picture of 'alone': there is nothing to compare it with")]


@BOTH
def test_nothing_can_be_learned_from_one_name(name):
    rows = [{**row, "label": "a"} for row in rows_to_learn(name, 4)]
    with pytest.raises(DataError, match="1 of the 1 names"):
        load_task(name).fit(rows)


def test_quarter_turns_are_further_names_and_families():
    rows = [{**row, "family": "f" if row["label"] == "a" else "g"} for row in rows_to_learn("identification", 6)]
    task = load_task("identification").fit(rows, rotations=True, size=8)
    examples = list(task.encode(rows[1], learn=True))
    assert [e["label"] for e in examples] == [4, 5, 6, 7]
    assert [e["family"] for e in examples] == [4, 5, 6, 7]
    np.testing.assert_array_equal(examples[1]["image"][0], np.rot90(examples[0]["image"][0]))
    assert task.dims()["num_outputs"] == 12
    with pytest.raises(RecipeError, match="square"):
        load_task("identification").fit(rows, rotations=True)


def test_places_of_views_are_averaged():
    task = load_task("verification").fit(rows_to_learn("verification", 12))
    batch = task.prepare({"image": torch.from_numpy(np.stack([task.pixels.encode(r["image"]) for r in
                                                              made_rows("verification", 3)]))})  # fmt: skip

    def model(x):
        return x.flatten(1)

    plain = np.stack(task.predict(model, batch))
    mirrored = np.stack(replace(task, views="mirrored").predict(model, batch))
    np.testing.assert_allclose(mirrored, (plain + plain.reshape(3, 7, 5)[..., ::-1].reshape(3, -1)) / 2, atol=1e-7)
    moved = np.stack(replace(task, views="moved").predict(model, batch)).reshape(3, 7, 5)
    p = np.pad(plain.reshape(3, 7, 5), ((0, 0), (1, 1), (1, 1)), mode="edge")
    wanted = (p[:, 1:-1, 1:-1] + p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:]) / 5
    np.testing.assert_allclose(moved, wanted, atol=1e-6)


def test_local_light_is_taken_away_as_scipy_does():
    image = np.random.default_rng(0).random((2, 1, 23, 29))
    found = without_light(torch.from_numpy(image)).numpy()
    x = np.log1p(255 * image)
    x = x - gaussian_filter(x, (0, 0, 3, 3), mode="nearest", truncate=3)
    wanted = x / (np.sqrt(gaussian_filter(x**2, (0, 0, 5, 5), mode="nearest", truncate=3) + 1e-6) + 0.01)
    np.testing.assert_allclose(found, wanted, atol=1e-10)


def test_the_margin_is_asked_of_training_alone():
    task = load_task("verification").fit(rows_to_learn("verification", 12))
    torch.manual_seed(0)
    model = create_model("embedding_cnn", task.dims(), channels=[4], centres=True, margin=0.5)
    store = Store.pack(task, rows_to_learn("verification", 12), learn=True)
    batch = store.cut(torch.arange(12))
    model.train()
    hard = task.loss(model, batch)[0].mean()
    model.eval()
    assert task.loss(model, batch)[0].mean() < hard
    assert model(task.prepare(batch)["image"]).norm(dim=1).detach().numpy() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("recipe", ["default", "arcface"])
def test_from_a_folder_of_people_to_a_reproduced_run(tmp_path, name, recipe):
    people(tmp_path / "people", names=12, pictures=6)
    dd.new(tmp_path / "made", tmp_path / "people", task=name)
    run = dd.train(tmp_path / "made", recipe=recipe, set={"train.steps": 25, "train.batch_size": 32})
    assert {f["name"] for f in json.loads((run.folder / "score.json").read_text())["baselines"]} == {
        "guess", "nearest_pixels", "eigenfaces", "nearest_structure"
    }  # fmt: skip
    assert json.loads((run.folder / "explanations" / "index.json").read_text())["items"]
    assert all(e["beside"] for e in json.loads((run.folder / "examples.json").read_text()))
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert ("different pairs accepted" in page) == (name == "verification")
    assert dd.score(tmp_path / "made", run.folder / "predictions.parquet").value == run.score.value
    if name == "identification":
        picture = next((tmp_path / "people" / "p3").iterdir())
        assert dd.load(run.folder).predict(picture)[0]["label"].startswith("p")
    else:
        (tmp_path / "people" / "new.csv").write_text("file,other\np1/0.png,p1/1.png\np1/0.png,p2/1.png\n")
        found = dd.load(run.folder).predict(tmp_path / "people" / "new.csv")
        assert len(found) == 2
        assert all(row["similarity"] <= 0 for row in found)
    assert dd.reproduce(run.folder).same_score
