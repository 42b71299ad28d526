"""The grader kept warm: processes that wait with torch loaded, and each lesson's cases drawn once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepdojo.errors import DojoError
from deepdojo.grader.lessons import Lesson
from deepdojo.grader.words import Text

if TYPE_CHECKING:
    from deepdojo.grader.finale import Finale
    from deepdojo.grader.grade import Questions
    from deepdojo.grader.verdict import Verdict

__all__ = ["Checker"]


class Checker:
    """Grades texts, one at a time. Make it before other threads begin: it forks.

    Args:
        seeds: the cases are drawn for each; default: the grader's own.
    """

    def __init__(self, seeds: Sequence[int] | None = None) -> None:
        import torch

        from deepdojo.grader.grade import SEEDS
        from deepdojo.grader.runner import shared_runner

        self._runner = shared_runner()  # before any check is loaded: its processes then know no answers
        torch.set_num_threads(1)  # small tensors: more threads only wait for one another
        self._seeds = tuple(seeds) if seeds is not None else SEEDS
        self._drawn: dict[Path, Questions] = {}

    def stop(self) -> None:
        """Ends the check that runs now, from another thread; its verdict is worth nothing."""
        self._runner.stop()

    def prepare(self, lesson: Lesson) -> None:
        """Draws and answers its cases, so that the first verdict does not wait for it. Raises what check.py raises."""
        from deepdojo.grader.grade import prepare

        if lesson.folder not in self._drawn:
            self._drawn[lesson.folder] = prepare(lesson, self._seeds)

    def look_ahead(self, lesson: Lesson, idle: Callable[[], bool]) -> None:
        """Finds out what the known mistakes answer while nothing else is to be done: a wrong file is told sooner."""
        from deepdojo.grader.optimizers import light_optimizers

        with light_optimizers(), warnings.catch_warnings(action="ignore"):
            self._drawn[lesson.folder].mistakes.find_out(idle)

    def grade(self, lesson: Lesson, source: str, path: Path, *, stub: str | None = None) -> Verdict:
        """The verdict; where the lesson's own check fails, a verdict that says so.

        Args:
            stub: what the learner of a debugging lesson began with: a pass warns of right lines that were changed.
        """
        from deepdojo.grader.grade import grade_source
        from deepdojo.grader.repairs import changed_right_lines, right_lines_warning

        try:
            self.prepare(lesson)
            verdict = grade_source(lesson, source, file=path, questions=self._drawn[lesson.folder], runner=self._runner)
            if stub is not None and verdict.passed:
                warning = right_lines_warning(changed_right_lines(source, stub, lesson.solution))
                verdict.facts += [warning] if warning is not None else []
            return verdict
        except DojoError as fault:
            return _broken(lesson, str(fault))
        except Exception as error:  # an instructor's check is code, too
            return _broken(lesson, f"{type(error).__name__}: {error}")

    def finale(self, lesson: Lesson, source: str, path: Path, seed: int) -> Finale | None:
        """What a pass shows, where the lesson has a picture; the learner's seed says which fault they were given."""
        from deepdojo.grader.finale import finale
        from deepdojo.learn.own_run import newest_run

        try:
            return finale(lesson, source, path, self._runner, seed=seed, run=newest_run(path.parent))
        except Exception:  # an instructor's script is code, too; the gate tells him what is wrong with it
            return None


def _broken(lesson: Lesson, why: str) -> Verdict:
    from deepdojo.grader.verdict import Verdict
    from deepdojo.learn.words import SAYS

    said = SAYS["broken_check"]
    head = Text(said.en.format(why=why), said.zh.format(why=why))
    return Verdict(lesson.id, lesson.function, False, "check", "broken", head)
