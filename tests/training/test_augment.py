"""Augmentation: what moves where, that it is drawn by seed and step, and that a resumed training sees the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepdojo.errors import RecipeError
from deepdojo.recipes import TrainSection
from deepdojo.tasks import load_task
from deepdojo.training import loop as loop_module
from deepdojo.training.augment import build_augment, flip_and_shift
from tests.training.fitting import fitted, set_up
from tests.training.made_rows import image_rows


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_every_image_is_one_of_the_moved_and_mirrored_ones(dtype: torch.dtype) -> None:
    images = torch.arange(11 * 2 * 5 * 7).remainder(251).to(dtype).reshape(11, 2, 5, 7)
    moved = flip_and_shift(images, draws(), flip=True, shift=2)
    assert moved.shape == images.shape
    assert moved.dtype == dtype
    seen = set()
    for before, after in zip(images, moved, strict=True):
        padded = np.pad(before.numpy(), ((0, 0), (2, 2), (2, 2)), mode="edge")
        found = [
            (y, x, mirror)
            for y in range(5) for x in range(5) for mirror in (False, True)
            if np.array_equal(padded[:, y : y + 5, x : x + 7][:, :, :: -1 if mirror else 1], after.numpy())
        ]  # fmt: skip
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 5


def test_nothing_asked_changes_nothing() -> None:
    images = torch.rand(3, 1, 4, 4)
    assert torch.equal(flip_and_shift(images, draws(), flip=False, shift=0), images)
    assert build_augment(TrainSection(), load_task("image-classification")) is None


def test_moves_are_even_over_their_range() -> None:
    line = torch.zeros(4000, 1, 1, 9)
    line[..., 4] = 1
    at = flip_and_shift(line, draws(1), flip=False, shift=2).argmax(-1).flatten()
    counts = torch.bincount(at, minlength=9)[2:7]
    assert counts.sum() == 4000
    # five equal shares of 4,000: standard deviation 25, so 120 is passed by chance once in 10^5
    assert (counts - 800).abs().max() < 120


def test_a_task_without_images_refuses() -> None:
    with pytest.raises(RecipeError, match="has no images"):
        build_augment(TrainSection(flip=True), load_task("text-classification"))


def test_resumed_training_sees_the_same_pictures(tmp_path, monkeypatch) -> None:
    train = TrainSection(epochs=2, batch_size=16, flip=True, shift=1, accumulate=3)
    whole = set_up("image-classification", "cnn", image_rows(120))
    fitted(tmp_path / "whole", whole, train=train)
    plain = set_up("image-classification", "cnn", image_rows(120))
    fitted(tmp_path / "plain", plain, train=TrainSection(epochs=2, batch_size=16, accumulate=3))
    monkeypatch.setattr(loop_module, "CHECKPOINT_EVERY_S", -1.0)

    def die(done: int, total: int, text: str) -> None:
        if done == 8:
            raise RuntimeError("killed")

    died = set_up("image-classification", "cnn", image_rows(120))
    with pytest.raises(RuntimeError, match="killed"):
        fitted(tmp_path / "died", died, train=train, progress=die)
    again = set_up("image-classification", "cnn", image_rows(120), seed=9)
    fitted(tmp_path / "died", again, train=train, resume=True)
    same = [torch.equal(a, b) for a, b in zip(whole[1].parameters(), again[1].parameters(), strict=True)]
    assert all(same)
    assert not all(torch.equal(a, b) for a, b in zip(whole[1].parameters(), plain[1].parameters(), strict=True))
