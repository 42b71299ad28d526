"""Detection: what the network is asked for, and boxes in pixels of the original whatever the model's input is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from deepdojo.errors import DataError, RecipeError
from deepdojo.tasks import load_task
from deepdojo.tasks.detection import _cores, _heat, _sides_loss
from deepdojo.training.predictor import predict_rows
from deepdojo.training.stream import examples_to_learn

Detection = load_task("detection")


def row(key: str, boxes, size=(120, 200)) -> dict:
    image = np.zeros((*size, 3), dtype=np.uint8)
    for _, _, x0, y0, x1, y1 in boxes:
        image[int(y0) : int(y1), int(x0) : int(x1)] = 255
    return {"id": key, "image": image, "boxes": boxes}


A, B = ["a", 1.0, 20.0, 20.0, 60.0, 50.0], ["b", 1.0, 100.0, 60.0, 180.0, 110.0]
ROWS = [row("1", [A, B]), row("2", [A]), row("3", []), row("4", [B], (240, 400))]


class Exact(nn.Module):
    """Answers with the target itself, seen from the white boxes: class k for the k-th of `boxes`, in the model's
    pixels."""

    def __init__(self, boxes, classes: int, stride: int = 8) -> None:
        super().__init__()
        self.boxes, self.classes, self.stride = torch.tensor(boxes), classes, stride

    def forward(self, image):
        y, x = (n // self.stride for n in image.shape[2:])
        heat, sides = torch.full((len(image), self.classes, y, x), -9.0), torch.ones(len(image), 4, y, x)
        for i, picture in enumerate(image):
            for k, (x0, y0, x1, y1) in enumerate(self.boxes.tolist()):
                if picture[0, int((y0 + y1) / 2), int((x0 + x1) / 2)] > 0.5:
                    at = int((y0 + y1) / 2 // self.stride), int((x0 + x1) / 2 // self.stride)
                    cy, cx = ((c + 0.5) * self.stride for c in at)
                    heat[i, k, at[0], at[1]] = 9.0
                    sides[i, :, at[0], at[1]] = torch.tensor([cx - x0, cy - y0, x1 - cx, y1 - cy])
        return heat, sides


def test_boxes_come_back_in_pixels_of_the_original_whatever_its_size():
    task = Detection.fit(ROWS[:3], size=104)
    assert (task.pixels.height, task.pixels.width) == (64, 104)
    scale = np.array([104 / 200, 64 / 120] * 2)
    model = Exact([(np.array(box[2:]) * scale).tolist() for box in (A, B)], 2)
    found = {
        r["id"]: r["boxes"] for r in predict_rows(task, model, [{k: r[k] for k in ("id", "image")} for r in ROWS[:3]])
    }
    assert [box[0] for box in found["1"]] == ["a", "b"]
    for said, true in zip(found["1"], (A, B), strict=True):
        assert said[2:] == pytest.approx(true[2:], abs=1e-3)
    assert found["3"] == []


@pytest.mark.parametrize("views", [2, 4])
def test_mirrored_views_are_mirrored_back_and_fused(views):
    task = Detection.fit(ROWS[:3], size=200, views=views)
    true = [["a", 1.0, 20.0, 70.0, 40.0, 90.0], ["b", 1.0, 100.0, 20.0, 180.0, 36.0]]  # no view lies on another
    corners = [box[2:] for box in true]
    mirrored = [[200 - x1, y0, 200 - x0, y1] for x0, y0, x1, y1 in corners]
    down = [[x0, 120 - y1, x1, 120 - y0] for x0, y0, x1, y1 in corners + mirrored] if views == 4 else []
    model = Exact(corners + mirrored + down, 8)

    class Named(nn.Module):
        def forward(self, image):
            heat, sides = model(image)
            return torch.stack([heat[:, 0::2].amax(1), heat[:, 1::2].amax(1)], 1), sides

    found = predict_rows(task, Named(), [{"id": "1", "image": row("1", true)["image"]}])[0]["boxes"]
    assert [box[0] for box in found] == ["a", "b"]
    for said, own in zip(found, true, strict=True):
        assert said[1] > 0.99
        assert said[2:] == pytest.approx(own[2:], abs=1e-3)
    assert task.while_training.views == 1


def test_a_view_that_sees_nothing_halves_the_score():
    task = dataclasses.replace(Detection.fit(ROWS[:3]), views=2)
    sure = np.array([[0, 0.8, 0.0, 0.0, 10.0, 10.0]])
    assert task.decode({}, [sure, np.zeros((0, 6))])["boxes"] == [["a", pytest.approx(0.4), 0.0, 0.0, 10.0, 10.0]]


def test_the_exact_answer_costs_next_to_nothing_and_the_weight_is_the_number_of_boxes():
    task = Detection.fit(ROWS[:3], size=200)
    store = examples_to_learn(task, ROWS[:3])
    batch = task.prepare(store.cut(torch.arange(3)))
    exact = Exact([box[2:] for box in (A, B)], 2)
    total, weight = task.loss(exact, batch)
    assert weight.tolist() == [2.0, 1.0, 1.0]
    assert total[2] < 0.01
    worse, _ = task.loss(Exact([[v + 6 for v in box[2:]] for box in (A, B)], 2), batch)
    assert (worse[:2] > total[:2]).all()


def test_a_target_is_one_at_the_centre_and_nothing_outside_the_core():
    boxes = torch.tensor([[[2.0, 1.0, 12.0, 7.0], [0.0, 0.0, 1.0, 1.0]]])
    cores = _cores(boxes, torch.tensor([[True, False]]), 9, 15)
    assert cores[0, 0, 4, 7] == 1.0
    assert (cores[0, 0] > 0).sum() == (2 * 1 + 1) * (2 * 2 + 1)
    assert not cores[0, 1].any()
    heat = _heat(cores, torch.tensor([[1, 0]]), 2)
    assert heat[0, 1].max() == 1.0
    assert not heat[0, 0].any()


def test_in_overlapping_cores_the_smaller_box_is_learned_and_each_box_weighs_one():
    boxes = torch.tensor([[[0.0, 0.0, 16.0, 16.0], [6.0, 6.0, 10.0, 10.0]]])
    cores = _cores(boxes, torch.ones(1, 2, dtype=torch.bool), 16, 16)
    large, small = (boxes[:, i, None, None].expand(1, 16, 16, 4).clone() for i in (0, 1))
    mixed = torch.where(cores[:, 1, :, :, None] > 0, small, large)
    assert float(_sides_loss(mixed, boxes, cores)) == pytest.approx(0.0, abs=1e-6)
    apart = torch.full((1, 16, 16, 4), 99.0)
    assert 2.0 < float(_sides_loss(apart, boxes, cores)) < 4.0


def test_boxes_of_unknown_classes_and_outside_are_not_learned_and_a_picture_of_another_size_is_scaled():
    task = Detection.fit(ROWS[:3], size=200)
    other = {
        **ROWS[3],
        "boxes": [
            ["z", 1.0, 0.0, 0.0, 9.0, 9.0],
            ["a", 1.0, 390.0, 10.0, 500.0, 30.0],
            ["b", 1.0, 500.0, 1.0, 510.0, 9.0],
        ],
    }
    (example,) = task.encode(other, learn=True)
    assert example["boxes"].tolist() == [[195.0, 5.0, 200.0, 15.0]]
    assert example["classes"].tolist() == [0]


def test_an_explanation_takes_what_a_person_is_shown_for_the_answer():
    task = Detection.fit(ROWS[:3])
    truth = task.as_truth(ROWS[0], {"boxes": [["a", 0.9, 1.0, 1.0, 5.0, 5.0], ["b", 0.1, 1.0, 1.0, 5.0, 5.0]]})
    assert truth["boxes"] == [["a", 1.0, 1.0, 1.0, 5.0, 5.0]]


def test_what_cannot_be_learned_is_said():
    with pytest.raises(DataError, match="no training row has a box"):
        Detection.fit(ROWS[2:3])
    with pytest.raises(RecipeError, match="1, 2 or 4"):
        Detection.fit(ROWS, views=3)
