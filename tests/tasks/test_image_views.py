"""One picture read as several (test-time augmentation), pictures standardised by themselves, and a threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepdojo.data.codecs.views import views_of
from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.models import create_model
from deepdojo.tasks import load_task, restore_task
from deepdojo.training.predictor import Validator, predict_rows
from tests.training.made_rows import image_rows


@pytest.mark.parametrize(("names", "count"), [((), 1), (("flip",), 2), (("shift",), 3), (("flip", "shift"), 6)])
def test_views_are_the_image_and_others_of_its_size(names, count):
    image = np.random.default_rng(0).integers(0, 255, (3, 5, 7), dtype=np.uint8)
    found = list(views_of(image, names))
    assert len(found) == count
    assert np.array_equal(found[0], image)
    assert {view.shape for view in found} == {image.shape}
    if "flip" in names:
        assert np.array_equal(found[count // 2], image[:, :, ::-1])
    if "shift" in names:
        assert np.array_equal(found[1][:, :-1, :-1], image[:, 1:, 1:])
        assert np.array_equal(found[2][:, 1:, 1:], image[:, :-1, :-1])


def fitted(**options):
    rows = image_rows(40)
    task = load_task("image-classification").fit(rows, **options)
    torch.manual_seed(0)
    return rows, task, create_model("cnn", task.dims()).eval()


def test_the_answer_is_the_mean_over_views_and_training_sees_the_image_alone():
    rows, task, model = fitted(views=["shift", "flip"])
    assert task.views == ("flip", "shift")
    (one,) = task.encode(rows[0], learn=True)
    assert set(one) == {"image", "label"}
    assert task.while_training.views == ()
    hidden = [{"id": row["id"], "image": row["image"]} for row in rows[:3]]
    means = predict_rows(task, model, hidden)
    for row, cells in zip(hidden, means, strict=True):
        batch = {"image": torch.stack([torch.as_tensor(e["image"]) for e in task.encode(row, learn=False)])}
        with torch.no_grad():
            p = torch.softmax(model(task.prepare(batch)["image"]).double(), -1).mean(0)
        assert list(cells["probabilities"].values()) == pytest.approx(p.tolist(), abs=1e-6)


def test_validation_rows_are_reported_in_all_views_and_validated_in_one():
    rows, task, model = fitted(views=["flip"])
    seen = []
    inner = model.forward
    model.forward = lambda x, *rest: (seen.append(len(x)), inner(x, *rest))[1]
    validator = Validator(task.while_training, rows[:8], torch.device("cpu"), lambda found: 0.0)
    validator(model)
    assert sum(seen) == 8
    seen.clear()
    reported = validator.reported(model, task)
    assert sum(seen) == 16
    again = {row["id"]: row["probabilities"] for row in predict_rows(task, model, [dict(r) for r in rows[:8]])}
    assert {row["id"]: row["probabilities"] for row in reported} == again


def test_an_image_standardised_by_itself_says_nothing_by_light_and_contrast():
    _, task, _ = fitted(standardise="image")
    image = torch.randint(60, 120, (2, task.pixels.channels, task.pixels.height, task.pixels.width), dtype=torch.uint8)
    first, second = (task.prepare({"image": x})["image"] for x in (image, (image.int() * 2 + 10).to(torch.uint8)))
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)
    assert first.mean().abs() < 1e-5
    flat = task.prepare({"image": torch.full_like(image, 7)})["image"]
    assert (flat == 0).all()


def test_wrong_options_are_sentences():
    kind = load_task("image-classification")
    with pytest.raises(UnknownNameError, match="flip"):
        fitted(views=["flop"])
    with pytest.raises(UnknownNameError, match="image"):
        fitted(standardise="images")
    with pytest.raises(RecipeError, match="a list of texts"):
        kind.check_options({"views": "flip"})
    kind.check_options({"views": ["flip"]})


def test_the_positive_label_is_given_from_the_threshold_on_and_survives_the_state():
    _, task, _ = fitted()
    first, second = task.labels.names[:2]
    two = replace(task, labels=replace(task.labels, names=(first, second)), positive=second, positive_from=0.8)
    again = restore_task(two.state())
    assert again == two
    for p, label in ((0.79, first), (0.8, second)):
        cells = again.decode({}, [np.array([1 - p, p])])
        assert cells["label"] == label
        assert cells["probabilities"][second] == p
