"""Skeletons: what a text file of joints may look like, what is refused, bones found in movements, placing and time."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.data.files import Files
from deepdojo.data.readers import read
from deepdojo.data.skeletons import bones_of, checked_motion, motion_of, parse_motion, placed, resampled, upright
from deepdojo.errors import DataError


def written(motion: np.ndarray, *, joint_a_line: bool, sign: str = " ", extra: str = "") -> str:
    rows = motion.reshape(-1, 3) if joint_a_line else motion.reshape(len(motion), -1)
    return "\n".join(sign.join(f"{v:.4f}" for v in row) + extra for row in rows) + "\n"


@pytest.fixture
def motion() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(7, 5, 3)).round(4)


@pytest.mark.parametrize("sign", [" ", ",", "; ", "\t"])
@pytest.mark.parametrize(("joint_a_line", "extra"), [(True, ""), (True, " 0.5"), (False, "")])
def test_a_line_is_a_joint_with_or_without_confidence_or_a_frame(motion, joint_a_line, extra, sign) -> None:
    found = parse_motion(written(motion, joint_a_line=joint_a_line, sign=sign, extra=extra), 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, motion, atol=1e-4)


@pytest.mark.parametrize(
    "rows",
    [
        ["-0.371736 0.371031 2.674849", "-0.000001 12345678.500000 -9.999999"],  # as sensors write
        [".50 -.25 7.00", "1.10 2.20 3.30"],
        ["1.5 2.25 3.5", "1. .5 -2.5"],  # other widths
        ["1.5 2.5 3", "4.5 5.5 6.25"],
        ["1.5  2.  .5", "0.5 1.5 2.5"],  # a point at a word's end, blanks where digits would stand
        ["123456789012345.678901 1.500000 2.500000", "0.100000 0.200000 0.300000"],  # more digits than a float holds
        ["1.5e3 2.5 3.5", "1.5 2.5 3.5"],
    ],
)
def test_numbers_of_equal_and_other_digits_are_what_python_reads(rows) -> None:
    wanted = np.array([[float(word) for word in row.split()] for row in rows], dtype=np.float32)
    for text in ("\n".join(rows), "\r\n".join(rows) + "\n", "\n" + "\n".join(row + " " for row in rows)):
        np.testing.assert_array_equal(parse_motion(text, 1)[:, 0], wanted)


@pytest.mark.parametrize(
    ("text", "joints", "fault"),
    [
        ("", 5, "empty"),
        ("\n \n", 5, "empty"),
        ("1 2 3\n1 2\n", 1, "line 2 has 2 numbers, the lines before it 3 numbers"),
        ("1 2 3\n1 nan 3\n", 1, "line 2: 'nan' is not a finite number"),
        ("1 2 3\n1 inf 3\n", 1, "line 2: 'inf' is not a finite number"),
        ("1-2 3 4\n1 2 3\n", 1, "line 1: '1-2' is not a finite number"),
        ("1.5 2.5 3-.5\n", 1, "line 1: '3-.5' is not a finite number"),
        ("1.5 2.5.3 4\n", 1, "line 1: '2.5.3' is not a finite number"),
        ("1.2.3 4 5\n", 1, "line 1: '1.2.3' is not a finite number"),
        ("1 2 3e\n", 1, "line 1: '3e' is not a finite number"),
        ("1 2 3 4\n1 2\n", 1, "line 2 has 2 numbers, the lines before it 4 numbers"),
        ("1 2 word\n", 1, "line 1: 'word'"),
        ("1 2 3\n4 5 6\n7 8 9\n", 2, "3 lines make no whole number of frames of 2 joints"),
        ("1 2 3\n", None, "how many make a frame is not said; give data.joints"),
        ("1 2 3 4 5\n", None, "a line has 5 numbers, expected three numbers a joint"),
        ("1 2 3 4 5 6\n", 3, "expected 9 for 3 joints"),
        ("0 0 0\n0 0 0\n", 2, "no joint was found"),
        ("1 2 1e30\n", 1, "missing or not finite"),
    ],
)
def test_each_fault_of_a_file_is_one_sentence(text, joints, fault) -> None:
    with pytest.raises(DataError) as error:
        parse_motion(text, joints)
    assert fault in str(error.value)
    assert "\n" not in str(error.value)


def test_arrays_and_json_are_motions_and_other_things_are_none() -> None:
    assert motion_of("[[[1, 2, 3]]]").shape == (1, 1, 3)
    assert motion_of([[[1, 2, 3]], [[1, 2]]]) is None
    assert motion_of("no list") is None
    assert motion_of({"a": 1}) is None
    assert motion_of([["a"]]) is None
    for shape in ((0, 5, 3), (5, 0, 3), (5, 3), (5, 4, 2)):
        with pytest.raises(DataError):
            checked_motion(np.ones(shape))
    with pytest.raises(DataError, match="has 4 joints, the others 5"):
        checked_motion(np.ones((2, 4, 3)), 5)


def test_bones_are_found_in_how_a_body_moves() -> None:
    """An arm of three bones beside a body: ends come near each other at times, and only bones keep their lengths."""
    rng = np.random.default_rng(1)
    angles = rng.uniform(-2, 2, size=(400, 4)).cumsum(axis=1)
    steps = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=-1) * np.array([1.0, 0.8, 1.2, 0.5])[:, None]
    joints = np.concatenate([np.zeros((400, 1, 3)), steps.cumsum(axis=1)], axis=1)
    order = [3, 0, 4, 1, 2]  # joint k of the chain stands at order[k]
    shuffled = np.empty_like(joints)
    shuffled[:, order] = joints
    wanted = {frozenset((order[k], order[k + 1])) for k in range(4)}
    assert {frozenset(bone) for bone in bones_of([shuffled[:150], shuffled[150:]])} == wanted
    assert bones_of([np.ones((3, 1, 3))]) == []


def test_placing_takes_out_place_and_size_and_fills_frames_that_were_lost(motion) -> None:
    np.testing.assert_allclose(placed(motion * 3 + [5, -2, 9]), placed(motion), atol=1e-9)
    lost = motion.copy()
    lost[3] = 0
    there = placed(np.where(np.arange(7)[:, None, None] == 3, (motion[2] + motion[4]) / 2, motion))
    np.testing.assert_allclose(placed(lost), there, atol=1e-9)
    assert np.isfinite(placed(np.ones((2, 3, 3)))).all()


def test_time_is_read_between_frames(motion) -> None:
    np.testing.assert_allclose(resampled(motion, 7), motion, atol=1e-12)
    twice = resampled(motion, 13)
    np.testing.assert_allclose(twice[::2], motion, atol=1e-12)
    np.testing.assert_allclose(twice[1], (motion[0] + motion[1]) / 2, atol=1e-12)
    np.testing.assert_array_equal(resampled(motion[:1], 4), np.repeat(motion[:1], 4, axis=0))


def test_the_longest_axis_of_a_body_is_up() -> None:
    body = np.random.default_rng(0).normal(size=(5, 9, 3)) * [0.2, 0.3, 2.0] + [0, 100, 0]
    assert upright([body]) == 2


def test_a_folder_becomes_rows_and_what_is_wrong_with_a_file_is_listed(tmp_path, motion) -> None:
    text = written(motion, joint_a_line=True)
    for name in ("a1_s1", "a1_s2", "a2_s1", "a3_s1"):
        (tmp_path / f"{name}_x.txt").write_text(text)
    (tmp_path / "a1_s3_x.txt").write_text(text[:-8])
    (tmp_path / "a1_s4_x.txt").write_bytes(b"\xff\x00\x01")
    (tmp_path / "names.txt").write_text("a1_s1\na1_s3\na1_s4\na2_s1\n")
    rows = list(
        read(
            "skeletons", Files([tmp_path]), glob="*.txt", joints=5, listed="names.txt", keep={"action": ["a1", "a2"]},
            pattern=r"^(?P<action>a\d)_(?P<subject>s\d)",
        )
    )  # fmt: skip
    assert [(row.cells["action"], row.cells["subject"]) for row in rows if row.reject is None] == [
        ("a1", "s1"), ("a2", "s1"),
    ]  # fmt: skip
    assert rows[0].cells["motion"].shape == (7, 5, 3)
    assert {row.file: row.reject for row in rows if row.reject} == {
        "a1_s2_x.txt": "is not listed in names.txt",
        "a1_s3_x.txt": "line 35 has 2 numbers, the lines before it 3 numbers",
        "a1_s4_x.txt": "this is no text file",
    }
