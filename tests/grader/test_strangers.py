"""No wrong solution passes, no right one fails, also of those that nobody had in mind who wrote the checks."""

from __future__ import annotations

import pytest

from deepdojo.grader.grade import Questions, grade_source, prepare
from deepdojo.grader.lessons import find_lesson
from deepdojo.grader.runner import Runner

from .strangers_right import RIGHT
from .strangers_wrong import WRONG

_asked: dict[str, Questions] = {}


def questions(lesson: str) -> Questions:
    if lesson not in _asked:
        _asked[lesson] = prepare(find_lesson(lesson), (0, 1, 2))
    return _asked[lesson]


@pytest.mark.parametrize(("lesson", "name"), [(lesson, name) for lesson, all_ in RIGHT.items() for name in all_])
def test_right(forked: Runner, lesson: str, name: str) -> None:
    asked = questions(lesson)
    verdict = grade_source(asked.lesson, RIGHT[lesson][name], questions=asked, runner=forked)
    assert verdict.passed, f"{verdict}\n{verdict.trace}"


@pytest.mark.slow
@pytest.mark.parametrize(("lesson", "name"), [(lesson, name) for lesson, all_ in WRONG.items() for name in all_])
def test_wrong(forked: Runner, lesson: str, name: str) -> None:
    asked = questions(lesson)
    verdict = grade_source(asked.lesson, WRONG[lesson][name], questions=asked, runner=forked)
    assert not verdict.passed
    assert verdict.kind not in ("syntax", "missing", "import", "timeout", "exit"), str(verdict)
