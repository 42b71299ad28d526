"""What a learner sees: the lesson, verdicts, hints, the list; in any width, with or without colour, on any stream."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from deepdojo.grader.finale import Finale, picture_of
from deepdojo.grader.lessons import Lesson
from deepdojo.learn.folder import shown_path
from deepdojo.learn.learner import Learner, Row
from deepdojo.learn.markdown import Style, render, wrapped
from deepdojo.learn.words import ids_said, say
from deepdojo.learn.wrapping import columns, fit
from deepdojo.stand_ins.table import EXAMPLES, STAND_INS

__all__ = ["Screen", "counted"]

NOWHERE = {each.idea for each in STAND_INS if each.absent}
_MARKS = {"passed": "✓", "earlier": "✓", "open": "·", "skipped": "–", "new": " "}
_MOST = 100  # columns of prose


class Screen:
    """Writes whole lines to a stream.

    Args:
        colour: escape codes are understood.
        live: it is a terminal; elsewhere lines stay whole.
    """

    def __init__(self, learner: Learner, *, colour: bool, stream: TextIO | None = None) -> None:
        self.learner, self._stream, self._colour = learner, stream, colour

    @property
    def lang(self) -> str:
        return self.learner.lang

    @property
    def style(self) -> Style:
        return Style(min(_MOST, self._width()), self._colour)

    def write(self, *lines: str, mark: str = "") -> None:
        """Lines in the colour of `mark`, broken to fit a terminal."""
        stream = self._stream or sys.stdout
        whole = [piece for line in lines for piece in fit(line, self._width())] if stream.isatty() else lines
        print("\n".join(self.style.paint(line, mark) for line in whole), file=stream, flush=True)

    def say(self, name: str, mark: str = "", **values: Any) -> None:
        self.write(say(self.lang, name, **values), mark=mark)

    def lesson(self, lesson: Lesson, path: Path, rows: Sequence[Row]) -> None:
        """The idea first, then where to write and what to do."""
        parts = [lesson.id, say(self.lang, "minutes", n=lesson.minutes)]
        if lesson.needs:
            parts.append(say(self.lang, "needs", ids=ids_said(self.lang, lesson.needs)))
        self.write("", self.bar(rows))
        self.write(" · ".join(parts), mark="2")
        self._raw(render(lesson.text(self.lang), self.style))
        self.write("", self._rule())
        self.write(say(self.lang, "file", file=shown_path(path)), mark="1")
        self.say("do_mend" if lesson.planted else "do_write")

    def checking(self) -> None:
        self.write(f"{time.strftime('%H:%M:%S')} {say(self.lang, 'checking')}", mark="2")

    def verdict(self, verdict: Any, *, keys: bool) -> None:
        """Whole and at once."""
        said = verdict.render(
            self.lang, width=self._width(), keys=say(self.lang, "failed_keys") if keys and not verdict.passed else None
        )
        head, _, rest = said.partition("\n")
        lines = self.style.paint(wrapped(head, self._width()), "32" if verdict.passed else "31")
        self._raw(lines + ("\n" + wrapped(rest, self._width()) if rest else ""))

    def passed(self, lesson: Lesson, path: Path, following: Lesson | None, finale: Finale | None = None) -> None:
        """Why it works, what it can do, and what comes next."""
        self._raw("\n" + render(lesson.why(self.lang), self.style) + "\n")
        if finale is not None:
            self.finale(finale, path)
        self.passed_on(lesson, path, following)

    def finale(self, finale: Finale, path: Path) -> None:
        """The picture, here and as a file beside the learner's."""
        self._raw("\n".join(finale.lines(self._colour, self.lang)) + "\n")
        self.write(finale.said[self.lang])
        picture = picture_of(path)
        with suppress(OSError):  # a folder that may not be written
            finale.png(picture, self.lang)
            self.say("picture", "2", file=shown_path(picture))
        self.write("")

    def passed_on(self, lesson: Lesson, path: Path, following: Lesson | None) -> None:
        places = [EXAMPLES.get(idea, "PROJECT") for idea in lesson.stands_in_for if idea not in NOWHERE]
        if places:
            self.say("with", command=f"dojo train {places[0]}", file=shown_path(path))
        if following is None:
            self.say("all_passed", "1")
        else:
            self.write(say(self.lang, "passed_next", id=following.id, title=following.title[self.lang]), mark="1")

    def hint(self, lesson: Lesson, number: int, text: Any) -> None:
        total = len(lesson.hints)
        self.say("hint", "33", n=number, total=total, text=text[self.lang])
        if number == total:
            self.say("last_hint", "2")

    def details(self, verdict: Any | None) -> None:
        parts = [verdict.trace.rstrip(), verdict.output.rstrip()] if verdict is not None else []
        if verdict is not None and verdict.context[self.lang] and not verdict.passed:
            parts.insert(0, verdict.context[self.lang])
        if not any(parts):
            self.say("no_details")
            return
        self._raw("\n\n".join(part for part in parts if part))

    def rows(self, rows: Sequence[Row]) -> None:
        """The list: mark, id, minutes, title, what is known."""
        self.write(self.bar(rows))
        wide = max(len(row.lesson.id) for row in rows) + 2
        track = None
        for row in rows:
            if track is not None and row.lesson.track != track:
                self.write("")
            track = row.lesson.track
            self._row(row, wide)

    def known(self, row: Row) -> str:
        """State, attempts, and whether the solution was seen."""
        said = [] if row.shown in ("new", "passed") else [say(self.lang, f"state_{row.shown}")]
        if row.entry.attempts:
            said.append(say(self.lang, "attempt" if row.entry.attempts == 1 else "attempts", n=row.entry.attempts))
        if row.entry.given_up:
            said.append(say(self.lang, "given_up"))
        return " · ".join(said)

    def code(self, text: str) -> None:
        lines = render(f"```python\n{text.rstrip()}\n```", self.style)
        self._raw(lines)

    def bar(self, rows: Sequence[Row]) -> str:
        """`██████░░░░  3 of 57 passed`."""
        passed, total = counted(rows)
        full = round(20 * passed / total) if total else 0
        return "█" * full + "░" * (20 - full) + "  " + say(self.lang, "bar", passed=passed, total=total)

    def markdown(self, text: str) -> None:
        self._raw(render(text, self.style))

    def _row(self, row: Row, wide: int) -> None:
        sign = "→" if row.current else " "
        line = f"{sign}{_MARKS[row.shown]} {row.lesson.id:<{wide}}{row.lesson.title[self.lang]}"
        known = self.known(row)
        end = f"  ({known})" if known else ""
        mark = "32" if row.shown in ("passed", "earlier") else "1" if row.current else ""
        if columns(line + end) <= self._width():
            self.write(line + end, mark=mark)
        else:
            self.write(*fit(line, self._width(), indent=wide + 3), mark=mark)
            if end:
                self.write(" " * (wide + 3) + end.strip(), mark=mark)

    def _raw(self, text: str) -> None:
        print(text, file=self._stream or sys.stdout, flush=True)

    def _rule(self) -> str:
        return "─" * min(self._width(), 40)

    def _width(self) -> int:
        return max(30, shutil.get_terminal_size((80, 24)).columns - 1)


def counted(rows: Iterable[Row]) -> tuple[int, int]:
    """Passed, all."""
    states = [row.shown for row in rows]
    return sum(state in ("passed", "earlier") for state in states), len(states)
