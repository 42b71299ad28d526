"""`dojo grade`: is a learner's file right, and if not, what is wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from deepdojo.cli.options import Json, LessonTrust, option
from deepdojo.cli.output import out, print_json, styled

__all__ = ["grade"]


def grade(
    file: Annotated[Path, option("The file with your code.", "Arguments")],
    /,
    *,
    lesson: Annotated[str | None, option("The lesson's id; default: found by the function's name.", "What")] = None,
    lessons: Annotated[Path | None, option("A folder of lessons instead of the built-in ones.", "What")] = None,
    seed: Annotated[int | None, option("Draw the cases for this seed instead of 0 and 1.", "What")] = None,
    lang: Annotated[str | None, option("Language: en or zh; default: that of the locale.", "Output")] = None,
    trace: Annotated[bool, option("Show the traceback, too.", "Output")] = False,
    trust: LessonTrust = False,
    json: Json = False,
) -> int:
    """Say whether a file solves its lesson, and what is wrong.

    dojo grade softmax.py              which lesson is it, is it right
    dojo grade mine.py --lesson a2 --lang zh
    dojo grade softmax.py --json       exit code 0 right, 1 not yet, 2 bad input
    """
    from deepdojo import api
    from deepdojo.grader.words import language

    chosen = language(lang)
    verdict = api.grade(file, lesson, seeds=(0, 1) if seed is None else (seed,), lessons=lessons, trust=trust)
    if json:
        print_json(verdict.as_json())
        return int(not verdict.passed)
    room = os.get_terminal_size().columns - 1 if sys.stdout.isatty() else sys.maxsize
    head, *rest = verdict.render(chosen, width=room).split("\n")
    out(styled(head, "good" if verdict.passed else "bad"))
    for line in rest:
        out(line)
    if trace and verdict.trace:
        out()
        out(verdict.trace.rstrip())
    if verdict.passed:
        from deepdojo.grader.lessons import LESSONS, find_lesson

        out()
        out(find_lesson(lesson or verdict.lesson, lessons or LESSONS).why(chosen).rstrip())
    return int(not verdict.passed)
