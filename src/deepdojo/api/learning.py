"""Verbs on lessons: grade what a learner wrote, check what an author wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from deepdojo.grader.gate import Report
    from deepdojo.grader.verdict import Verdict
    from deepdojo.grader.words import Language
    from deepdojo.learn.gradebook import Gradebook
    from deepdojo.learn.learner import Learner

__all__ = [
    "check_lessons", "export_progress", "grade", "gradebook", "learner", "lesson_language", "new_lesson",
]  # fmt: skip


def grade(
    what: str | Path | Callable[..., Any],
    lesson: str | None = None,
    *,
    seeds: Sequence[int] = (0, 1),
    lessons: str | Path | None = None,
    trust: bool = False,
) -> Verdict:
    """Is it right, and if not, what is wrong? `print(dd.grade(softmax))` in a notebook gives the whole message.

    Args:
        what: a file, or a function or class that was defined in this session.
        lesson: the lesson's id; default: the one whose function it defines.
        seeds: the cases are drawn for each.
        lessons: a folder of lessons instead of the built-in ones.
        trust: their checks, which are Python code from outside, may run.

    Raises:
        DojoError: no such file, no lesson of that name, or nothing in it that a lesson asks for.
        ConsentError: the lesson is from outside, and nobody has agreed to run its check.
    """
    from deepdojo.grader.files import lesson_of, read_source, require_agreement, source_of
    from deepdojo.grader.lessons import LESSONS

    root = Path(lessons) if lessons is not None else LESSONS
    if callable(what):
        found = _lesson_of_name(what.__name__, lesson, root)
        file, source = None, source_of(what)
    else:
        file = Path(what)
        source = read_source(file)
        found = lesson_of(source, file, lesson, root)
    require_agreement(found, trust=trust)
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
    """The author's gate, one report a lesson, as each is done. Whoever runs it agrees to run these checks.

    Args:
        ids: of lessons, or their folders; all of them when empty.
        lessons: a folder of lessons instead of the built-in ones.
    """
    from deepdojo.grader.lessons import LESSONS, agreed, all_lessons, find_lesson

    root = Path(lessons) if lessons is not None else LESSONS
    every = all_lessons(root)
    chosen = [find_lesson(each, root) for each in ids] or every
    agreed(chosen, trust=True)
    from deepdojo.grader.gate import check_lesson
    from deepdojo.grader.runner import shared_runner

    runner = shared_runner()
    for each in chosen:
        yield check_lesson(each, every, seeds=seeds, runner=runner)


def new_lesson(folder: str | Path) -> Path:
    """A lesson's folder to start from: small, whole, and through the gate."""
    from deepdojo.grader.new_lesson import create_lesson

    return create_lesson(Path(folder))


def learner(
    folder: str | Path | None = None,
    *,
    where_none: Literal["refuse", "make", "ignore"] = "refuse",
    lang: str | None = None,
    source: str | None = None,
    trust: bool = False,
) -> Learner:
    """Whoever learns in a folder: its lessons, its state, and the verbs on them.

    Args:
        folder: where lessons were begun, or that holds `dojo-lessons`; default: the current one.
        where_none: where no lessons were begun, refuse, make a place (an empty folder itself, else `dojo-lessons` in
            it), or look at what there is without writing.
        lang: "en" or "zh"; default: what was kept, else the locale's.
        source: an instructor's folder of lessons instead of the built-in ones.
        trust: its checks, which are Python code from outside, may run.

    Raises:
        LearnError: no lessons were begun there, it cannot be written, or the source holds none or is not trusted.
    """
    from deepdojo.learn.learner import Learner, begun, opened

    here = Path(folder) if folder is not None else Path.cwd()
    if where_none == "ignore":
        from deepdojo.learn.folder import find_folder

        return Learner(find_folder(here) or here, lang=lang, source=source, trust=trust)
    return (opened if where_none == "make" else begun)(here, lang=lang, source=source, trust=trust)


def lesson_language(given: str | None = None) -> Language:
    """The given language; else that of the learner's folder here; else the locale's. Raises UnknownNameError."""
    from deepdojo.grader.words import language
    from deepdojo.learn.learner import spoken

    return language(given) if given is not None else spoken(Path.cwd(), given)


def export_progress(learner: Learner, path: str | Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Writes a progress file to hand in: attempts, hints, seconds, the files and their hashes. It is no proof.

    Args:
        path: default: `progress-FOLDER.json` in the learner's folder.

    Raises:
        DojoError: it cannot be written.
    """
    from deepdojo.learn.gradebook import write_progress

    return write_progress(learner, Path(path) if path is not None else None)


def gradebook(
    folder: str | Path,
    *,
    lang: str | None = None,
    source: str | None = None,
    trust: bool = False,
    grade: bool = True,
    seed: int | None = None,
    output: str | Path | None = None,
) -> Gradebook:
    """A table of many progress files, as CSV and as one HTML page; their files are graded again with own seeds.

    Args:
        folder: progress files, and folders that hold one.
        source: the instructor's folder of lessons, where the class used one.
        trust: the files in them may run.
        grade: False: believe nothing and run nothing; the table says what is claimed.
        seed: the cases are drawn for it and the next one; default: drawn anew.
        output: beginning of both files' names; default: `gradebook` in `folder`.

    Raises:
        LearnError: no progress files, or they are not trusted.
    """
    from deepdojo.learn.gradebook import make_gradebook

    return make_gradebook(
        Path(folder), lang=lang, source=source, trust=trust, grade=grade, seed=seed,
        output=Path(output) if output is not None else None,
    )  # fmt: skip
