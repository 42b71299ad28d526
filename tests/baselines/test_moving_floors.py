"""Floors of what moves: bent time equals its recursion, and motion is measured where it is."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.baselines import run_floors
from deepdojo.baselines.motion import NUMBERS, described, motion
from deepdojo.baselines.problem import Problem, Unfit
from deepdojo.baselines.skeletons import bent_distances, nearest
from tests.baselines.floor_rows import hidden, made_rows


def bent(a: np.ndarray, b: np.ndarray) -> float:
    """The recursion as it is written, one cell after another."""
    total = np.full((len(a) + 1, len(b) + 1), np.inf)
    total[0, 0] = 0
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            total[i + 1, j + 1] = ((x - y) ** 2).sum() + min(total[i, j + 1], total[i + 1, j], total[i, j])
    return total[-1, -1]


def test_distances_in_bent_time_equal_the_recursion() -> None:
    rng = np.random.default_rng(0)
    one, many = rng.normal(size=(7, 3)), rng.normal(size=(5, 7, 3))
    np.testing.assert_allclose(bent_distances(one, many), [bent(one, other) for other in many], rtol=1e-9)
    assert bent_distances(one, np.repeat(one, 2, axis=0)[None])[0] == pytest.approx(0, abs=1e-9)


def test_the_nearest_sequence_is_found_whatever_its_place_size_and_speed() -> None:
    task = "skeleton-classification"
    train, test = made_rows(task, 60), made_rows(task, 30, seed=1)
    moved = [
        {**row, "motion": (np.repeat(np.asarray(row["motion"]), 3, axis=0) * 7 + [3, 1, -9]).astype(np.float32)}
        for row in test
    ]
    (found,) = run_floors(task, train, hidden(moved, task), floors=["nearest_motion"])
    right = [p["label"] == r["label"] for p, r in zip(found.predictions, test, strict=True)]
    assert np.mean(right) > 0.9


def test_skeletons_of_other_joints_are_refused_with_a_reason() -> None:
    task = "skeleton-classification"
    train = made_rows(task, 20)
    odd = [{**row, "motion": np.asarray(row["motion"])[:, :4]} for row in hidden(made_rows(task, 3, seed=1), task)]
    with pytest.raises(Unfit, match="different numbers of joints"):
        nearest(Problem(task, train, odd))


def test_motion_is_nothing_in_a_still_video_and_grows_with_what_moves() -> None:
    still = np.full((10, 16, 16), 90, dtype=np.uint8)
    moving = still.copy()
    for k, frame in enumerate(moving):
        frame[4:8, k : k + 4] = 240
    assert motion(still).shape == motion(moving).shape == (NUMBERS,)
    assert motion(still)[0] == pytest.approx(np.log(1e-4))
    assert motion(moving)[0] > motion(still)[0] + 3
    assert (motion(b"no video") == 0).all()
    assert np.isfinite([motion(still), motion(still[:1]), motion(moving)]).all()
    (row,) = described([{"id": "a", "clip": moving, "label": "x"}], "clip")
    np.testing.assert_array_equal(row["clip"], motion(moving))
    assert row["label"] == "x"
