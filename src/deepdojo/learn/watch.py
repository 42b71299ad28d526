"""`dojo learn`: watches one lesson's file and says what is wrong with it as soon as it is saved.

Three threads put events into one queue (keys, files, verdicts); the main thread alone prints and changes the state.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from deepdojo.errors import DojoError
from deepdojo.grader.lessons import Lesson
from deepdojo.learn.checker import Checker
from deepdojo.learn.folder import digest, read_answer
from deepdojo.learn.keys import Keys
from deepdojo.learn.learner import Learner
from deepdojo.learn.screen import Screen, counted
from deepdojo.learn.words import LearnError, say

__all__ = ["Watch"]

_POLL_S = 1.0  # on drives whose changes send no event
_PAUSE_S = 300.0  # a longer pause is no work
_SETTLE_S = 0.4  # an editor that replaces a file takes it away for a moment
Event = tuple[str, Any]


class Watch:
    """One session at one folder.

    Args:
        lines: where there is no terminal, keys are read as lines, and their end is the end.
    """

    def __init__(self, learner: Learner, screen: Screen, *, lines: bool = True) -> None:
        self.learner, self.screen, self.lines = learner, screen, lines
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.lesson: Lesson
        self.path: Path
        self.seen = ""  # digest of the text that was taken last
        self.stamp: Any = None
        self.job = 0  # the newest one; verdicts of others are dropped
        self.busy = False
        self.passing = False  # the verdict is out; what a pass shows is still being made
        self.verdict: Any = None
        self.fault = ""  # what was said of a file that cannot be read
        self.checker: Checker
        self.leaving = False  # n was pressed once before the pass
        self.since = time.monotonic()
        self.spent = 0.0

    def run(self, lesson: Lesson, begun: Callable[[], None] | None = None) -> None:
        """Until q, Ctrl-C or the end of the input. `begun` is called once other threads may begin."""
        stop = threading.Event()
        with Keys(self.events) as keys:
            self._open(lesson)
            self.screen.say("loading", "2")
            self.checker = Checker()  # before the threads: it forks
            threads = [
                threading.Thread(target=self._grade, name="verdicts", daemon=True),
                threading.Thread(target=self._see, args=(stop,), name="files", daemon=True),
            ]
            for thread in threads:
                thread.start()
            if begun is not None:
                begun()
            if keys.terminal or self.lines:
                keys.listen()
            self._begin()
            if self.lines and not keys.terminal:
                self.screen.say("lines", "2")
            try:
                self._loop()
            finally:
                stop.set()
                self.jobs.put(None)
                self._leave()
                self.job += 1
                self.checker.stop()
                for thread in threads:  # Python must not end while torch works in one
                    thread.join(5.0)

    def _loop(self) -> None:
        while True:
            try:
                kind, value = self.events.get(timeout=_POLL_S)
            except queue.Empty:
                kind, value = "tick", None
            if kind == "key":
                self._active()
                if value in ("q", "") and not (value == "" and self._last_verdict()):
                    return
                self._press(value)
            elif kind == "file" or (kind == "tick" and self._stamped() != self.stamp):
                self._saved()
            elif kind == "verdict":
                self._judged(*value)
            elif kind == "pass":
                self._show_pass(*value)
            elif kind == "open":
                self._leave()
                self._open(self.learner.lesson(value))
                self._begin()

    def _open(self, lesson: Lesson) -> None:
        self.lesson, self.path = lesson, self.learner.open(lesson)
        self.seen, self.verdict, self.leaving, self.fault = "", None, False, ""
        self.job += 1
        self.busy = self.passing = False
        self.screen.lesson(lesson, self.path, self.learner.rows())

    def _begin(self) -> None:
        """After the lesson's text: have its cases drawn, and look at what is in the file already."""
        self.jobs.put((0, self.lesson, None, None))
        self.screen.say("keys", "2")
        text = self._text()
        if text is not None:
            self.seen = digest(text)
            if not self.learner.is_stub(self.lesson, text):
                self._check(text)

    # What comes in.

    def _press(self, key: str) -> None:
        if key != "n":
            self.leaving = False
        actions = {"h": self._hint, "n": self._next, "l": self._list, "t": self._details, "r": self._again,
                   "s": self._switch}  # fmt: skip
        if key in actions:
            try:
                actions[key]()
            except DojoError as fault:  # a folder that may not be written any more
                self.screen.write(_spoken(fault, self.learner.lang), mark="31")
        elif key:
            self.screen.say("keys", "2")

    def _saved(self) -> None:
        text = self._text()
        if text is None or digest(text) == self.seen:
            return
        self._active()
        self.seen = digest(text)
        self._check(text)

    def _judged(self, job: int, lesson: Lesson, text: str, verdict: Any) -> None:
        if job != self.job:
            return  # of a text that is no longer there
        self.busy, self.verdict = False, verdict
        unsaved: DojoError | None = None
        try:  # first: a pass that is seen is a pass that is kept
            self.learner.record(lesson, text, verdict.passed, seconds=self._take_spent())
        except DojoError as fault:
            unsaved = fault
        self.screen.verdict(verdict, keys=True)
        if unsaved is not None:
            self.screen.say("not_saved", "33", why=_spoken(unsaved, self.learner.lang))
        self.passing = verdict.passed
        if not verdict.passed:
            self.screen.write("")

    # What keys do.

    def _hint(self) -> None:
        number, text = self.learner.hint(self.lesson)
        self.screen.hint(self.lesson, number, text)

    def _next(self) -> None:
        passed = self.learner.entry(self.lesson).state == "passed"
        if not passed and not self.leaving:
            self.leaving = True
            self.screen.say("not_passed", "33", id=self.lesson.id)
            return
        self._leave()
        if passed:
            following = self.learner.following(self.lesson)
        else:
            following = self.learner.skip(self.lesson)
            self.screen.say("skipped", id=self.lesson.id)
        if following is None:
            self.screen.say("all_passed", "1")
            return
        self._open(following)
        self._begin()

    def _list(self) -> None:
        self.screen.rows(self.learner.rows())

    def _details(self) -> None:
        self.screen.details(self.verdict)

    def _again(self) -> None:
        text = self._text()
        if text is not None:
            self.seen = digest(text)
            self._check(text)

    def _switch(self) -> None:
        self.learner.speak("en" if self.learner.lang == "zh" else "zh")
        self.screen.lesson(self.lesson, self.path, self.learner.rows())
        self.screen.say("keys", "2")
        if self.verdict is not None:
            self.screen.verdict(self.verdict, keys=True)

    # Helpers.

    def _check(self, text: str) -> None:
        self.job += 1
        if self.busy:
            self.checker.stop()  # of a text that is no longer there
        self.busy, self.passing = True, False
        self.screen.checking()
        self.jobs.put((self.job, self.lesson, text, self.path))

    def _text(self) -> str | None:
        """The file's text once it has come to rest; what is wrong with it is said once."""
        self.stamp = self._stamped()
        until = time.monotonic() + _SETTLE_S
        while True:
            try:
                text = read_answer(self.path)
                if text.strip() or time.monotonic() > until:
                    self.fault = ""
                    return text
            except LearnError as fault:
                if time.monotonic() > until:
                    said = _spoken(fault, self.learner.lang)
                    if said != self.fault:
                        self.screen.write(said, mark="31")
                    self.fault, self.seen = said, ""
                    return None
            time.sleep(0.02)
            self.stamp = self._stamped()

    def _stamped(self) -> Any:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _show_pass(self, job: int, finale: Any) -> None:
        if job == self.job:
            self.passing = False
            self.screen.passed(self.lesson, self.path, self.learner.following(self.lesson), finale)
            self.screen.write("")

    def _last_verdict(self) -> bool:
        """At the end of the input: whether a verdict is still awaited; it is printed before the end."""
        end = time.monotonic() + 60
        while (self.busy or self.passing) and time.monotonic() < end:
            with suppress(queue.Empty):
                kind, value = self.events.get(timeout=_POLL_S)
                if kind == "verdict":
                    self._judged(*value)
                elif kind == "pass":
                    self._show_pass(*value)
        return False

    def _active(self) -> None:
        now = time.monotonic()
        self.spent += min(now - self.since, _PAUSE_S)
        self.since = now

    def _take_spent(self) -> float:
        spent, self.spent = self.spent, 0.0
        return spent

    def _leave(self) -> None:
        with suppress(DojoError):
            self.learner.spend(self.lesson, self._take_spent())

    # The other threads.

    def _grade(self) -> None:
        while (job := self.jobs.get()) is not None:
            number, lesson, text, path = job
            if text is None:
                with suppress(Exception):  # told with the first verdict
                    self.checker.prepare(lesson)
            elif number == self.job:
                verdict = self.checker.grade(lesson, text, path, stub=self.learner.fault_of(lesson))
                self.events.put(("verdict", (number, lesson, text, verdict)))
                if verdict.passed:
                    self.events.put(("pass", (number, self._finale(lesson, text, path))))
            with suppress(Exception):  # a check that fails is told with the verdict
                self.checker.look_ahead(lesson, self.jobs.empty)

    def _finale(self, lesson: Lesson, text: str, path: Path) -> Any:
        return self.checker.finale(lesson, text, path, self.learner.progress().seed)

    def _see(self, stop: threading.Event) -> None:
        from watchfiles import watch

        with suppress(Exception):  # the folder is gone, or the system has no more watches: it is looked at each second
            for changes in watch(
                self.learner.folder, step=10, debounce=100, stop_event=stop, recursive=False, raise_interrupt=False,
                watch_filter=lambda _, path: Path(path).name == self.path.name,
            ):  # fmt: skip
                if changes:
                    self.events.put(("file", None))

    def bye(self) -> str:
        passed, total = counted(self.learner.rows())
        return say(self.learner.lang, "bye", passed=passed, total=total)


def _spoken(fault: DojoError, lang: str) -> str:
    return str(fault.speak(lang) if isinstance(fault, LearnError) else fault)
