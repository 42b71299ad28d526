"""Every lesson goes through its author's gate: right code passes, each known mistake is told by name."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch

from deepdojo.grader.gate import check_lesson
from deepdojo.grader.grade import grade_source, prepare
from deepdojo.grader.lessons import all_lessons, find_lesson
from deepdojo.grader.loading import stub_of
from deepdojo.grader.runner import Runner
from deepdojo.grader.spec import LessonError

LESSONS = all_lessons()
LONG = ("c1-conv2d", "f6-decoder-layer", "f7-seed-transformer", "g5-kv-cache", "g7-gpt", "h1-augment", "h3-nms")
QUICK = [lesson for lesson in LESSONS if lesson.id not in LONG]  # the others: 5 to 20 s each


@pytest.mark.parametrize("lesson", QUICK, ids=lambda lesson: lesson.id)
def test_gate(forked: Runner, lesson) -> None:
    report = check_lesson(lesson, LESSONS, seeds=1, runner=forked)
    assert not [fault for fault in report.faults if "a verdict takes" not in fault]  # this machine may be busy


@pytest.mark.parametrize(("lesson", "seed"), [("f1", 121), ("a2", 7), ("a2", 30)])
def test_right_code_passes_where_numbers_nearly_cancel(forked: Runner, lesson: str, seed: int) -> None:
    """Seeds at which right code failed: two close numbers at 10,000, and x - logsumexp(x) in float32."""
    found = find_lesson(lesson)
    questions = prepare(found, [seed])
    for text in (found.solution, *found.accepted().values()):
        assert grade_source(found, text, questions=questions, runner=forked).passed


def test_what_is_drawn_at_random_is_the_same_whatever_ran_before(forked: Runner) -> None:
    """LoRA's first factor is drawn: a B of ones was named only in a process that had drawn nothing yet."""
    torch.rand(10)
    lesson = find_lesson("k4-lora")
    report = check_lesson(lesson, LESSONS, seeds=1, runner=forked)
    assert not [fault for fault in report.faults if "is named" in fault]


def test_warnings_that_the_grader_takes_for_errors_are_no_fault_of_the_learner() -> None:
    lesson = find_lesson("a2-softmax")
    text = "import warnings\nwarnings.warn('look out', UserWarning, 2)\n" + lesson.solution
    with warnings.catch_warnings(action="error"):
        runner = Runner(wall_s=20.0)  # its processes take over what is set here
        try:
            assert grade_source(lesson, text, runner=runner).passed
        finally:
            runner.close()


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_gate_with_twenty_seeds(forked: Runner, lesson) -> None:
    report = check_lesson(lesson, LESSONS, seeds=20, runner=forked)
    assert not report.faults
    assert report.mutants >= 4
    assert report.variants >= 2


def test_there_is_a_lesson_of_every_kind_of_check() -> None:
    ids = {lesson.id for lesson in LESSONS}
    assert {"a2-softmax", "b2-adam", "c1-conv2d", "d2-lstm", "e2-dot-product", "f1-layer-norm", "g1-bpe"} <= ids
    assert any(lesson.planted for lesson in LESSONS)


def test_a_named_fault_is_planted_for_everybody() -> None:
    lesson = find_lesson("f7-seed-transformer")
    stubs = {stub_of(lesson, seed) for seed in range(5)}
    assert len(stubs) == 1
    assert "PositionalEncoding(" in stubs.pop()
    with pytest.raises(LessonError, match="no mutant 'no_such'"):
        stub_of(replace(lesson, fault="no_such"))
