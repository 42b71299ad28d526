"""The lessons that a learner goes through: the built-in ones, or an instructor's folder of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepdojo.grader.lessons import LESSONS, Lesson, agreed, all_lessons, read_lesson
from deepdojo.learn.state import Entry, Progress
from deepdojo.learn.words import refuse, unknown_lesson

__all__ = ["BUILT_IN", "find", "next_lesson", "open_course"]

BUILT_IN = "built-in"


def open_course(source: str | None, *, trust: bool = False, new: bool = False) -> list[Lesson]:
    """The lessons of `source`, in order.

    Args:
        source: a folder of lessons, or one lesson's folder; None: the built-in ones.
        trust: its checks may run.
        new: it is given now, not remembered.

    Raises:
        LearnError: there are none, or they are from outside and nobody has agreed to run them.
    """
    if source is None:
        return all_lessons(LESSONS)
    folder = Path(source)
    if (folder / "lesson.toml").is_file():
        lessons = [read_lesson(folder)]
    elif folder.is_dir():
        lessons = all_lessons(folder)
    else:
        lessons = []
    if not lessons:
        raise refuse("no_lessons" if new else "no_source", where=source)
    if not agreed(lessons, trust=trust):
        raise refuse("untrusted", where=source)
    return lessons


def find(name: str, lessons: Sequence[Lesson], verbs: Sequence[str] = ()) -> Lesson:
    """By id, by its number (`a2`), by its name (`softmax`), by what it asks for. Raises LearnError with the nearest.

    Args:
        verbs: what else might have been meant.
    """
    names: dict[str, Lesson] = {}
    for each in lessons:
        number, _, slug = each.id.partition("-")
        for known in (each.id, number, slug, *each.names, each.id.replace("-", "_") + ".py"):
            if known:
                names.setdefault(known.lower(), each)
    found = names.get(name.lower())
    if found is None:
        typed = {each: known.id for each, known in names.items()}
        raise unknown_lesson(name, {**{verb: verb for verb in verbs}, **typed})
    return found


def next_lesson(lessons: Sequence[Lesson], progress: Progress, after: Lesson | None = None) -> Lesson | None:
    """The first one that is neither passed nor left out: behind `after`, then from the beginning."""
    at = lessons.index(after) + 1 if after in lessons else 0
    order = [*lessons[at:], *lessons[:at]]
    return next((e for e in order if progress.lessons.get(e.id, Entry()).state == "open" and e != after), None)
