"""What a pass shows: the learner's own function on real data, run in the learner's process."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from PIL import Image

from deepdojo.grader.bundled import neighbours
from deepdojo.grader.drawing import Chart, Grey
from deepdojo.grader.finale import OwnRun, finale
from deepdojo.grader.lessons import all_lessons, find_lesson
from deepdojo.grader.loading import load_check
from deepdojo.grader.runner import Runner

WITH_PICTURES = [lesson.id for lesson in all_lessons() if (lesson.folder / "finale.py").is_file()]


def own_run() -> OwnRun:
    """Real answers: those of a nearest neighbour on digits, with nine of them as the floor."""
    y, p, second, nine = neighbours()
    right = float((y == p).double().mean())
    score = {
        "metric": "accuracy",
        "value": right,
        "low": 0.977,
        "high": 0.997,
        "others": {"macro_f1": {"value": 0.991}},
    }
    sure = [i / len(y) for i in range(len(y))]
    names = [f"digit {c}" for c in range(10)]
    return OwnRun(
        "the-run", "digits", names, y.tolist(), p.tolist(), second.tolist(), sure, score, ("knn", nine.tolist())
    )


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
    assert isinstance(shown.picture, Grey)
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured[0]) == "▀" * shown.picture.ink.shape[1]
    shown.png(tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as image:
        assert image.size == (58 * 12, 18 * 12)


def test_code_that_has_no_answer_to_the_real_data_shows_nothing(forked: Runner) -> None:
    lesson = find_lesson("a1-broadcast")
    assert finale(lesson, "def pairwise_sq_dist(a, b):\n    raise ValueError\n", None, forked) is None
    assert finale(lesson, "def pairwise_sq_dist(a, b):\n    return a.new_zeros(2, 3, 4)\n", None, forked) is None
    assert finale(find_lesson("a2-softmax"), find_lesson("a2-softmax").solution, None, forked) is None


def test_a_mended_loss_is_drawn_beside_the_one_that_was_given(forked: Runner) -> None:
    lesson = find_lesson("m6-numerics")
    faults = [m.name for m in load_check(lesson).mutants]
    shown = finale(lesson, lesson.solution, None, forked, seed=faults.index("sqrt_of_zero"))
    assert shown is not None
    assert "sqrt is taken of 0" in shown.said.en
    assert "From batch 25 of 60 on it is NaN" in shown.said.en or "From batch 26 of 60 on it is NaN" in shown.said.en
    unseen = finale(lesson, lesson.solution, None, forked, seed=faults.index("eps_under_the_root"))
    assert unseen is not None
    assert "These data do not show it" in unseen.said.en
    assert "where picks the value 0" in unseen.said.en


def test_the_picture_of_an_own_run_says_what_its_report_says(forked: Runner) -> None:
    run = own_run()
    lesson = find_lesson("j2-intervals")
    shown = finale(lesson, lesson.solution, None, forked, run=run)
    assert shown is not None
    assert "your report says accuracy 99.1 [97.7, 99.7]; your code says 99.1 [97.7, 99.7]" in shown.said.en
    lesson = find_lesson("j1-metrics")
    shown = finale(lesson, lesson.solution, None, forked, run=run)
    assert shown is not None
    assert "your report says macro-F1 0.991; your code says macro-F1 0.991" in shown.said.en
    assert isinstance(shown.picture, Chart)
    assert list(shown.picture.names) == run.names
    bare = finale(lesson, lesson.solution, None, forked, run=replace(run, second=None, sure=None, floor=None))
    assert bare is not None


def test_a_chart_fits_a_terminal_and_has_labels_as_a_picture(forked: Runner) -> None:
    lesson = find_lesson("j4-ladder")
    shown = finale(lesson, lesson.solution, None, forked)
    assert shown is not None
    for lang in ("en", "zh"):
        plain, coloured = shown.lines(False, lang), shown.lines(True, lang)
        assert max(map(len, plain)) <= 58
        assert [re.sub("\x1b\\[[0-9;]*m", "", line).count("▀") for line in coloured].count(50) == 11
        assert sum("*" in line for line in plain) > 1
        assert sum("o" in line for line in plain[1:-2]) > 3
        with Image.open(io.BytesIO(shown.as_png(lang))) as image:
            assert image.size == (960, 540)


@pytest.mark.slow
@pytest.mark.parametrize("lesson_id", [each for each in WITH_PICTURES if each[0] == "m"])
def test_each_planted_fault_has_its_picture(forked: Runner, lesson_id: str) -> None:
    lesson = find_lesson(lesson_id)
    for seed, fault in enumerate(load_check(lesson).mutants):
        shown = finale(lesson, lesson.solution, None, forked, seed=seed)
        assert shown is not None, fault.name
        assert shown.said.en.startswith(f"The fault that you mended: {fault.text.en}. ")
        assert shown.said.zh.startswith(f"你改好的错误：{fault.text.zh}。")
