"""Debugging lessons: a repair that also changes what was right passes, and is told so."""

from __future__ import annotations

from deepdojo.grader.lessons import find_lesson
from deepdojo.grader.loading import load_check, mutated, stub_of
from deepdojo.grader.repairs import changed_right_lines, right_lines_warning
from deepdojo.learn.checker import Checker


def test_the_reference_repair_of_every_fault_changes_no_right_line() -> None:
    for name in ("m1", "m2", "m3", "m4", "m5", "m6"):
        lesson = find_lesson(name)
        for mutant in load_check(lesson).mutants:
            assert changed_right_lines(lesson.solution, mutated(lesson.solution, mutant), lesson.solution) == 0


def test_right_lines_that_are_changed_are_counted_and_told() -> None:
    lesson = find_lesson("m1")
    stub = stub_of(lesson, 0)
    more = lesson.solution.replace("total += loss.item() * len(xb)", "total += len(xb) * loss.item()")
    more = more.replace("    losses = []", "    losses = list()  # empty")
    assert changed_right_lines(more, stub, lesson.solution) == 2
    checker = Checker([0])
    told = checker.grade(lesson, more, lesson.folder / "m1_loop.py", stub=stub)
    assert told.passed
    assert "you changed 2 lines that were right" in told.render("en")
    assert "你改动了 2 行原本正确的代码" in told.render("zh")
    assert not checker.grade(lesson, lesson.solution, lesson.folder / "m1_loop.py", stub=stub).facts
    one = right_lines_warning(1)
    assert one is not None
    assert "1 line that was right" in one.en
