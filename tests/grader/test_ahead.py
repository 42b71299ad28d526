"""What known mistakes answer is found out while a learner writes; the verdict then asks none of them again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deepdojo.grader.grade import grade_source, prepare
from deepdojo.grader.lessons import find_lesson
from deepdojo.grader.loading import load_check, mutated
from deepdojo.grader.runner import Runner


def test_a_mistake_is_named_from_what_was_found_out_ahead(quick: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = find_lesson("a2-softmax")
    mistake = next(m for m in load_check(lesson).mutants if m.name == "sum_of_all")
    stopped, whole = prepare(lesson), prepare(lesson)
    stopped.mistakes.find_out(lambda: False)
    whole.mistakes.find_out(lambda: True)

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr("deepdojo.grader.diagnosis.observe", asked)
    assert grade_source(lesson, mutated(lesson.solution, mistake), questions=whole, runner=quick).mutants == [
        "sum_of_all"
    ]
    with pytest.raises(AssertionError, match="asked again"):
        grade_source(lesson, mutated(lesson.solution, mistake), questions=stopped, runner=quick)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks a nursery")
def test_a_runner_closes_while_a_later_one_lives(tmp_path: Path) -> None:
    """The later nursery holds a copy of the earlier one's line: the earlier one waited for it for ever."""
    program = "from deepdojo.grader.runner import Runner; a, b = Runner(), Runner(); a.close(); b.close()"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)
