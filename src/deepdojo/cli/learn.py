"""`dojo learn`: the next lesson, watched; and the verbs on a learner's folder."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from deepdojo.cli.options import Json, LessonTrust, option
from deepdojo.cli.output import colourful, out, print_json, styled
from deepdojo.learn.words import LearnError, refuse, say

if TYPE_CHECKING:
    from deepdojo.learn.learner import Learner
    from deepdojo.learn.screen import Screen

__all__ = ["learn"]


def learn(
    what: Annotated[
        str | None,
        option("A lesson, or list, check, hint, skip, reset, solution, verify, export, gradebook.", "Arguments"),
    ] = None,
    which: Annotated[str | None, option("The lesson, or gradebook's folder.", "Arguments")] = None,
    /,
    *,
    lang: Annotated[str | None, option("Language: en or zh; kept. Default: that of the locale.", "Output")] = None,
    from_: Annotated[
        str | None, option("An instructor's folder of lessons; `built-in` goes back.", "What", name="--from")
    ] = None,
    give_up: Annotated[bool, option("solution: before the pass; your progress says so.", "What")] = False,
    web: Annotated[bool, option("Show the lesson in the browser, on this machine alone.", "What")] = False,
    port: Annotated[int, option("--web: the port; 0 takes a free one.", "What")] = 0,
    output: Annotated[
        Path | None, option("export: the file; gradebook: beginning of both files' names.", "Output", short="-o")
    ] = None,
    seed: Annotated[int | None, option("gradebook: the seed; default: drawn anew.", "What")] = None,
    no_grade: Annotated[bool, option("gradebook: the table alone, no file is run.", "What")] = False,
    trust: LessonTrust = False,
    json: Json = False,
) -> int:
    """Learn by writing it: the next lesson, checked as you save.

    dojo learn                 the next lesson: write, save, read what is wrong
    dojo learn a2-softmax      that lesson;  dojo learn list shows all
    dojo learn hint            also: check, skip, reset, solution, verify
    dojo learn export          a progress file;  gradebook FOLDER makes a table
    """
    from deepdojo import api

    spoken = api.lesson_language(lang)
    given = {"lang": lang, "source": from_, "trust": trust}
    call = _Call(what, which, spoken, given, json)
    try:
        if what == "gradebook":
            return _gradebook(call, output, seed, grade=not no_grade)
        if what in _VERBS:
            return _verb(call, output, give_up)
        return _watch(call, web=web, port=port)
    except LearnError as fault:
        raise fault.speak(call.lang) from None


class _Call:
    """What was asked for."""

    def __init__(self, what: str | None, which: str | None, lang: str, given: dict[str, Any], json: bool) -> None:
        self.what, self.which, self.lang, self.given, self.json = what, which, lang, given, json


def _screen(learner: Learner) -> Screen:
    from deepdojo.learn.folder import shown_path
    from deepdojo.learn.screen import Screen

    screen = Screen(learner, colour=colourful(sys.stdout))
    if learner.kept_aside is not None:
        print(styled(say(learner.lang, "damaged", file=shown_path(learner.kept_aside)), "warn", sys.stderr),
              file=sys.stderr)  # fmt: skip
    return screen


def _watch(call: _Call, *, web: bool, port: int) -> int:
    from deepdojo import api

    if call.which is not None:
        raise refuse("one_too_many", name=call.which)
    learner = api.learner(where_none="ignore", **call.given)
    lesson = learner.to_open(call.what, _WORDS)  # nothing is made for a typo
    if not learner.begun:
        learner = api.learner(where_none="make", **call.given)
    screen = _screen(learner)
    if learner.folder != Path.cwd() and not (learner.progress().current):
        screen.say("made", folder=str(learner.folder.name))
    signal.signal(signal.SIGTERM, _stop)
    if web:
        from deepdojo.learn.web import serve

        return serve(learner, lesson, port, lambda address: screen.say("web", address=address))
    from deepdojo.learn.watch import Watch

    watch = Watch(learner, screen)
    try:
        watch.run(lesson)
    except KeyboardInterrupt:
        out()
    screen.write(watch.bye())
    return 0


def _stop(*_: object) -> None:
    """Ended from outside: the terminal gets its mode back, the time spent is kept."""
    raise KeyboardInterrupt


def _verb(call: _Call, output: Path | None, give_up: bool) -> int:
    from deepdojo import api

    learner = api.learner(where_none="ignore" if call.what == "list" else "refuse", **call.given)
    screen = _screen(learner)
    if call.which is not None and call.what in ("list", "verify"):
        raise refuse("one_too_many", name=call.which)
    if call.what != "list" and (call.given["lang"] or call.given["source"]):
        learner.keep_choices()
    if call.what == "solution":
        return _solution(call, learner, screen, give_up)
    if call.what == "export":
        return _export(call, learner, output)
    verb: Callable[[_Call, Learner, Screen], int] = _VERBS[str(call.what)]
    return verb(call, learner, screen)


def _list(call: _Call, learner: Learner, screen: Screen) -> int:
    rows = learner.rows()
    if call.json:
        print_json([row.as_json() for row in rows])
        return 0
    screen.rows(rows)
    lesson = learner.to_open()
    _next(learner, f"dojo learn {lesson.id}", lesson.title[learner.lang])
    return 0


def _check(call: _Call, learner: Learner, screen: Screen) -> int:
    from deepdojo.learn.checker import Checker
    from deepdojo.learn.folder import read_answer

    lesson = learner.lesson(call.which)
    path = learner.path(lesson)
    text = read_answer(path)
    checker = Checker()
    verdict = checker.grade(lesson, text, path)
    learner.record(lesson, text, verdict.passed)
    if call.json:
        print_json(verdict.as_json())
        return int(not verdict.passed)
    screen.verdict(verdict, keys=False)
    if verdict.passed:
        shown = checker.finale(lesson, text, path, learner.progress().seed)
        screen.passed(lesson, path, learner.following(lesson), shown)
    return int(not verdict.passed)


def _hint(call: _Call, learner: Learner, screen: Screen) -> int:
    lesson = learner.lesson(call.which)
    number, text = learner.hint(lesson)
    if call.json:
        print_json({"lesson": lesson.id, "hint": number, "of": len(lesson.hints), **text.as_json()})
        return 0
    screen.write(f"{lesson.id} · {lesson.title[learner.lang]}", mark="2")
    screen.hint(lesson, number, text)
    return 0


def _skip(call: _Call, learner: Learner, screen: Screen) -> int:
    lesson = learner.lesson(call.which)
    following = learner.skip(lesson)
    if call.json:
        print_json({"skipped": lesson.id, "next": following.id if following else None})
        return 0
    screen.say("skipped", id=lesson.id)
    if following is None:
        screen.say("all_passed")
    else:
        _next(learner, "dojo learn", f"{following.id} {following.title[learner.lang]}")
    return 0


def _reset(call: _Call, learner: Learner, screen: Screen) -> int:
    from deepdojo.learn.folder import shown_path

    lesson = learner.lesson(call.which)
    path, kept = learner.reset(lesson)
    if call.json:
        print_json({"file": str(path), "kept": str(kept) if kept else None})
        return 0
    screen.say("reset", file=shown_path(path))
    if kept is not None:
        screen.say("kept", file=shown_path(kept))
    return 0


def _verify(call: _Call, learner: Learner, screen: Screen) -> int:
    from deepdojo.learn.checker import Checker

    checker: list[Checker] = []

    def grade(*given: Any) -> Any:
        if not checker:
            checker.append(Checker())  # torch loads only where there is something to check
        return checker[0].grade(*given)

    found: list[dict[str, Any]] = []
    for lesson, result, verdict in learner.verify(grade):
        said = _reason(verdict, learner.lang)
        sign = {"pass": "✓", "stub": " "}.get(result, "✗")
        found.append({"lesson": lesson.id, "result": result, "why": said or None})
        if not call.json:
            line = f"{sign} {lesson.id}  {say(learner.lang, f'verify_{result}', why=said)}"
            screen.write(line, mark="32" if result == "pass" else "")
    learner.keep_choices()
    passed, tried = sum(f["result"] == "pass" for f in found), sum(f["result"] != "stub" for f in found)
    if call.json:
        print_json(found)
    else:
        screen.say("verified" if found else "verified_none", n=tried, passed=passed)
    return 0


def _reason(verdict: Any, lang: str) -> str:
    if isinstance(verdict, LearnError):
        return str(verdict.speak(lang))
    return "" if verdict is None or verdict.passed else verdict.cause(lang) or verdict.head[lang]


def _solution(call: _Call, learner: Learner, screen: Screen, give_up: bool) -> int:
    lesson = learner.lesson(call.which)
    texts = learner.solution(lesson, give_up=give_up)
    if call.json:
        print_json({"lesson": lesson.id, "files": texts})
        return 0
    for name, text in texts.items():
        screen.say("solution_seen" if name == "solution.py" else "other_ways", "1", id=lesson.id, file=name)
        screen.code(text)
        out()
    return 0


def _export(call: _Call, learner: Learner, output: Path | None) -> int:
    from deepdojo import api
    from deepdojo.learn.folder import shown_path

    path, content = api.export_progress(learner, call.which or output)
    if call.json:
        print_json({"file": str(path), **content})
        return 0
    passed = sum(each["state"] == "passed" for each in content["lessons"].values())
    out(say(learner.lang, "exported", file=shown_path(path), passed=passed))
    out(say(learner.lang, "no_proof"))
    return 0


def _gradebook(call: _Call, output: Path | None, seed: int | None, *, grade: bool) -> int:
    from deepdojo import api
    from deepdojo.cli.output import table
    from deepdojo.learn.folder import shown_path

    if call.which is None:
        raise refuse("one_missing")
    book = api.gradebook(
        call.which, lang=call.lang, source=call.given["source"], trust=call.given["trust"], grade=grade, seed=seed,
        output=output,
    )  # fmt: skip
    if call.json:
        print_json(book.as_json())
        return 0
    table(book.summary(call.lang), book.heads(call.lang), right=range(1, 6))
    out()
    out(book.said(call.lang))
    for path in book.files:
        out(shown_path(path))
    return 0


def _next(learner: Learner, command: str, why: str) -> None:
    out()
    colon = "：" if learner.lang == "zh" else ": "
    out(f"{say(learner.lang, 'next')}{colon}{styled(command, 'accent')}   {styled(why, 'dim')}")


_VERBS: dict[str, Any] = {
    "list": _list, "check": _check, "hint": _hint, "skip": _skip, "reset": _reset, "verify": _verify,
    "solution": None, "export": None,
}  # fmt: skip
_WORDS = (*_VERBS, "gradebook")
