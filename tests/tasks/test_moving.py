"""Skeleton and video classification: what augmentation may change, what placing takes out, how steps are made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepdojo.errors import DataError
from deepdojo.recipes import TrainSection
from deepdojo.tasks import load_task
from deepdojo.training.augment import build_augment
from tests.baselines.floor_rows import made_rows


@pytest.fixture(scope="module")
def bodies():
    rows = made_rows("skeleton-classification", 30)
    return load_task("skeleton-classification").fit(rows), rows


def batch_of(task, rows):
    return {"motion": torch.from_numpy(np.stack([next(task.encode(row, learn=True))["motion"] for row in rows]))}


def test_place_size_and_speed_of_a_sequence_change_nothing(bodies) -> None:
    task, rows = bodies
    motion = np.asarray(rows[0]["motion"], dtype=np.float64)
    slow = np.repeat(motion, 2, axis=0)[:-1]
    slow[1::2] = (motion[1:] + motion[:-1]) / 2
    first = task._packed(motion)
    np.testing.assert_allclose(task._packed(slow * 3 + [1, -2, 5]), first, atol=0.05)
    np.testing.assert_allclose(task._packed(motion * 3 + [1, -2, 5]), first, atol=1e-5)


def test_a_turn_keeps_heights_and_distances(bodies) -> None:
    task, rows = bodies
    turning = replace(task, turn=180.0, resize=0.0, crop=1.0, jitter=0.0)
    poses = batch_of(task, rows[:5])
    drawn = turning.draw(poses, torch.Generator().manual_seed(0))["motion"]
    plain = replace(turning, turn=0.0).draw(poses, torch.Generator().manual_seed(0))["motion"]
    assert not torch.allclose(drawn, plain, atol=0.1)
    torch.testing.assert_close(drawn[:, task.up], plain[:, task.up])
    apart = [(each[:, :, :, None] - each[:, :, None]).norm(dim=1) for each in (drawn, plain)]
    torch.testing.assert_close(*apart, atol=1e-5, rtol=1e-5)


def test_a_batch_is_drawn_anew_but_the_same_for_the_same_seed(bodies) -> None:
    task, rows = bodies
    augment = build_augment(TrainSection(), task)
    assert augment is not None
    poses = batch_of(task, rows[:6])
    first, again, other = (augment(poses, torch.Generator().manual_seed(s))["motion"] for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert first.shape == (6, 3, task.joints, task.steps)


def test_without_augmentation_what_training_sees_is_what_prediction_sees(bodies) -> None:
    task, rows = bodies
    still = replace(task, turn=0.0, resize=0.0, crop=1.0, jitter=0.0)
    poses = batch_of(task, rows[:4])
    drawn = still.prepare(still.draw(poses, torch.Generator().manual_seed(0)))["motion"]
    torch.testing.assert_close(drawn, still.prepare(poses)["motion"], atol=1e-5, rtol=1e-4)
    once = still.prepare(poses)
    assert torch.equal(still.prepare(once)["motion"], once["motion"])


def test_a_held_out_sequence_is_read_whole_first_and_then_in_parts(bodies) -> None:
    task, rows = bodies
    assert task._views(40) == [(0, 40), (0, 35), (2, 37), (3, 38), (5, 40)]
    assert replace(task, views=1)._views(9) == [(0, 9)]
    assert all(last > first for first, last in task._views(1))
    assert len(list(task.encode(rows[0], learn=False))) == task.views
    assert len(list(task.encode(rows[0], learn=True))) == 1


def test_other_joints_and_options_that_mean_nothing_are_refused(bodies) -> None:
    task, rows = bodies
    with pytest.raises(DataError, match="has 4 joints, the training rows 5"):
        list(task.encode({**rows[0], "motion": np.ones((3, 4, 3))}, learn=False))
    for options in ({"steps": 1}, {"views": 0}, {"crop": 0.0}, {"turn": -1.0}):
        with pytest.raises(DataError, match="do not go together"):
            load_task("skeleton-classification").fit(rows, **options)
    for options in ({"frames": 1}, {"clips": 0}, {"seconds": 0.0}, {"size": 4}):
        with pytest.raises(DataError, match="expected at least 2 frames"):
            load_task("video-classification").fit(made_rows("video-classification", 4), **options)


def test_a_step_is_a_frame_its_change_and_the_size_of_that() -> None:
    rows = made_rows("video-classification", 12)
    task = load_task("video-classification").fit(rows, frames=5, clips=2)
    example = next(task.encode(rows[0], learn=True))
    c = task.clips
    assert example["clip"].shape == (5 * c.channels, c.height, c.width)
    clip = task.prepare({"clip": torch.from_numpy(example["clip"])[None]})["clip"]
    assert clip.shape == (1, 4, 3, c.height, c.width)
    frames = example["clip"].astype(np.float64) / 255
    np.testing.assert_allclose(clip[0, :, 0], (frames[1:] - c.mean) / c.std, atol=1e-5)
    np.testing.assert_allclose(clip[0, :, 1], (frames[1:] - frames[:-1]) / c.change, atol=1e-4)
    np.testing.assert_allclose(clip[0, :, 2], clip[0, :, 1].abs(), atol=1e-6)


def test_all_frames_of_a_clip_are_mirrored_and_moved_alike() -> None:
    rows = made_rows("video-classification", 12)
    task = load_task("video-classification").fit(rows, frames=4, clips=1)
    still = np.repeat(next(task.encode(rows[0], learn=True))["clip"][:1], 4, axis=0)
    augment = build_augment(TrainSection(flip=True, shift=3, brightness=0.2, rotate=10.0), task)
    assert augment is not None
    moved = augment({"clip": torch.from_numpy(still)[None].repeat(8, 1, 1, 1)}, torch.Generator().manual_seed(0))[
        "clip"
    ]
    assert moved.dtype == torch.uint8
    assert (moved == moved[:, :1]).all()
    assert not (moved[0] == torch.from_numpy(still)).all()
