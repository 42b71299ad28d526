"""`dojo lessons`: for those who write lessons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from deepdojo.cli.options import Json, option
from deepdojo.cli.output import next_step, out, print_json, quoted, styled
from deepdojo.cli.words import plural
from deepdojo.errors import UnknownNameError, UsageError

__all__ = ["lessons"]

_VERBS = ("check", "new")


def lessons(
    verb: Annotated[str, option("check or new.", "Arguments")],
    names: Annotated[list[str] | None, option("Ids of lessons, or a new lesson's folder.", "Arguments")] = None,
    /,
    *,
    seeds: Annotated[int, option("How many seeds right and wrong solutions are tried with.", "What")] = 20,
    lessons: Annotated[Path | None, option("A folder of lessons instead of the built-in ones.", "What")] = None,
    json: Json = False,
) -> int:
    """Check lessons as their author must, or start a new one.

    dojo lessons check                     all: right passes, wrong is named
    dojo lessons check a2-softmax --seeds 3
    dojo lessons new lessons/x1-double     a lesson to start from
    """
    from deepdojo import api

    given = names or []
    if verb == "new":
        if len(given) != 1:
            raise UsageError(
                "one folder is needed", where="dojo lessons new", todo="give it, such as lessons/x1-double"
            )
        folder = api.new_lesson(given[0])
        if json:
            print_json({"folder": str(folder)})
            return 0
        out(f"{folder}: a lesson to start from")
        next_step(f"dojo lessons check {quoted(folder)}", "it passes; keep it so")
        return 0
    if verb != "check":
        raise UnknownNameError("verb", verb, _VERBS, where="dojo lessons")
    reports = []
    for report in api.check_lessons(given, seeds=seeds, lessons=lessons):
        reports.append(report)
        if not json:
            _print(report)
    if json:
        print_json([r.as_json() for r in reports])
    return int(not all(r.ok for r in reports))


def _print(report: object) -> None:
    found = vars(report)
    if not found["faults"]:
        tried = f"{plural(found['mutants'], 'mistake')} named, {plural(found['variants'], 'right solution')}"
        out(f"{styled('ok', 'good')}   {found['lesson']}  {tried}, {plural(found['seeds'], 'seed')}, "
            f"{found['check_s']:.2f} s a verdict")  # fmt: skip
        return
    out(f"{styled('bad', 'bad')}  {found['lesson']}")
    for fault in found["faults"]:
        out("     " + fault.replace("\n", "\n     "))
