"""One learner in one folder: what each verb of `dojo learn` does to the files and to the state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deepdojo.grader.lessons import BEGIN, END, Lesson
from deepdojo.grader.words import Language, Text, language
from deepdojo.learn.course import BUILT_IN, find, next_lesson, open_course
from deepdojo.learn.folder import (
    digest,
    file_of,
    find_folder,
    is_learners,
    keep_old,
    open_folder,
    read_answer,
    stub_text,
    write_stub,
)
from deepdojo.learn.state import Entry, Progress, StateFile
from deepdojo.learn.words import LearnError, refuse

__all__ = ["Grade", "Learner", "Row", "begun", "spoken"]

# Grades a text: lesson, text, file -> verdict.
Grade = Callable[[Lesson, str, Path], Any]


@dataclass(frozen=True)
class Row:
    """One lesson in the list. `shown` is its state, or "earlier" where a stricter check has come since the pass."""

    lesson: Lesson
    entry: Entry
    shown: str
    current: bool

    def as_json(self) -> dict[str, Any]:
        head = {"id": self.lesson.id, "title": self.lesson.title.as_json(), "minutes": self.lesson.minutes}
        return {**head, **asdict(self.entry), "state": self.shown, "current": self.current}


class Learner:
    """Attributes: folder, lessons of the course in order, lang, source, and whether lessons were begun there before."""

    def __init__(
        self, folder: Path, *, lang: str | None = None, source: str | None = None, trust: bool = False
    ) -> None:
        self.folder, self.file = folder, StateFile(folder)
        self.begun = is_learners(folder)
        progress = self.file.read()
        chosen = progress.source
        if source is not None:
            chosen = None if source == BUILT_IN else str(Path(source).resolve())
        self.lang: Language = language(lang or progress.lang)
        self._given = (lang, source)
        self.lessons = open_course(chosen, trust=trust, new=source is not None)
        self.source = chosen

    @property
    def kept_aside(self) -> Path | None:
        return self.file.kept_aside

    def progress(self) -> Progress:
        return self.file.read()

    def keep_choices(self) -> None:
        """Language and course, once something is written anyway. Raises LearnError where nothing can be."""
        with self.file.change() as progress:
            progress.lang, progress.source = self.lang, self.source

    def speak(self, lang: Language) -> None:
        self.lang = lang
        with self.file.change() as progress:
            progress.lang = lang

    def lesson(self, name: str | None = None, verbs: Sequence[str] = ()) -> Lesson:
        """The named one; else the one that is open; else the next. `verbs`: what else might have been meant."""
        if name is not None:
            return find(name, self.lessons, verbs)
        progress = self.file.read()
        known = {each.id: each for each in self.lessons}
        open_now = known.get(progress.current or "")
        if open_now is not None:
            return open_now
        return next_lesson(self.lessons, progress) or self.lessons[-1]

    def to_open(self, name: str | None = None, verbs: Sequence[str] = ()) -> Lesson:
        """What `dojo learn` opens: the named one; else the open one, and the next where that is passed or left out."""
        lesson, progress = self.lesson(name, verbs), self.file.read()
        if name is None and progress.lessons.get(lesson.id, Entry()).state != "open":
            return next_lesson(self.lessons, progress, lesson) or lesson
        return lesson

    def following(self, lesson: Lesson) -> Lesson | None:
        return next_lesson(self.lessons, self.file.read(), lesson)

    def open(self, lesson: Lesson) -> Path:
        """Makes it the current one and writes its stub where it has no file. Returns the file."""
        with self.file.change() as progress:
            progress.lang, progress.source, progress.current = self.lang, self.source, lesson.id
            progress.entry(lesson.id)
            seed = progress.seed
        path = file_of(self.folder, lesson)
        if not path.exists():
            write_stub(path, lesson, seed)
        return path

    def path(self, lesson: Lesson) -> Path:
        return file_of(self.folder, lesson)

    def entry(self, lesson: Lesson) -> Entry:
        return self.file.read().lessons.get(lesson.id, Entry())

    def is_stub(self, lesson: Lesson, source: str) -> bool:
        return source.split() == stub_text(lesson, self.file.read().seed).split()

    def fault_of(self, lesson: Lesson) -> str | None:
        """The code with the one fault that this learner got; None where the lesson is written, or rebuilt, freely."""
        return stub_text(lesson, self.file.read().seed) if lesson.planted and lesson.fault is None else None

    def record(self, lesson: Lesson, source: str, passed: bool, *, seconds: float = 0.0) -> bool:
        """A verdict. Returns whether it counts as an attempt: the text is another than before."""
        with self.file.change() as progress:
            return _record(progress.entry(lesson.id), lesson, digest(source), passed, seconds)

    def spend(self, lesson: Lesson, seconds: float) -> None:
        if seconds >= 1:
            with self.file.change() as progress:
                progress.entry(lesson.id).seconds += round(seconds)

    def hint(self, lesson: Lesson) -> tuple[int, Text]:
        """The next hint and its number from 1; the last one again where all were shown."""
        with self.file.change() as progress:
            entry = progress.entry(lesson.id)
            entry.hints = min(entry.hints + 1, len(lesson.hints))
            return entry.hints, lesson.hints[entry.hints - 1]

    def skip(self, lesson: Lesson) -> Lesson | None:
        """Leaves it out for now. Returns the next one."""
        with self.file.change() as progress:
            entry = progress.entry(lesson.id)
            if entry.state == "open":
                entry.state = "skipped"
            following = next_lesson(self.lessons, progress, lesson)
            progress.current = (following or lesson).id
            return following

    def reset(self, lesson: Lesson) -> tuple[Path, Path | None]:
        """A new stub. Returns it, and where the old file went."""
        with self.file.change() as progress:
            seed = progress.seed
        path = file_of(self.folder, lesson)
        kept = keep_old(path)
        write_stub(path, lesson, seed)
        return path, kept

    def solution(self, lesson: Lesson, *, give_up: bool) -> dict[str, str]:
        """File name -> text: the solution, then other right ways. Raises LearnError before the pass."""
        entry = self.entry(lesson)
        if entry.state != "passed":
            if not give_up:
                left = max(0, len(lesson.hints) - entry.hints)
                raise refuse("not_yet", id=lesson.id, left=left)
            with self.file.change() as progress:
                progress.entry(lesson.id).given_up = True
        marks = (BEGIN, END)
        plain = [line for line in lesson.solution.splitlines() if line.strip() not in marks]
        return {"solution.py": "\n".join(plain) + "\n", **lesson.accepted()}

    def rows(self) -> list[Row]:
        progress = self.file.read()
        found = []
        for lesson in self.lessons:
            entry = progress.lessons.get(lesson.id)
            shown = "new" if entry is None else entry.state
            if shown == "passed" and entry is not None and (entry.check_version or 0) < lesson.check_version:
                shown = "earlier"
            found.append(Row(lesson, entry or Entry(), shown, lesson.id == progress.current))
        return found

    def verify(self, grade: Grade) -> Iterator[tuple[Lesson, str, Any]]:
        """Checks every lesson's file that is here; rebuilds the state from them.

        Yields:
            lesson, "pass", "fail", "kept" (an earlier pass stays) or "stub", and the verdict, or the LearnError of a
            file that cannot be read.
        """
        for lesson in self.lessons:
            path = file_of(self.folder, lesson)
            if not path.exists():
                continue
            try:
                source = read_answer(path)
            except LearnError as fault:
                yield lesson, "fail", fault
                continue
            if self.is_stub(lesson, source):
                yield lesson, "stub", None
                continue
            verdict = grade(lesson, source, path)
            self.record(lesson, source, verdict.passed)
            had = self.entry(lesson).state == "passed"
            yield lesson, "pass" if verdict.passed else "kept" if had else "fail", verdict


def begun(here: Path, **choices: Any) -> Learner:
    """The learner of a folder where lessons were begun. Raises LearnError where none were."""
    folder = find_folder(here)
    if folder is None:
        raise refuse("none_begun", where=str(here))
    return Learner(folder, **choices)


def opened(here: Path, **choices: Any) -> Learner:
    """The learner of this folder; its place is made where there is none. What is wrong with `choices` is said first."""
    found = find_folder(here)
    if found is None:
        open_course(_resolved(choices.get("source")), trust=bool(choices.get("trust")), new=True)
        found = open_folder(here)
    return Learner(found, **choices)


def spoken(here: Path, given: str | None) -> Language:
    """The language for whatever goes wrong: the given one, that of the folder, that of the locale."""
    if given in ("en", "zh"):
        return language(given)
    folder = find_folder(here)
    kept = None
    if folder is not None:
        try:
            kept = StateFile(folder).read(look=True).lang
        except LearnError:
            kept = None
    return language(kept)


def _resolved(source: str | None) -> str | None:
    return None if source in (None, BUILT_IN) else str(Path(str(source)).resolve())


def _record(entry: Entry, lesson: Lesson, sha256: str, passed: bool, seconds: float) -> bool:
    fresh = entry.file_sha256 != sha256
    entry.attempts += fresh
    entry.file_sha256 = sha256
    entry.seconds += round(seconds)
    if passed:
        if entry.state != "passed":
            entry.passed_at = datetime.now(UTC).isoformat(timespec="seconds")
        entry.state, entry.check_version = "passed", lesson.check_version
    return fresh
