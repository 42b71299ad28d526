"""Verbs on lessons: grade what a learner wrote, check what an author wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdojo.grader.gate import Report
    from deepdojo.grader.verdict import Verdict

__all__ = ["check_lessons", "grade", "new_lesson"]


def grade(
    what: str | Path | Callable[..., Any],
    lesson: str | None = None,
    *,
    seeds: Sequence[int] = (0, 1),
    lessons: str | Path | None = None,
) -> Verdict:
    """Is it right, and if not, what is wrong? `print(dd.grade(softmax))` in a notebook gives the whole message.

    Args:
        what: a file, or a function or class that was defined in this session.
        lesson: the lesson's id; default: the one whose function it defines.
        seeds: the cases are drawn for each.
        lessons: a folder of lessons beside the built-in ones.

    Raises:
        DojoError: no such file, no lesson of that name, or nothing in it that a lesson asks for.
    """
    from deepdojo.grader.files import lesson_of, read_source, source_of
    from deepdojo.grader.lessons import LESSONS

    root = Path(lessons) if lessons is not None else LESSONS
    if callable(what):
        found = _lesson_of_name(what.__name__, lesson, root)
        file, source = None, source_of(what)
    else:
        file = Path(what)
        source = read_source(file)
        found = lesson_of(source, file, lesson, root)
    from deepdojo.grader.grade import grade_source

    return grade_source(found, source, file=file, seeds=seeds)


def _lesson_of_name(name: str, lesson: str | None, root: Path) -> Any:
    from deepdojo.errors import UnknownNameError
    from deepdojo.grader.lessons import all_lessons, find_lesson

    if lesson is not None:
        return find_lesson(lesson, root)
    known = {n: each for each in all_lessons(root) for n in each.names}
    if name not in known:
        raise UnknownNameError("lesson's function", name, known)
    return known[name]


def check_lessons(ids: Sequence[str] = (), *, seeds: int = 20, lessons: str | Path | None = None) -> Iterator[Report]:
    """The author's gate, one report a lesson, as each is done.

    Args:
        ids: of lessons, or their folders; all of them when empty.
        lessons: a folder of lessons instead of the built-in ones.
    """
    from deepdojo.grader.lessons import LESSONS, all_lessons, find_lesson

    root = Path(lessons) if lessons is not None else LESSONS
    every = all_lessons(root)
    chosen = [find_lesson(each, root) for each in ids] or every
    from deepdojo.grader.gate import check_lesson
    from deepdojo.grader.runner import shared_runner

    runner = shared_runner()
    for each in chosen:
        yield check_lesson(each, every, seeds=seeds, runner=runner)


def new_lesson(folder: str | Path) -> Path:
    """A lesson's folder to start from: small, whole, and through the gate."""
    from deepdojo.grader.new_lesson import create_lesson

    return create_lesson(Path(folder))
