"""Pictures and boxes move together: a painted box is found where its box says it is."""

from __future__ import annotations

import pytest
import torch

from deepdojo.errors import RecipeError
from deepdojo.recipes import TrainSection
from deepdojo.tasks import load_task
from deepdojo.training.augment import build_augment, draws
from deepdojo.training.augment_boxes import Moves, move, moved_boxes, moved_images

B, Y, X = 7, 48, 80
BOX = torch.tensor([22.0, 11.0, 46.0, 29.0])


def batch(box=BOX):
    """A white box on black in each picture, and a second entry that is padding."""
    images = torch.zeros(B, 3, Y, X, dtype=torch.uint8)
    x0, y0, x1, y1 = box.int().tolist()
    images[:, :, y0:y1, x0:x1] = 255
    boxes = torch.stack([box, torch.zeros(4)]).expand(B, 2, 4).clone()
    keep = torch.tensor([True, False]).expand(B, 2).clone()
    return {"image": images, "boxes": boxes, "boxes_keep": keep, "classes": torch.zeros(B, 2, dtype=torch.int64)}


def painted(image: torch.Tensor) -> torch.Tensor:
    """x0, y0, x1, y1 of what is white."""
    rows, columns = (torch.nonzero((image[0] > 127).any(axis)).flatten() for axis in (1, 0))
    return torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).float()


@pytest.mark.parametrize(
    "asked",
    [
        {"flip": True}, {"flip_up": True}, {"flip": True, "flip_up": True}, {"zoom": 0.5}, {"shift": 9},
        {"stretch": 0.4}, {"flip": True, "flip_up": True, "zoom": 0.4, "stretch": 0.2, "shift": 3},
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", range(3))
def test_a_painted_box_moves_with_its_box(asked, step):
    augment = build_augment(TrainSection(**asked, fill="zero"), load_task("detection"))
    assert augment is not None
    moved = augment(batch(), draws(3, step))
    assert moved["image"].dtype == torch.uint8
    assert not moved["boxes_keep"][:, 1].any()
    for image, boxes, keep in zip(moved["image"], moved["boxes"], moved["boxes_keep"], strict=True):
        assert keep[0]
        assert painted(image).tolist() == pytest.approx(boxes[0].tolist(), abs=1.6)  # half a pixel, and what is blurred


def test_the_same_draw_gives_the_same_pictures_and_nothing_asked_changes_nothing():
    augment = build_augment(TrainSection(zoom=0.5, flip=True), load_task("detection"))
    one, again, other = (augment(batch(), draws(0, step)) for step in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["boxes"], other["boxes"])
    still = move(B, Y, X, draws(0, 0), Moves())
    assert torch.equal(moved_images(batch()["image"], still, "edge"), batch()["image"])
    torch.testing.assert_close(moved_boxes(batch()["boxes"], batch()["boxes_keep"], still, Y, X)[0], batch()["boxes"])


def test_a_box_of_which_hardly_anything_is_left_is_dropped_and_others_are_cut():
    drawn = move(1, Y, X, draws(0, 0), Moves())
    drawn.scale[:], drawn.offset[:] = 0.5, 0.5  # the lower right quarter of the picture, twice as large
    boxes = torch.tensor([[[0, 0, 10, 10], [30, 20, 50, 30], [50, 30, 60, 40], [10, 10, 41, 25]]], dtype=torch.float32)
    found, keep = moved_boxes(boxes, torch.ones(1, 4, dtype=torch.bool), drawn, Y, X)
    assert keep[0].tolist() == [False, True, True, False]
    assert found[0, 1].tolist() == pytest.approx([0, 0, 20, 12])
    assert found[0, 2].tolist() == pytest.approx([20, 12, 40, 32])


def test_pictures_without_any_box_can_be_moved():
    empty = {**batch(), "boxes": torch.zeros(B, 0, 4), "boxes_keep": torch.zeros(B, 0, dtype=torch.bool)}
    moved = build_augment(TrainSection(zoom=0.5), load_task("detection"))(empty, draws(0, 0))
    assert moved["boxes"].shape == (B, 0, 4)


@pytest.mark.parametrize("name", ["rotate", "shear"])
def test_boxes_are_never_turned_nor_slanted(name):
    with pytest.raises(RecipeError, match="stand upright"):
        build_augment(TrainSection(**{name: 10}), load_task("detection"))


def test_upside_down_and_stretched_pictures_without_boxes():
    images = torch.arange(64 * 4 * 3 * 5).view(64, 4, 3, 5) % 251
    augment = build_augment(TrainSection(stretch=0.5, flip_up=True), load_task("image-classification"))
    assert augment({"image": images.float()}, draws(0, 0))["image"].shape == images.shape
