"""`.dojo/learn.json`: where a learner is. Written atomically under a lock: two processes or a kill do no harm."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deepdojo.learn.words import refuse
from deepdojo.locks import waiting_for
from deepdojo.places import write_json

__all__ = ["FORMAT", "Entry", "Progress", "StateFile"]

FORMAT = 1
_STATES = ("open", "passed", "skipped")


@dataclass
class Entry:
    """What is kept of one lesson.

    Attributes:
        state: "open", "passed" or "skipped".
        attempts: verdicts on texts that differ from the one before.
        hints: how many were shown.
        seconds: with the lesson before the eyes; a pause counts five minutes at most.
        passed_at: UTC, ISO 8601.
        file_sha256: of the text that was graded last.
        check_version: of the check that was passed.
        given_up: the solution was shown before the pass.
    """

    state: str = "open"
    attempts: int = 0
    hints: int = 0
    seconds: int = 0
    passed_at: str | None = None
    file_sha256: str | None = None
    check_version: int | None = None
    given_up: bool = False


@dataclass
class Progress:
    """The whole file.

    Attributes:
        lang: "en" or "zh", once chosen.
        current: the lesson that was open last.
        source: an instructor's folder of lessons; None: the built-in ones.
        seed: the learner's own; it chooses the fault that a debugging lesson plants.
    """

    lang: str | None = None
    current: str | None = None
    source: str | None = None
    seed: int = field(default_factory=lambda: secrets.randbelow(1 << 31))
    lessons: dict[str, Entry] = field(default_factory=dict)

    def entry(self, lesson_id: str) -> Entry:
        return self.lessons.setdefault(lesson_id, Entry())

    def as_json(self) -> dict[str, Any]:
        head: dict[str, Any] = {"format": FORMAT, "lang": self.lang, "current": self.current, "seed": self.seed}
        if self.source is not None:
            head["from"] = self.source
        return {**head, "lessons": {name: asdict(entry) for name, entry in self.lessons.items()}}


class StateFile:
    """The state of one learner's folder.

    Attributes:
        kept_aside: where a file went that could not be read, for one sentence about it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / ".dojo" / "learn.json"
        self.kept_aside: Path | None = None

    def read(self, *, look: bool = False) -> Progress:
        """What the file says; where it is damaged it is kept as .bak, and nothing is known.

        Args:
            look: leave a damaged one where it is.

        Raises:
            LearnError: a later DeepDojo wrote it, or it may not be read.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return Progress()
        except OSError as error:
            raise refuse("unreadable", where=str(self.path), why=error.strerror or error) from error
        try:
            return _parsed(json.loads(text), self.path)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            if not look:
                self._put_aside()
            return Progress()

    @contextmanager
    def change(self) -> Iterator[Progress]:
        """Reads, lets the caller change, and writes, while no other process can. Raises LearnError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = waiting_for(self.path.with_suffix(".lock"))
            with lock:
                progress = self.read()
                before = progress.as_json()
                yield progress
                after = progress.as_json()
                if after != before or not self.path.exists():
                    write_json(self.path, after)
        except OSError as error:
            raise refuse("read_only", where=str(self.path.parent.parent), why=error.strerror or error) from error

    def _put_aside(self) -> None:
        aside, number = self.path.with_name("learn.json.bak"), 1
        while aside.exists():
            aside, number = self.path.with_name(f"learn.json.bak{number}"), number + 1
        try:
            self.path.rename(aside)
            self.kept_aside = aside
        except FileNotFoundError:  # another process has just done it
            return
        except OSError as error:
            raise refuse("read_only", where=str(self.path), why=error.strerror or error) from error


def _parsed(value: Any, path: Path) -> Progress:
    if value["format"] != FORMAT:
        if isinstance(value["format"], int) and value["format"] > FORMAT:
            raise refuse("newer", where=str(path))
        raise ValueError("format")
    lessons = {str(name): _entry(each) for name, each in value["lessons"].items()}
    lang, current, source = value.get("lang"), value.get("current"), value.get("from")
    if lang not in (None, "en", "zh") or not all(isinstance(x, (str, type(None))) for x in (current, source)):
        raise ValueError("head")
    seed = value.get("seed")
    known = {"seed": seed} if isinstance(seed, int) and seed >= 0 else {}
    return Progress(lang, current, source, lessons=lessons, **known)


def _entry(value: Any) -> Entry:
    known = {name: value[name] for name in Entry.__dataclass_fields__ if name in value}
    entry = Entry(**known)
    counts = (entry.attempts, entry.hints, entry.seconds)
    if entry.state not in _STATES or not all(type(n) is int and n >= 0 for n in counts):
        raise ValueError("entry")
    return entry
