"""A learner's folder on disk: which one it is, the file of each lesson, its stub, what is kept of an old one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from deepdojo.errors import DataError
from deepdojo.grader.files import read_source
from deepdojo.grader.lessons import Lesson
from deepdojo.learn.words import LearnError, refuse
from deepdojo.places import write_text

__all__ = [
    "LESSONS_FOLDER",
    "digest",
    "file_of",
    "find_folder",
    "is_learners",
    "keep_old",
    "open_folder",
    "read_answer",
    "shown_path",
    "stub_text",
    "write_stub",
]

LESSONS_FOLDER = "dojo-lessons"


def find_folder(here: Path) -> Path | None:
    """The learner's folder that is here or right below, or None."""
    return next((each for each in (here, here / LESSONS_FOLDER) if is_learners(each)), None)


def open_folder(here: Path) -> Path:
    """The learner's folder; where there is none, an empty `here` becomes it, else `dojo-lessons` below it.

    Raises:
        LearnError: it may not be written.
    """
    found = find_folder(here)
    if found is None:
        try:
            found = here if _is_empty(here) else here / LESSONS_FOLDER
            (found / ".dojo").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refuse("read_only", where=str(here), why=error.strerror or error) from error
    return found


def file_of(folder: Path, lesson: Lesson) -> Path:
    """`a2_softmax.py`: sorted as the curriculum, and importable from the lessons after it."""
    return folder / f"{lesson.id.replace('-', '_')}.py"


def read_answer(path: Path) -> str:
    """The text of a learner's file, with Unix line ends. Raises LearnError where there is none that can be read."""
    shown = shown_path(path)
    try:
        return read_source(path)
    except DataError as fault:
        raise _told(path, shown) from fault
    except OSError as error:
        raise refuse("unreadable", where=shown, why=error.strerror or error) from error


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def write_stub(path: Path, lesson: Lesson, seed: int) -> str:
    """Writes what the learner starts from, and returns it. Raises DojoError where the folder may not be written."""
    stub = stub_text(lesson, seed)
    write_text(path, stub)
    return stub


def stub_text(lesson: Lesson, seed: int) -> str:
    if not lesson.planted:  # without torch
        return lesson.stub
    from deepdojo.grader.loading import stub_of

    return stub_of(lesson, seed)


def keep_old(path: Path) -> Path | None:
    """Puts a file aside as `NAME.1`, or the next number that is free. None where there is no file."""
    if not path.exists():
        return None
    number = 1
    while (aside := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    try:
        path.rename(aside)
    except OSError as error:
        raise refuse("read_only", where=str(path), why=error.strerror or error) from error
    return aside


def shown_path(path: Path) -> str:
    """As one types it from here."""
    try:
        near = os.path.relpath(path)
    except ValueError:  # another drive of Windows
        return str(path)
    return near if not near.startswith("..") else str(path)


def _told(path: Path, shown: str) -> LearnError:
    """The grader's own sentence, in the learner's language."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return refuse("gone", where=shown)
    except OSError as error:
        return refuse("unreadable", where=shown, why=error.strerror or error)
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return refuse("not_utf8", where=shown)
    return refuse("binary", where=shown) if b"\0" in data else refuse("huge", where=shown, bytes=f"{len(data):,}")


def is_learners(folder: Path) -> bool:
    """Whether lessons were begun there, however damaged their state is now."""
    kept = folder / ".dojo"
    return kept.is_dir() and any(kept.glob("learn.json*"))


def _is_empty(folder: Path) -> bool:
    """Hidden things (.git, .venv, .vscode) do not count."""
    return all(each.name.startswith(".") for each in folder.iterdir())
