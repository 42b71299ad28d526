"""Hosting a lesson: its seeds are drawn, its own solution is graded with them, then it is an event like others."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from deepdojo.competition.hosting.lesson import stub_name
from deepdojo.errors import DojoError
from deepdojo.grader.files import require_agreement
from deepdojo.grader.lessons import LESSONS, Lesson, find_lesson
from deepdojo.grader.words import LANGUAGES
from deepdojo.session.listener import Listener

__all__ = ["LESSON_SEEDS", "host_one_lesson"]

LESSON_SEEDS = 20
"""Half of them stand behind the public board: enough that ten draws tell a solution which fails one case from a right
one at 5 % over a whole board (1 in 1,024 by chance)."""
_PUBLIC_SHARE, _RUN_S, _LARGEST_BYTES, _TRIES = 0.5, 60.0, 1 << 20, 3


def _readme(lesson: Lesson, title: str) -> str:
    """Each paragraph is one line: the server's pages look lines up in their Chinese table."""
    file = stub_name(lesson.id)
    try_it = [f"dojo grade {file} --lesson {lesson.id}"] if lesson.folder.parent == LESSONS else []
    return "\n".join([
        f"# {title}", "",
        f"Write `{lesson.function}` in `{file}` and send that file:", "",
        "```", *try_it, f"dojo submit {file} ADDRESS --wait", "```", "",
        "What is asked for is told in `text.en.md`, in Chinese in `text.zh.md`.", "",
        "The host grades your file with seeds that nobody else has, in a sandbox without a network: Python, torch and "
        "your one file. The score is the share of checks that are right, over all seeds; you read what is wrong as "
        "`dojo grade` says it.", "",
        "A file that gives no answer (it does not parse, stops with an error when it is loaded, or never ends) costs "
        "no submission.", "",
    ])  # fmt: skip


def host_one_lesson(
    lesson_id: str, *, store: Any, db: str | None, port: int, trust: bool, listener: Listener, given: Mapping[str, Any]
) -> dict[str, Any]:
    """See `api.host_lesson`."""
    from deepdojo.competition.host import host_lesson, join_link, lesson_rules, open_store
    from deepdojo.competition.refusal import Refusal
    from deepdojo.session.competing import by_flag, with_moments

    lesson = find_lesson(lesson_id)
    require_agreement(lesson, trust=trust)
    wanted = {"run_s": _RUN_S, "public_share": _PUBLIC_SHARE, "largest_bytes": _LARGEST_BYTES, "name": None,
              "title": lesson.title.en,
              **{name: value for name, value in with_moments(given).items() if value is not None}}  # fmt: skip
    wanted["practice"] = bool(wanted.get("practice")) or lesson.folder.parent == LESSONS
    try:
        rules, public = lesson_rules(lesson.id, LESSON_SEEDS, **wanted)  # before the work, not after it
        listener.stage("seeds", f"{LESSON_SEEDS}, with which {lesson.id}'s own solution is graded")
        seeds, checks = _seeds(lesson)
        with open_store(store, db, create=True) as opened:
            made = host_lesson(
                opened, rules, lesson.folder, function=lesson.function, handed_out=_handed_out(lesson, rules.title),
                seeds=seeds, public=public, checks=checks,
            )  # fmt: skip
    except Refusal as refusal:
        raise by_flag(refusal) from None
    return {**made, "lesson": lesson.id, "link": join_link(made["event"], made["code"], port=port)}


def _seeds(lesson: Lesson) -> tuple[list[int], int]:
    """Seeds on which the lesson's own solution is right, and the checks under each."""
    from deepdojo.grader.grade import grade_source, prepare
    from deepdojo.grader.runner import Runner

    runner = Runner(wall_s=_RUN_S)  # before the check is loaded: its processes then hold no oracle
    try:
        for _ in range(_TRIES):
            seeds = [secrets.randbelow(1 << 31) for _ in range(LESSON_SEEDS)]
            questions = prepare(lesson, seeds, hidden=True)
            verdict = grade_source(lesson, lesson.solution, questions=questions, runner=runner)
            if verdict.passed:
                return seeds, len(questions.check.cases) + (questions.speed is not None)
    finally:
        runner.close()
    raise DojoError(
        f"its own solution is not right: {verdict.head.en}", where=str(lesson.folder),
        todo=f"see dojo lessons check {lesson.id}",
    )  # fmt: skip


def _handed_out(lesson: Lesson, title: str) -> dict[str, str]:
    from deepdojo.grader.loading import stub_of

    return {
        stub_name(lesson.id): stub_of(lesson, secrets.randbelow(1 << 16)), "README.md": _readme(lesson, title),
        **{f"text.{lang}.md": lesson.text(lang) for lang in LANGUAGES},
    }  # fmt: skip
