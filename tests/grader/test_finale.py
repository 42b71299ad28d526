"""What a pass shows: the learner's own function on real data, run in the learner's process."""

from __future__ import annotations

import re

from PIL import Image

from deepdojo.grader.finale import finale
from deepdojo.grader.lessons import find_lesson
from deepdojo.grader.runner import Runner


def test_the_first_lesson_ends_in_a_picture(forked: Runner, tmp_path) -> None:
    lesson = find_lesson("a1-broadcast")
    shown = finale(lesson, lesson.solution, tmp_path / "a1_broadcast.py", forked)
    assert shown is not None
    assert "99.1 %" in shown.said.en
    assert "99.1 %" in shown.said.zh
    plain, coloured = shown.lines(False), shown.lines(True)
    assert len(plain) == len(coloured) == 9
    assert max(map(len, plain)) <= 58
    assert not any("\x1b" in line for line in plain)
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured[0]) == "▀" * shown.grey.shape[1]
    shown.png(tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as image:
        assert image.size == (58 * 12, 18 * 12)


def test_code_that_has_no_answer_to_the_real_data_shows_nothing(forked: Runner) -> None:
    lesson = find_lesson("a1-broadcast")
    assert finale(lesson, "def pairwise_sq_dist(a, b):\n    raise ValueError\n", None, forked) is None
    assert finale(lesson, "def pairwise_sq_dist(a, b):\n    return a.new_zeros(2, 3, 4)\n", None, forked) is None
    assert finale(find_lesson("a2-softmax"), find_lesson("a2-softmax").solution, None, forked) is None
