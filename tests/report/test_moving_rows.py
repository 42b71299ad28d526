"""Poses and strips of frames: what is kept of a row, and where the pieces of an explanation are drawn."""

from __future__ import annotations

import re

import numpy as np
import pytest

from deepdojo.report import poses, strips
from deepdojo.report.pictures import Pictures
from deepdojo.session.examples_moving import poses_of, strip_of


def say(text: str, **values: object) -> str:
    return text.format(**values)


@pytest.fixture
def kept():
    rng = np.random.default_rng(0)
    body = np.array([[0, 0, 0], [0, 1, 0], [0, 2, 0], [0.5, 1.5, 0]], dtype=float)
    motion = body + 0.05 * rng.normal(size=(40, 1, 3)) + 0.01 * rng.normal(size=(40, 4, 3))
    return poses_of({"a": motion, "b": motion[:3]})


def test_eight_poses_with_bones_are_kept_of_a_sequence_of_any_length(kept) -> None:
    assert [len(kept[key]["poses"]) for key in "ab"] == [8, 8]
    assert len(kept["a"]["bones"]) == 3
    assert kept["a"]["at"][0] == pytest.approx(1 / 16)
    heights = np.array(kept["a"]["poses"])[:, :, 1]
    assert (np.diff(heights[:, :3]) > 0.2).all()  # upright
    assert poses_of({}) == {}


def test_a_joint_is_coloured_in_the_poses_of_its_stretch_alone(kept) -> None:
    pieces = [[joint, a, a + 8] for a in (0, 8) for joint in range(4)]
    scores = [0.0, 0.0, 2.0, 0.0, -1.0, 0.0, 0.0, 0.0]
    drawn = str(poses.draw(kept["a"], about="x", words=say, pieces=pieces, scores=scores))
    assert len(re.findall(r'class="for"', drawn)) == 4  # joint 3 in the first half of eight poses
    assert len(re.findall(r'class="against"', drawn)) == 4
    assert drawn.count("joint 3: +2") == 4
    assert drawn.count('class="bone"') == 8 * 3
    plain = str(poses.draw(kept["a"], about="x", words=say))
    assert 'class="for"' not in plain


@pytest.mark.parametrize("broken", [None, {}, {"poses": "x"}, {"poses": [[1, 2]]}, {"poses": [[["a", "b"]]]}])
def test_what_is_no_pose_is_not_drawn(broken) -> None:
    assert poses.poses_of(broken) == []


def test_pieces_of_a_video_lie_on_the_frames_of_their_time() -> None:
    strip = strip_of(np.random.default_rng(0).integers(0, 255, (16, 24, 48), dtype=np.uint8))["strip"]
    picture = Pictures().add(strip["image"], side=480)
    assert picture is not None
    assert picture.shape == (2 * 24, 4 * 48)
    pieces = [[0, 0, 12, 24, 0, 4], [12, 24, 24, 48, 4, 8]]
    drawn = str(strips.overlay(picture, strip, pieces, [1.0, -1.0], (24, 48), about="x", words=say))
    spots = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" class="(\w+)"', drawn)
    found = [(float(x), float(y), side) for x, y, _, _, side in spots]
    assert found == [(48.0 * k, 0.0, "for") for k in range(4)] + [(48.0 * k + 24, 36.0, "against") for k in range(4)]
    assert strip_of(b"no video") == {}
