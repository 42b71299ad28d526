"""Pictures upside down, slanted, and with other colours."""

from __future__ import annotations

import colorsys
import math

import pytest
import torch

from deepdojo.recipes import TrainSection
from deepdojo.tasks import load_task
from deepdojo.training.augment import build_augment
from deepdojo.training.augment_colours import saturate
from deepdojo.training.augment_images import Warp, flip_up, warp


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_upside_down_or_as_it_was() -> None:
    images = torch.arange(40 * 2 * 3 * 5).reshape(40, 2, 3, 5)
    kinds = [
        (torch.equal(after, before), torch.equal(after, before.flip(1)))
        for before, after in zip(images, flip_up(images, draws()), strict=True)
    ]
    assert set(kinds) == {(True, False), (False, True)}


def test_a_slant_of_45_degrees_moves_rows_by_their_distance_from_the_middle(monkeypatch) -> None:
    """The draw is taken at its end, so that the angle is known: x = y + const along what was a column."""
    monkeypatch.setattr(torch, "rand", lambda *size, generator: torch.full(size, 0.5 if len(size) == 2 else 1.0))
    image = torch.zeros(1, 1, 5, 11)
    image[..., 5] = 1.0
    slanted = warp(image, draws(), Warp(0.0, 0.0, "zero", 45.0))[0, 0]
    assert [int(row.argmax()) for row in slanted] == [7, 6, 5, 4, 3]
    assert slanted.sum() == pytest.approx(5.0, abs=1e-4)


def test_colours_keep_their_grey_and_their_hue() -> None:
    images = torch.rand(6, 3, 4, 4, generator=draws(1), dtype=torch.float64) * 0.2 + 0.4
    changed = saturate(images, draws(), share=0.5)
    luma = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    torch.testing.assert_close((changed * luma.view(3, 1, 1)).sum(1), (images * luma.view(3, 1, 1)).sum(1))
    for before, after in zip(images[:, :, 0, 0].tolist(), changed[:, :, 0, 0].tolist(), strict=True):
        assert colorsys.rgb_to_hsv(*after)[0] == pytest.approx(colorsys.rgb_to_hsv(*before)[0], abs=1e-6)
        spread = (max(after) - min(after)) / (max(before) - min(before))
        assert 1 / 1.5 <= spread <= 1.5
        assert not math.isclose(spread, 1.0)


def test_grey_images_stay_and_bytes_stay_bytes() -> None:
    grey = torch.randint(0, 256, (3, 1, 4, 4), dtype=torch.uint8)
    assert torch.equal(saturate(grey, draws(), share=0.5), grey)
    bright = torch.randint(0, 256, (3, 3, 4, 4), dtype=torch.uint8)
    assert saturate(bright, draws(), share=1.0).dtype == torch.uint8


def test_a_recipe_names_them() -> None:
    train = TrainSection(flip_up=True, shear=5, saturation=0.3)
    augment = build_augment(train, load_task("image-classification"))
    assert augment is not None
    batch = {"image": torch.randint(0, 256, (8, 3, 6, 6), dtype=torch.uint8), "label": torch.zeros(8, dtype=torch.long)}
    once, again = (augment(batch, draws(4))["image"] for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, batch["image"])
