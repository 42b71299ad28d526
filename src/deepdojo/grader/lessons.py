"""Lesson folders, read without torch: lesson.toml, texts, the stub that is cut out of the solution."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deepdojo.consent import consented
from deepdojo.errors import ProjectError, UnknownNameError
from deepdojo.grader.words import LANGUAGES, Text

__all__ = ["LESSONS", "Lesson", "agreed", "all_lessons", "find_lesson", "read_lesson"]

LESSONS = Path(__file__).parents[1] / "catalogue" / "lessons"
BEGIN, END = "# --- your code ---", "# --- end ---"

_KEYS = {"title", "minutes", "needs", "stands_in_for", "names", "hints", "check_version", "stub"}
_REQUIRED = {"title", "minutes", "needs", "names", "hints", "check_version"}


@dataclass(frozen=True)
class Lesson:
    """One lesson's folder.

    Attributes:
        names: what the learner writes; the first one finds the lesson from a file.
        needs: ids of lessons whose ideas it uses.
        stands_in_for: what `--with` may replace.
        hints: from a question to nearly the line.
        check_version: raised when the check becomes stricter.
        planted: the stub is broken code (the solution with one mutant's edits), not an empty body.
        fault: the mutant that is planted; None: the learner's seed chooses one.
    """

    folder: Path
    title: Text
    minutes: int
    needs: tuple[str, ...]
    names: tuple[str, ...]
    stands_in_for: tuple[str, ...]
    hints: tuple[Text, ...]
    check_version: int
    planted: bool
    fault: str | None = None

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def track(self) -> str:
        return self.id[0]

    @property
    def function(self) -> str:
        return self.names[0]

    @cached_property
    def solution(self) -> str:
        return self._read("solution.py")

    @cached_property
    def stub(self) -> str:
        """The solution with each marked body cut out: it cannot drift from it."""
        return cut_bodies(self.solution)

    def text(self, lang: str) -> str:
        return self._read(f"text.{lang}.md")

    def why(self, lang: str) -> str:
        return self._read(f"why.{lang}.md")

    def accepted(self) -> dict[str, str]:
        """File name -> text of the unusual solutions that must pass."""
        return {p.name: p.read_text(encoding="utf-8") for p in sorted((self.folder / "accept").glob("*.py"))}

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except OSError:
            raise ProjectError(f"has no {name}", where=str(self.folder)) from None


def read_lesson(folder: Path) -> Lesson:
    """Raises ProjectError naming file and key where lesson.toml is not as it must be."""
    path = folder / "lesson.toml"
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ProjectError("has no lesson.toml", where=str(folder)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"is no valid TOML: {error}", where=str(path)) from None
    unknown, missing = {*facts} - _KEYS, _REQUIRED - {*facts}
    if unknown:
        raise UnknownNameError("key", min(unknown), _KEYS, where=str(path))
    if missing:
        raise ProjectError(f"lacks {min(missing)!r}", where=str(path))
    hints = [_list(facts["hints"], lang, path) for lang in LANGUAGES]
    if len(hints[0]) != len(hints[1]):
        raise ProjectError(f"has {len(hints[0])} hints in English and {len(hints[1])} in Chinese", where=str(path))
    stub = facts.get("stub", "empty")
    return Lesson(
        folder, _text(facts["title"], path), int(facts["minutes"]), tuple(facts["needs"]), tuple(facts["names"]),
        _names(facts.get("stands_in_for", [])), tuple(map(Text, *hints)), int(facts["check_version"]),
        stub != "empty", None if stub in ("empty", "planted") else stub,
    )  # fmt: skip


def all_lessons(root: Path = LESSONS) -> list[Lesson]:
    """In the order of the curriculum: by track, then by number."""
    folders = [p.parent for p in root.glob("*/lesson.toml")]
    return [read_lesson(f) for f in sorted(folders, key=lambda f: _order(f.name))]


def find_lesson(lesson_id: str, root: Path = LESSONS) -> Lesson:
    """By id, by a unique beginning of it (`a2`), or by the path of a lesson's folder. Raises UnknownNameError."""
    if (Path(lesson_id) / "lesson.toml").is_file():
        return read_lesson(Path(lesson_id).resolve())
    ids = [p.parent.name for p in root.glob("*/lesson.toml")]
    fits = [i for i in ids if i == lesson_id] or [i for i in ids if i.split("-")[0] == lesson_id.lower()]
    if not fits:
        raise UnknownNameError("lesson", lesson_id, ids)
    return read_lesson(root / fits[0])


def agreed(lessons: Iterable[Lesson], *, trust: bool) -> bool:
    """Whether the checks of these lessons may run: those that came with the package may, others, which are Python code
    from outside, once somebody has agreed to (see `consent`)."""
    outside = [each.folder for each in lessons if each.folder.resolve().parent != LESSONS.resolve()]
    return consented(sorted(path for folder in outside for path in folder.rglob("*.py")), trust=trust)


def cut_bodies(solution: str) -> str:
    """Raises ProjectError where a mark is missing."""
    kept: list[str] = []
    inside = False
    for line in solution.splitlines():
        if line.strip() == BEGIN and not inside:
            inside = True
            kept.append(line.split("#")[0] + 'raise NotImplementedError("write this")')
        elif line.strip() == END and inside:
            inside = False
        elif not inside:
            kept.append(line)
    if inside or len(kept) == len(solution.splitlines()):
        raise ProjectError(f"solution.py needs {BEGIN!r} and {END!r} around what the learner writes")
    return "\n".join(kept) + "\n"


def _names(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _order(lesson_id: str) -> tuple[str, int]:
    found = re.match(r"([a-z]+)(\d+)", lesson_id)
    return (found[1], int(found[2])) if found else (lesson_id, 0)


def _text(value: Any, path: Path) -> Text:
    if not isinstance(value, dict) or {*value} != {*LANGUAGES}:
        raise ProjectError("title needs en and zh", where=str(path))
    return Text(value["en"], value["zh"])


def _list(value: Any, lang: str, path: Path) -> list[str]:
    found = value.get(lang) if isinstance(value, dict) else None
    if not isinstance(found, list) or not all(isinstance(h, str) for h in found):
        raise ProjectError(f"hints.{lang} must be a list of sentences", where=str(path))
    return found
